"""NoC and NoF of parts of a data set, such as the masks of one source, where the data set names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from activefreq.evaluation.metrics import failures, number_of_clicks, percent

if TYPE_CHECKING:
    from activefreq.evaluation.results import Evaluation

__all__ = ["breakdown"]

MOST_PARTS = 10


def breakdown(evaluation: Evaluation) -> dict[str, dict[str, dict[str, Any]]]:
    """For each attribute of the objects and each of its values: `objects`, `noc` and `nof`, keyed as in metrics.json.

    Attributes with one value, or with more than ten, divide nothing and are left out.
    """
    parts: dict[str, dict[str, list[int]]] = {}
    for row, result in enumerate(evaluation.results):
        for attribute, value in result.attributes.items():
            parts.setdefault(attribute, {}).setdefault(value, []).append(row)
    return {
        attribute: {value: _numbers(evaluation, np.array(rows)) for value, rows in sorted(values.items())}
        for attribute, values in parts.items()
        if 2 <= len(values) <= MOST_PARTS
    }


def _numbers(evaluation: Evaluation, rows: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, Any]:
    ious = evaluation.ious[rows]
    return {
        "objects": len(rows),
        "noc": {str(percent(value)): number_of_clicks(ious, value) for value in evaluation.thresholds},
        "nof": {str(percent(value)): failures(ious, value) for value in evaluation.thresholds},
    }
