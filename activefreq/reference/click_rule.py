"""The rule by which a click is selected: its choices, their names, defaults and checks, in one place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

__all__ = [
    "BY_STRATEGY",
    "PLACEMENTS",
    "READINGS",
    "STRATEGIES",
    "USED_BY",
    "ClickRule",
    "is_number",
    "is_whole_number",
]

STRATEGIES = ("largest", "random", "entropy", "least-confidence", "acselect")
READINGS = ("error_sum", "entropy_sum", "literal", "class_sum", "bounded")
PLACEMENTS = ("distance", "distance_error", "distance_entropy", "distance_error3")
USED_BY = {
    "reading": READINGS,
    "weights": ("literal", "class_sum", "bounded"),
    "rgu_eps": ("literal", "class_sum"),
}
"""Options of "acselect" alone, and the readings that they are for."""
BY_STRATEGY = "by_strategy"
"""Stands for the placement that measured best: "distance_error3" for "acselect", "distance" for the others."""


@dataclass(frozen=True)
class ClickRule:
    """The options of `select_click`, checked when made.

    Raises:
        ValueError: an unknown name or a number out of range, with the choices.
    """

    strategy: str = "acselect"
    """Which error region is clicked: one of `STRATEGIES`."""
    threshold: float = 0.5
    """A pixel is predicted object where its probability is above this, strictly."""
    connectivity: int = 8
    """Whether regions join by edges alone (4) or by corners too (8)."""
    reading: str = "error_sum"
    """What "acselect" maximises: one of `READINGS`."""
    weights: tuple[float, float, float] = (0.35, 0.35, 0.30)
    """Weights of largest entropy, mean entropy and regional group uncertainty (Eq. 6)."""
    rgu_eps: float = 1e-6
    """Floor under the logarithm of Eq. 3."""
    min_area: int = 1
    """In pixels. Smaller regions are considered only where no eligible region is this large."""
    placement: str = BY_STRATEGY
    """Which pixel of the region is clicked: one of `PLACEMENTS`; `BY_STRATEGY` becomes one of them."""

    def __post_init__(self) -> None:
        if self.placement == BY_STRATEGY:
            object.__setattr__(self, "placement", "distance_error3" if self.strategy == "acselect" else "distance")
        _check_name("strategy", self.strategy, STRATEGIES)
        _check_name("reading", self.reading, READINGS)
        _check_name("placement", self.placement, PLACEMENTS)
        finite = is_number(self.threshold) and math.isfinite(self.threshold)
        _check(finite, f"threshold must be a finite number, got {self.threshold!r}")
        _check(self.connectivity in (4, 8), f"connectivity must be 4 or 8, got {self.connectivity!r}")
        # The bound keeps the score within float32.
        fits = _is_sequence(self.weights) and len(self.weights) == 3
        fits = fits and all(is_number(weight) and abs(weight) <= 1e30 for weight in self.weights)
        _check(fits, f"weights must be three finite numbers (at most 1e30), got {self.weights!r}")
        positive = is_number(self.rgu_eps) and 0 < self.rgu_eps < math.inf
        _check(positive, f"rgu_eps must be a finite number > 0, got {self.rgu_eps!r}")
        counted = is_whole_number(self.min_area) and 1 <= self.min_area < 2**31
        _check(counted, f"min_area must be a whole number between 1 and 2**31 - 1, got {self.min_area!r}")


def is_number(value: object) -> bool:
    """Whether an option, which may come from a command line, can be compared with numbers."""
    return isinstance(value, Real)


def is_whole_number(value: object) -> bool:
    """Whether an option counts something."""
    return isinstance(value, Integral)


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence)


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(f"select_click: {message}")


def _check_name(argument: str, value: str, choices: tuple[str, ...]) -> None:
    _check(value in choices, f"{argument} must be one of {', '.join(choices)}, got {value!r}")
