"""Scoring without clicks: each item is answered once, and each answer compared with its truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from activefreq.evaluation.overlap import BAND, MEASURES, check_overlap_packages, overlap
from activefreq.evaluation.scores import Scores
from activefreq.models.catalogue import network_name
from activefreq.models.checkpoint import weights_digest
from activefreq.tasks.interface import Answer, Items, Task

__all__ = ["ScoredNetwork", "score"]


@dataclass(frozen=True)
class ScoredNetwork:
    """A network as `activefreq.evaluation.provenance` describes it."""

    name: str
    """Shown in tables and names of folders."""
    network: nn.Module
    """What is scored."""
    history: dict[str, Any] = field(default_factory=dict)
    """How the weights came to be, from the checkpoint."""

    def describe(self) -> dict[str, Any]:
        """Name, kind, parameters and history, for the records."""
        return {
            "name": self.name,
            "network": network_name(self.network),
            "parameters": sum(parameter.numel() for parameter in self.network.parameters()),
            "weights_digest": weights_digest(self.network),
            "history": self.history,
        }


@torch.inference_mode()
def score(
    network: nn.Module,
    task: Task,
    items: Items,
    progress: Callable[[int, int], None] | None = None,
    measures: Sequence[str] = MEASURES,
    band: float = BAND,
) -> Scores:
    """Compare what a network answers with the truth.

    Args:
        network: on the device it is to compute on; put into eval mode, and back into what it was.
        task: gives the answers.
        items: from `task.items`.
        progress: called with the number of finished items and of all.
        measures: some of `activefreq.evaluation.overlap.MEASURES`.
        band: see `activefreq.evaluation.overlap.overlap`.

    Raises:
        ImportError: MONAI is not installed.
        ValueError: nothing was answered, two answers share a name, or one has another number of classes than the task.
    """
    check_overlap_packages()
    answered: dict[str, dict[str, str]] = {}
    values, empty, seconds = [], [], 0.0
    training = [part for part in network.modules() if part.training]
    network.eval()
    try:
        for index in range(len(items)):
            answers = iter(task.answers(network, items[index]))
            while True:
                started = time.perf_counter()
                answer = next(answers, None)
                if answer is None:
                    break
                prediction = answer.prediction.cpu()  # waits for the device
                seconds += time.perf_counter() - started
                _check(answer, task, answered)
                answered[answer.name] = answer.attributes
                measured = overlap(answer, measures, band)
                values.append(torch.stack([measured[name] for name in measures], dim=1).numpy())
                empty.append([~masks.flatten(1).any(1).numpy() for masks in (prediction, answer.target.cpu())])
            if progress is not None:
                progress(index + 1, len(items))
    finally:
        for part in training:  # a part that is kept frozen stays so
            part.training = True
    if not values:
        raise ValueError(f"score: {items.name}, split {items.split}, gave nothing to score")
    return Scores(
        classes=task.classes,
        unit=task.unit,
        measures=tuple(measures),
        band=band,
        names=tuple(answered),
        attributes=tuple(answered.values()),
        values=np.stack(values),
        empty_prediction=np.stack([found for found, _ in empty]),
        empty_target=np.stack([there for _, there in empty]),
        seconds=seconds,
    )


def _check(answer: Answer, task: Task, answered: dict[str, dict[str, str]]) -> None:
    if answer.name in answered:
        raise ValueError(f"score: two answers are called {answer.name!r}")
    if len(answer.prediction) != len(task.classes):
        raise ValueError(
            f"score: {answer.name} has {len(answer.prediction)} masks for the {len(task.classes)} classes "
            f"{', '.join(task.classes)}"
        )
