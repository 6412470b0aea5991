"""One evaluation kept in a folder: taken over where it is finished, continued where it was interrupted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activefreq.evaluation.answers import predictor_device
from activefreq.evaluation.evaluator import evaluate
from activefreq.evaluation.interfaces import Dataset
from activefreq.evaluation.provenance import provenance
from activefreq.evaluation.results import Evaluation
from activefreq.evaluation.storage import METRICS, RunningResults, load, save

if TYPE_CHECKING:  # only the type: it would load the networks
    from activefreq.predictor import Predictor

__all__ = ["EvaluationInterrupted", "evaluate_into_folder"]


RECORDED_SETTINGS = ("batch_size", "device", "threshold", "seed", "strategy_options")


class EvaluationInterrupted(KeyboardInterrupt):
    """Ctrl-C during a run; its text says what was kept."""


def evaluate_into_folder(
    predictor: Predictor,
    dataset: Dataset,
    folder: Path,
    recorded: Mapping[str, Any],
    **settings: Any,  # noqa: ANN401
) -> Evaluation:
    """`activefreq.evaluate(predictor, dataset, **settings)` whose finished objects are on disk from the start.

    The folder must have been claimed (`storage.claim_folder`), so that what it holds belongs to this run. `recorded`
    goes into metrics.json beside the settings, versions and machine.

    Raises:
        EvaluationInterrupted: Ctrl-C; the next call goes on from what was kept.
    """
    if (folder / METRICS).exists():
        return load(folder)
    with RunningResults(folder) as kept:
        made_by = provenance(
            predictor,
            dataset,
            predictor_device(predictor, settings.get("device")),
            {key: settings[key] for key in RECORDED_SETTINGS if key in settings}
            | {"taken_over": len(kept.taken_over)}
            | dict(recorded),
        )
        try:
            evaluation = evaluate(predictor, dataset, on_result=kept.append, done=kept.taken_over, **settings)
        except KeyboardInterrupt as interrupt:
            raise EvaluationInterrupted(f"{kept.count} of {len(dataset)} objects are kept in {folder}") from interrupt
    evaluation = replace(evaluation, metadata=made_by)
    save(evaluation, folder)
    return evaluation
