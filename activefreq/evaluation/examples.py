"""The objects a report shows: which ones, and their masks, predicted once more from the clicks that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from activefreq.clicks import Click, pad_clicks
from activefreq.evaluation.answers import evaluation_mode
from activefreq.evaluation.interfaces import Dataset
from activefreq.evaluation.metrics import clicks_to_reach
from activefreq.evaluation.objects import ObjectResult, open_object
from activefreq.evaluation.results import Evaluation

if TYPE_CHECKING:  # only the type: it would load the networks
    from activefreq.predictor import Predictor

__all__ = ["Example", "best_median_worst", "make_example", "replay"]


@dataclass(frozen=True)
class Example:
    """One object with its final mask."""

    result: ObjectResult
    """What the evaluation found."""
    image: NDArray[np.float32]
    """(H, W, 3) in [0, 1]."""
    target: NDArray[np.int8]
    """(H, W): 1 object, 0 background, -1 ignore."""
    prediction: NDArray[np.bool_]
    """(H, W), after the last click."""


def best_median_worst(evaluation: Evaluation, each: int = 1) -> dict[str, list[ObjectResult]]:
    """The objects with the fewest, a middle and the largest number of clicks to the largest threshold.

    Objects that never reach it come last; ties are ordered by the last IoU, then by position. No object is named
    twice, so that small data sets give fewer.
    """
    first = clicks_to_reach(evaluation.ious, max(evaluation.thresholds))
    last = [result.ious[-1] for result in evaluation.results]
    ranked = sorted(range(len(last)), key=lambda row: (first[row] or np.inf, -last[row], row))
    middle = max(0, (len(ranked) - each) // 2)
    chosen = {
        "best": ranked[:each],
        "worst": ranked[::-1][:each],
        "median": ranked[middle : middle + each],
    }
    seen: set[int] = set()
    groups: dict[str, list[ObjectResult]] = {}
    for kind, rows in chosen.items():
        groups[kind] = [evaluation.results[row] for row in rows if row not in seen]
        seen.update(rows)
    return {kind: groups[kind] for kind in ("best", "median", "worst") if groups[kind]}


def make_example(
    predictor: Predictor, dataset: Dataset, result: ObjectResult, device: torch.device, threshold: float
) -> Example:
    """Decode an object again and repeat its clicks."""
    _, image, target, start = open_object(dataset[result.index], result.index)
    probability = replay(predictor, image.to(device), result.clicks, start.to(device))
    return Example(
        result=result,
        image=image.permute(1, 2, 0).numpy(),
        target=target.numpy(),
        prediction=(probability.cpu() > torch.tensor(threshold, dtype=torch.float32, device="cpu")).numpy(),
    )


def replay(predictor: Predictor, image: torch.Tensor, clicks: Sequence[Click], start: torch.Tensor) -> torch.Tensor:
    """The probabilities (H, W) float32 after these clicks on one image (3, H, W), one by one from `start` (H, W)."""
    probability = start.unsqueeze(0)
    for count in range(1, len(clicks) + 1):
        with evaluation_mode(predictor):
            answer = predictor.predict(image.unsqueeze(0), pad_clicks([clicks[:count]], image.device), probability)
        probability = answer.to(device=image.device, dtype=torch.float32).clone()
    return probability[0]
