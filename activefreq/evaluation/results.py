"""`Evaluation`: what an evaluation found, ready to print, to save and to draw."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from activefreq.clicks import Click
from activefreq.evaluation import metrics
from activefreq.evaluation.breakdown import breakdown
from activefreq.evaluation.objects import ObjectResult
from activefreq.evaluation.timing import Timing

__all__ = ["Evaluation", "summarise"]


@dataclass(frozen=True)
class Evaluation:
    """The result of `activefreq.evaluate`. Rows are objects in data set order, without the skipped ones."""

    strategy: str
    """Name of the click strategy."""
    max_clicks: int
    """Clicks an object could get, at least 1."""
    thresholds: tuple[float, ...]
    """IoU thresholds in (0, 1], as given."""
    full_curve: bool
    """Whether every click was run; only then does `miou` compare with published values."""
    results: tuple[ObjectResult, ...]
    """One per object, in data set order."""
    ious: NDArray[np.float64]
    """(objects, max_clicks), IoU after each click in [0, 1]; NaN after the object stopped."""
    noc: dict[int | float, float]
    """NoC, mean number of clicks until IoU >= t, 1 to max_clicks; keyed by t in percent: {80: …, 85: …, 90: …}."""
    nof: dict[int | float, int]
    """NoF, number of objects that never reach t; same keys."""
    nof_field: dict[int | float, int]
    """NoF as the field's code bases count it: also the objects that reach t exactly at the last click."""
    miou: NDArray[np.float64]
    """(max_clicks,), item k - 1 is the mean IoU after k clicks in [0, 1], a stopped object keeping its last IoU."""
    skipped: dict[str, str]
    """Name of every object that was left out, with the reason."""
    timing: Timing
    """Seconds per stage, and what each stage holds."""
    peak_memory: dict[str, int]
    """Bytes: `process`, resident at most since the process started; `cuda`, allocated at most by torch."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """What made this evaluation: command, versions, machine, model, data; empty unless the caller gives it."""

    @property
    def names(self) -> list[str]:
        """Names of the objects."""
        return [result.name for result in self.results]

    @property
    def clicks(self) -> list[list[Click]]:
        """The clicks on each object as (y, x, label), oldest first."""
        return [result.clicks for result in self.results]

    @property
    def stop_reasons(self) -> list[str]:
        """Why each object stopped: reached, max_clicks or nothing_to_click."""
        return [result.stop_reason for result in self.results]

    @property
    def seconds_per_click(self) -> float:
        """Seconds: predictor + selection + bookkeeping, without image decoding and the warm-up round; see `timing`."""
        return self.timing.seconds_per_click

    def to_dict(self) -> dict[str, Any]:
        """The content of metrics.json; values are plain Python, NaN is None."""
        return {
            "strategy": self.strategy,
            "noc": {str(key): value for key, value in self.noc.items()},
            "nof": {str(key): value for key, value in self.nof.items()},
            "nof_field": {str(key): value for key, value in self.nof_field.items()},
            "miou": self.miou.tolist(),
            "full_curve": self.full_curve,
            "max_clicks": self.max_clicks,
            "thresholds": list(self.thresholds),
            "objects": len(self.results),
            "clicks": sum(len(result.clicks) for result in self.results),
            "stop_reasons": dict(sorted(Counter(self.stop_reasons).items())),
            "breakdown": breakdown(self),
            "skipped": self.skipped,
            "seconds_per_click": _plain(self.seconds_per_click),
            "stages": {name: _plain(seconds) for name, seconds in self.timing.stages.items()},
            "timing": {
                "clicks": self.timing.clicks,
                "warm_up_seconds": self.timing.warm_up,
                "decode_seconds": self.timing.decode,
                "wall_seconds": self.timing.wall,
                "seconds_per_click_holds": "predictor, click selection and bookkeeping; not image decoding; without "
                "the first batch; CUDA synchronised at each stage, by its events where a click is one graph",
            },
            "peak_memory_bytes": self.peak_memory,
            **self.metadata,
        }

    def to_json(self) -> str:
        """metrics.json as text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def table(self) -> str:
        """The headline numbers as aligned text, one row."""
        from activefreq.evaluation.tables import comparison

        return comparison([self])

    def save(self, directory: str | Path) -> None:
        """Write metrics.json, objects.csv and clicks.jsonl, each whole or not at all; existing ones are replaced."""
        from activefreq.evaluation.storage import save

        save(self, Path(directory))


def summarise(
    results: Sequence[ObjectResult],
    *,
    skipped: Mapping[str, str],
    strategy: str,
    max_clicks: int,
    thresholds: Sequence[float],
    full_curve: bool,
    timing: Timing,
    peak_memory: dict[str, int],
) -> Evaluation:
    """Gather the results of all objects, in any order.

    Raises:
        ValueError: no result at all, which says what was skipped.
    """
    if not results:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:3])
        more = ", …" if len(skipped) > 3 else ""
        raise ValueError(f"evaluate: dataset has no object to segment, all were skipped ({reasons}{more})")
    ordered = tuple(sorted(results, key=lambda result: result.index))
    ious = np.full((len(ordered), max_clicks), np.nan)
    for row, result in zip(ious, ordered, strict=True):
        row[: len(result.ious)] = result.ious
    keys = {metrics.percent(value): value for value in thresholds}
    return Evaluation(
        strategy=strategy,
        max_clicks=max_clicks,
        thresholds=tuple(thresholds),
        full_curve=full_curve,
        results=ordered,
        ious=ious,
        noc={key: metrics.number_of_clicks(ious, value) for key, value in keys.items()},
        nof={key: metrics.failures(ious, value) for key, value in keys.items()},
        nof_field={key: metrics.failures(ious, value, at_last_click=True) for key, value in keys.items()},
        miou=metrics.mean_iou(ious),
        skipped=dict(skipped),
        timing=timing,
        peak_memory=peak_memory,
    )


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
