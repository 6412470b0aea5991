"""`Scores`: what scoring without clicks found, ready to print and to save."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from activefreq.evaluation.storage import METRICS, OBJECTS, write_atomically
from activefreq.evaluation.tables import aligned

__all__ = ["Scores"]

_PRINTED = {
    "dice": "Dice",
    "iou": "IoU",
    "hausdorff": "Hausdorff",
    "hausdorff95": "Hausdorff 95 %",
    "boundary_dice": "boundary Dice",
}


@dataclass(frozen=True)
class Scores:
    """The result of `activefreq.evaluation.click_free.score`. Rows are answers, in order."""

    classes: tuple[str, ...]
    """Names of the K foreground classes."""
    unit: str
    """Of the Hausdorff distances: "mm" or "px"."""
    measures: tuple[str, ...]
    """Of `activefreq.evaluation.overlap.MEASURES`, which says what they are."""
    band: float
    """Half the width of the bands of boundary_dice, in pixels or voxels."""
    names: tuple[str, ...]
    """Of the answers."""
    attributes: tuple[dict[str, str], ...]
    """Of the answers."""
    values: NDArray[np.float64]
    """(answers, K, measures)."""
    empty_prediction: NDArray[np.bool_]
    """(answers, K): nothing was found."""
    empty_target: NDArray[np.bool_]
    """(answers, K): there is nothing to find."""
    seconds: float
    """Spent on the answers: the network and what its task does around it, without reading items and measuring."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """What made these scores: command, versions, machine, model, data; empty unless the caller gives it."""

    def mean(self, measure: str, class_name: str | None = None) -> tuple[float, float]:
        """Mean over the answers of one class, or of each answer's mean over classes, and its standard error.

        The standard error is that of independent answers, NaN for a single one: frames of one video are not
        independent, and it is too small for them.
        """
        values = self.values[:, :, self.measures.index(measure)]
        column = values.mean(1) if class_name is None else values[:, self.classes.index(class_name)]
        error = float(column.std(ddof=1)) / math.sqrt(len(column)) if len(column) > 1 else float("nan")
        return float(column.mean()), error

    def breakdown(self) -> dict[str, dict[str, dict[str, float]]]:
        """For each attribute and each of its values: the number of `answers`, and the mean of each measure.

        An attribute with one value, or with another one for each answer, divides nothing and is left out.
        """
        parts: dict[str, dict[str, list[int]]] = {}
        for row, attributes in enumerate(self.attributes):
            for attribute, value in attributes.items():
                parts.setdefault(attribute, {}).setdefault(value, []).append(row)
        return {
            attribute: {value: self._means(rows) for value, rows in sorted(values.items())}
            for attribute, values in parts.items()
            if 2 <= len(values) < len(self.names)
        }

    def _means(self, rows: list[int]) -> dict[str, float]:
        means = self.values[rows].mean((0, 1)).tolist()
        return {"answers": len(rows), **dict(zip(self.measures, means, strict=True))}

    def to_dict(self) -> dict[str, Any]:
        """The content of metrics.json; values are plain Python, NaN is None."""
        return {
            "mean": {measure: _figures(self.mean(measure)) for measure in self.measures},
            "classes": {
                name: {measure: _figures(self.mean(measure, name)) for measure in self.measures}
                | {
                    "missed": int((self.empty_prediction & ~self.empty_target)[:, number].sum()),
                    "invented": int((~self.empty_prediction & self.empty_target)[:, number].sum()),
                }
                for number, name in enumerate(self.classes)
            },
            "unit": self.unit,
            "boundary_band": self.band,
            "answers": len(self.names),
            "breakdown": self.breakdown(),
            "seconds_per_answer": self.seconds / len(self.names),
            **self.metadata,
        }

    def to_json(self) -> str:
        """metrics.json as text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def table(self) -> str:
        """Mean ± standard error of each class and of their mean, as aligned text."""
        distance = {measure: f", {self.unit}" if "hausdorff" in measure else "" for measure in self.measures}
        rows = [["class", *(_PRINTED[measure] + distance[measure] for measure in self.measures)]]
        several = len(self.classes) > 1
        for name in [*self.classes, None] if several else self.classes:
            cells = []
            for measure in self.measures:
                mean, error = self.mean(measure, name)
                digits = 2 if distance[measure] else 4
                cells.append(f"{mean:.{digits}f}" + ("" if math.isnan(error) else f" ± {error:.{digits}f}"))
            rows.append([name or "mean", *cells])
        return aligned(rows)

    def save(self, directory: str | Path) -> None:
        """Write metrics.json and objects.csv, each whole or not at all; existing ones are replaced."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        write_atomically(directory / OBJECTS, self._csv())
        write_atomically(directory / METRICS, self.to_json())

    def _csv(self) -> str:
        """One line per answer and class."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        attributes = list(dict.fromkeys(name for row in self.attributes for name in row))
        writer.writerow(["name", "class", *self.measures, "empty_prediction", "empty_target", *attributes])
        for row, (name, own) in enumerate(zip(self.names, self.attributes, strict=True)):
            for number, class_name in enumerate(self.classes):
                numbers = [f"{value:.6f}" for value in self.values[row, number]]
                empty = [int(masks[row, number]) for masks in (self.empty_prediction, self.empty_target)]
                writer.writerow([name, class_name, *numbers, *empty, *(own.get(key, "") for key in attributes)])
        return text.getvalue()


def _figures(mean_and_error: tuple[float, float]) -> dict[str, float | None]:
    mean, error = mean_and_error
    return {"mean": mean, "standard_error": None if math.isnan(error) else error}
