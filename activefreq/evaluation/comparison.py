"""Two evaluations of the same objects side by side: by how many clicks they differ, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from activefreq.acselect import printed_name
from activefreq.evaluation.bootstrap import RESAMPLES, Interval, paired_difference
from activefreq.evaluation.metrics import clicks_to_reach, percent
from activefreq.evaluation.results import Evaluation

__all__ = ["Comparison", "clicks_needed", "compare"]


@dataclass(frozen=True)
class Comparison:
    """What `compare` found; differences are the evaluation's clicks minus the baseline's."""

    evaluation: str
    """Strategy of the evaluation."""
    baseline: str
    """Strategy of the baseline."""
    objects: int
    """Objects compared."""
    noc: dict[int | float, Interval]
    """Difference of NoC in clicks, keyed by IoU threshold in percent; negative where the evaluation needs fewer."""
    fewer: dict[int | float, int]
    """Objects on which the evaluation needs fewer clicks; same keys."""
    more: dict[int | float, int]
    """Objects on which it needs more."""

    def table(self) -> str:
        """One line per threshold, as plain text."""
        lines = [f"{printed_name(self.evaluation)} against {printed_name(self.baseline)}, {self.objects} objects"]
        lines += [
            f"  NoC@{key}  {interval}  fewer clicks on {self.fewer[key]}, more on {self.more[key]}"
            for key, interval in self.noc.items()
        ]
        return "\n".join(lines)


def clicks_needed(evaluation: Evaluation, threshold: float) -> NDArray[np.int64]:
    """(objects,) clicks until IoU >= threshold, max_clicks where that is never: NoC is its mean."""
    first = clicks_to_reach(evaluation.ious, threshold)
    return np.where(first > 0, first, evaluation.max_clicks)


def compare(
    evaluation: Evaluation, baseline: Evaluation, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """NoC of two evaluations of the same objects, object by object, with paired bootstrap intervals.

    Args:
        evaluation: what is asked about.
        baseline: what it is compared with, such as the one with strategy "largest".
        level: of the intervals, in (0, 1).
        resamples: how often the objects are drawn with replacement.
        seed: of the draws.

    Returns:
        `Comparison`, at the thresholds that both have.

    Raises:
        ValueError: other objects, another order, another number of clicks, or no threshold in common.
    """
    if evaluation.names != baseline.names:
        raise ValueError(
            f"compare: evaluation and baseline must be of the same objects in the same order, got "
            f"{len(evaluation.names)} and {len(baseline.names)} objects"
        )
    if evaluation.max_clicks != baseline.max_clicks:
        raise ValueError(f"compare: max_clicks must be equal, got {evaluation.max_clicks} and {baseline.max_clicks}")
    shared = [threshold for threshold in evaluation.thresholds if threshold in baseline.thresholds]
    if not shared:
        raise ValueError(f"compare: no threshold in common, got {evaluation.thresholds} and {baseline.thresholds}")
    pairs = {percent(t): (clicks_needed(evaluation, t), clicks_needed(baseline, t)) for t in shared}
    return Comparison(
        evaluation=evaluation.strategy,
        baseline=baseline.strategy,
        objects=len(evaluation.results),
        noc={key: paired_difference(*pair, level, resamples, seed) for key, pair in pairs.items()},
        fewer={key: int((ours < theirs).sum()) for key, (ours, theirs) in pairs.items()},
        more={key: int((ours > theirs).sum()) for key, (ours, theirs) in pairs.items()},
    )
