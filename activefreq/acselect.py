"""AcSelect: which error region the next click goes to, and the strategies it is compared with.

A click corrects one error region, a connected component of the false negatives or of the false positives. AcSelect
(ActiveFreq, section 3.1) scores every region by the network's own probabilities p and clicks the best one:

- Eq. 1, largest pixel entropy: MPE = max over the region of -(p log p + (1 - p) log(1 - p)).
- Eq. 2, average pixel entropy: APE = the mean of the same.
- Eq. 3, regional group uncertainty: RGU = 1 - log |P_e - P̄|.
- Eq. 4, the most mistaken pixel: P_e = max p for a false positive, min p for a false negative region.
- Eq. 5, P̄ = the region's mean of Σ_c p(y = c).
- Eq. 6, score: RS = w_a MPE + w_b APE + w_c RGU, with weights .35, .35 and .30.
- Eq. 7, the region with the largest RS is clicked.

Read word for word the score degenerates. In a region of one pixel P_e = P̄, so the logarithm goes to minus infinity
and RS to plus infinity: one-pixel regions win over everything that is worth a click. A floor under the logarithm
(`rgu_eps`) bounds their advantage and does not remove it, `min_area` only moves the choice to regions just above it,
and the score holds no measure of area although the text asks for regions with many wrong pixels. Eq. 5, besides, adds
up the probabilities of all classes, which is 1 for every pixel. Hence the readings:

- `literal`: Eq. 6 as printed, with P̄ the mean foreground probability.
- `class_sum`: Eq. 6 as printed, with Eq. 5 as printed, so P̄ = 1.
- `bounded`: Eq. 6 with RGU = 1 - |P_e - P̄|, which keeps the idea and the range.
- `error_sum`: Σ |p - g| over the region, g the truth: how much probability is wrong there.
- `entropy_sum`: Σ entropy over the region: Eq. 2 without the division, so that area counts.

Where in the region the click falls the paper leaves open; it matters more than which sum ranks the regions. The default
of "acselect", placement `distance_error3`, is the pixel with the largest distance × |p - g|³: far from the region's
edge, and one the network is surely wrong about, as Eq. 4 looks for. It keeps the three criteria of section 3.1, many
wrong pixels (the sum), certainty of the mistake (the power) and consistency (a pixel amid its like, by the distance),
and measured best (the README's study has the table).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from activefreq.ops.select_click import Selection, select_click
from activefreq.reference.click_rule import PLACEMENTS, READINGS, STRATEGIES, USED_BY, ClickRule
from activefreq.reference.fixed_point import ONE
from activefreq.reference.region_table import region_table
from activefreq.strategies import AskingStrategy, Grouped, LookAhead, Seed, Strategy

__all__ = [
    "FURTHER_STRATEGIES",
    "PLACEMENTS",
    "READINGS",
    "STRATEGIES",
    "RegionScore",
    "Selection",
    "Strategy",
    "make_strategy",
    "printed_name",
    "region_scores",
    "strategy_options",
]

FURTHER_STRATEGIES: dict[str, tuple[type[Grouped | LookAhead], dict[str, Any]]] = {
    "grouped": (Grouped, {}),
    "look-ahead": (LookAhead, {}),
    "look-ahead-bound": (LookAhead, {"gain": "true", "among": "errors"}),
}
"""Strategies beyond those of `select_click`: the class behind each name, and the options that the name fixes."""


def printed_name(strategy: str) -> str:
    """A strategy's name as tables and charts show it: it says where clicks were chosen by the truth, as a bound."""
    return f"{strategy} (a bound: uses the truth)" if strategy == "look-ahead-bound" else strategy


def strategy_options(strategy: str) -> list[str]:
    """The options that `make_strategy` takes for a strategy, sorted.

    Raises:
        ValueError: an unknown strategy.
    """
    if strategy in FURTHER_STRATEGIES:
        made_by, fixed = FURTHER_STRATEGIES[strategy]
        return sorted(set(inspect.signature(made_by).parameters) - set(fixed))
    if strategy not in STRATEGIES:
        names = ", ".join((*STRATEGIES, *FURTHER_STRATEGIES))
        raise ValueError(f"make_strategy: strategy must be one of {names}, got {strategy!r}")
    others = set() if strategy == "acselect" else set(USED_BY)
    return sorted(set(inspect.signature(ClickRule).parameters) - {"strategy"} - others)


def make_strategy(
    strategy: str | Callable[..., Selection] | AskingStrategy,
    **options: Any,  # noqa: ANN401 - the strategy checks them
) -> Strategy | AskingStrategy:
    """A click strategy as `activefreq.evaluate` uses it.

    Args:
        strategy: one of `STRATEGIES` or `FURTHER_STRATEGIES`, a function f(prob, target, clicked) -> Selection of your
            own, or an object of your own with a method `select_with` (`activefreq.strategies.AskingStrategy`).
        options: for a name, the options of `strategy_options`: those of `activefreq.ops.select_click` (threshold,
            reading, …), of `activefreq.strategies.Grouped` or of `LookAhead`. Defaults hold where one is not given.
            What is not a name takes none.

    Returns:
        A function of (prob, target, clicked, seed), or an object with `select_with` for a strategy that asks the
        network. For a function of your own, its answer is checked and the seed is dropped.

    Raises:
        TypeError: an option that the strategy does not have, options given with a function or object, or a function
            that does not return a `Selection`.
        ValueError: an unknown strategy or an option out of range.
    """
    if isinstance(strategy, str):
        return _named_strategy(strategy, options)
    if options:
        what = "a function" if not hasattr(strategy, "select_with") else "an object with select_with"
        raise TypeError(f"make_strategy: {what} takes no options, got {', '.join(sorted(options))}")
    return _own_strategy(strategy) if callable(strategy) and not hasattr(strategy, "select_with") else strategy


def _named_strategy(name: str, options: dict[str, Any]) -> Strategy | AskingStrategy:
    known = strategy_options(name)
    if unknown := sorted(set(options) - set(known)):
        raise TypeError(f"make_strategy: unknown option {', '.join(unknown)}; there are {', '.join(known)}")
    if name in FURTHER_STRATEGIES:
        made_by, fixed = FURTHER_STRATEGIES[name]
        return made_by(**fixed, **options)
    reading = ClickRule(name, **options).reading  # raises now rather than at the first click
    for option in options:
        if option in USED_BY and reading not in USED_BY[option]:
            raise ValueError(f"make_strategy: {option} is for reading {', '.join(USED_BY[option])}; this is {reading}")

    def select(
        prob: torch.Tensor, target: torch.Tensor, clicked: torch.Tensor | None = None, seed: Seed = 0
    ) -> Selection:
        return select_click(prob, target, clicked, name, seed=seed, **options)

    return select


def _own_strategy(function: Callable[..., Selection]) -> Strategy:
    name = getattr(function, "__name__", type(function).__name__)

    def select(
        prob: torch.Tensor, target: torch.Tensor, clicked: torch.Tensor | None = None, seed: Seed = 0
    ) -> Selection:
        selection: object = function(prob, target, clicked)
        if not isinstance(selection, Selection):
            got = type(selection).__name__
            raise TypeError(f"make_strategy: {name} must return an activefreq.ops.Selection, got {got}")
        return selection

    return select


@dataclass(frozen=True)
class RegionScore:
    """One error region as AcSelect sees it."""

    positive: bool
    """True for missed object (false negative), False for a false positive."""
    y: int
    """Row of the region's first pixel in row-major order."""
    x: int
    """Column of that pixel."""
    area: int
    """Pixels."""
    unclicked: int
    """Pixels that have not been clicked; a region with none is not eligible."""
    max_entropy: float
    """Eq. 1, nats."""
    mean_entropy: float
    """Eq. 2, nats."""
    mean_probability: float
    """The mean foreground probability, P̄ of every reading but "class_sum"."""
    extreme_probability: float
    """Eq. 4, P_e."""
    score: float
    """What the strategy maximises; NaN for "largest", which scores pixels."""


def region_scores(
    prob: torch.Tensor,
    target: torch.Tensor,
    clicked: torch.Tensor | None = None,
    seed: Seed = 0,
    **options: Any,  # noqa: ANN401 - ClickRule checks them
) -> list[list[RegionScore]]:
    """The error regions of each image with their statistics and scores, to look at; `select_click` does not need it.

    Args:
        prob: as in `activefreq.ops.select_click`, as are `target`, `clicked` and `seed`.
        target: (B, H, W).
        clicked: (B, H, W) or None.
        seed: for the strategy "random".
        options: the other options of `select_click`.

    Returns:
        For each image its regions, false negatives first, each in raster order of the first pixel. Runs in plain torch.

    Raises:
        ValueError: as `select_click`.
    """
    select_click(prob, target, clicked, seed=seed, **options)  # checks everything
    rule = ClickRule(**options)
    seeds = seed.tolist() if isinstance(seed, torch.Tensor) else [seed] * prob.shape[0]
    width = prob.shape[2]
    tables = []
    for image, values in enumerate(prob.detach().to(torch.float32)):
        table = region_table(values, target[image], None if clicked is None else clicked[image], rule)
        count = table.area.double() * ONE
        mean_error, extreme_error = table.error_sum / count, table.error_max / ONE
        score = table.score(rule, seeds[image])
        columns = (
            table.positive,
            table.first // width,
            table.first % width,
            table.area,
            table.unclicked,
            table.entropy_max / ONE,
            table.entropy_sum / count,
            torch.where(table.positive, 1 - mean_error, mean_error),
            torch.where(table.positive, 1 - extreme_error, extreme_error),
            score if rule.strategy != "largest" else torch.full_like(score, torch.nan),
        )
        tables.append([RegionScore(*row) for row in zip(*(column.tolist() for column in columns), strict=True)])
    return tables
