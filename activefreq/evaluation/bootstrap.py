"""How sure a mean over objects is: the paired bootstrap (Efron 1979), over objects.

Two strategies are run on the same objects, so that what makes an object hard hits both: the difference is taken object
by object, and the objects are drawn anew with replacement, many times. The interval holds the middle of the means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["RESAMPLES", "Interval", "paired_difference"]

RESAMPLES = 10_000
_DRAWN_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class Interval:
    """A mean over objects with its bootstrap interval, in the unit of the values."""

    mean: float
    """Of the values themselves."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""

    @property
    def decided(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        """As in tables: -0.12 [-0.20, -0.04]."""
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


def paired_difference(
    values: ArrayLike, baseline: ArrayLike, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Mean of values - baseline with its percentile interval.

    Args:
        values: (N,) one number per object.
        baseline: (N,) of the same objects in the same order.
        level: share of the resampled means that lie inside, in (0, 1).
        resamples: how often N objects are drawn.
        seed: of the draws; the same seed gives the same interval.

    Raises:
        ValueError: lengths differ, no object, or a level out of range.
    """
    first, second = np.asarray(values, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or not len(first):
        raise ValueError(
            f"paired_difference: values and baseline must have one length (N,), got {first.shape} and {second.shape}"
        )
    if not 0 < level < 1:
        raise ValueError(f"paired_difference: level must lie in (0, 1), got {level}")
    if resamples < 1:
        raise ValueError(f"paired_difference: resamples must be at least 1, got {resamples}")
    difference = first - second
    low, high = np.quantile(_resampled_means(difference, resamples, seed), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(difference.mean()), float(low), float(high))


def _resampled_means(values: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    step = max(1, _DRAWN_AT_ONCE // len(values))
    counts = [min(step, resamples - start) for start in range(0, resamples, step)]
    return np.concatenate(
        [values[generator.integers(0, len(values), (count, len(values)))].mean(axis=1) for count in counts]
    )
