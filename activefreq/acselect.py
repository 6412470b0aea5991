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
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from activefreq.ops.select_click import Selection, select_click
from activefreq.reference.click_rule import PLACEMENTS, READINGS, STRATEGIES, ClickRule
from activefreq.reference.fixed_point import ONE
from activefreq.reference.region_table import region_table

__all__ = [
    "PLACEMENTS",
    "READINGS",
    "STRATEGIES",
    "RegionScore",
    "Selection",
    "Strategy",
    "make_strategy",
    "region_scores",
]

Seed = int | torch.Tensor
Strategy = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None, Seed], Selection]
"""f(prob, target, clicked, seed) -> Selection, with the tensors of `activefreq.ops.select_click`."""


def make_strategy(strategy: str | Callable[..., Selection], **options: Any) -> Strategy:  # noqa: ANN401 - ClickRule checks them
    """A click strategy as a function of (prob, target, clicked, seed).

    Args:
        strategy: one of `STRATEGIES`, or a function f(prob, target, clicked) -> Selection of your own.
        options: for a name, the other options of `activefreq.ops.select_click` (threshold, reading, …); its defaults
            hold where an option is not given. A function takes none.

    Returns:
        The strategy. For a function of your own, its answer is checked and the seed is dropped.

    Raises:
        TypeError: an option that `select_click` does not have, options given with a function, or a function that
            does not return a `Selection`.
        ValueError: an unknown strategy or an option out of range.
    """
    if callable(strategy):
        return _own_strategy(strategy, options)
    known = set(inspect.signature(ClickRule).parameters) - {"strategy"}
    if unknown := sorted(set(options) - known):
        raise TypeError(f"make_strategy: unknown option {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    ClickRule(strategy, **options)  # raises now rather than at the first click
    name = strategy

    def select(
        prob: torch.Tensor, target: torch.Tensor, clicked: torch.Tensor | None = None, seed: Seed = 0
    ) -> Selection:
        return select_click(prob, target, clicked, name, seed=seed, **options)

    return select


def _own_strategy(function: Callable[..., Selection], options: dict[str, Any]) -> Strategy:
    if options:
        raise TypeError(f"make_strategy: a function takes no options, got {', '.join(sorted(options))}")
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
