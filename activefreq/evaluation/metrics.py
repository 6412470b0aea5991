"""NoC, NoF and mIoU@k from the IoU of every object after every click.

Throughout, `ious` is float64 (N objects, K clicks); an object that stopped before click K has NaN from there on.

    NoC@t  = mean over objects of the first k with IoU_k >= t, and K where there is none
    NoF@t  = objects with no IoU_k >= t
    mIoU@k = mean over objects of IoU_k, a stopped object keeping its last value

These are the definitions of RITM (Sofiiuk et al. 2021) and the code bases that follow it, save that their NoF also
counts objects that reach t exactly at click K: that count is `failures(..., at_last_click=True)`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["clicks_to_reach", "failures", "mean_iou", "number_of_clicks", "percent"]


def percent(threshold: float) -> int | float:
    """A threshold as the key of `noc` and `nof`: .85 → 85; .875 → 87.5."""
    scaled = round(threshold * 100, 6)
    return int(scaled) if scaled == int(scaled) else scaled


def clicks_to_reach(ious: NDArray[np.float64], threshold: float) -> NDArray[np.int64]:
    """(N,) number of the first click with IoU >= threshold, from 1; 0 where there is none."""
    reached = ious >= threshold  # NaN compares false
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, 0).astype(np.int64)


def number_of_clicks(ious: NDArray[np.float64], threshold: float) -> float:
    """NoC@threshold, in clicks, 1 to K."""
    first = clicks_to_reach(ious, threshold)
    return float(np.where(first > 0, first, ious.shape[1]).mean())


def failures(ious: NDArray[np.float64], threshold: float, at_last_click: bool = False) -> int:
    """NoF@threshold, in objects, 0 to N; `at_last_click` adds those that reach it exactly at click K."""
    first = clicks_to_reach(ious, threshold)
    failed = (first == 0) | ((first == ious.shape[1]) if at_last_click else False)
    return int(failed.sum())


def mean_iou(ious: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K,) mean IoU after 1 to K clicks, in [0, 1]."""
    filled = ious.copy()
    for click in range(1, filled.shape[1]):
        stopped = np.isnan(filled[:, click])
        filled[stopped, click] = filled[stopped, click - 1]
    return np.asarray(filled.mean(axis=0), dtype=np.float64)
