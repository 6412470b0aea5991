"""An evaluation on disk: metrics.json, objects.csv, clicks.jsonl, and what makes a long run safe to interrupt.

While a run is going its finished objects are appended to clicks.partial.jsonl, one a line as in clicks.jsonl. The
final files are written to temporary names and moved into place, so that none is ever half-written.
configuration.json holds what decides the numbers: a folder is only ever continued by the same configuration.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from activefreq.clicks import Click
from activefreq.evaluation.metrics import clicks_to_reach
from activefreq.evaluation.objects import ObjectResult
from activefreq.evaluation.results import Evaluation, summarise
from activefreq.evaluation.timing import Timing

__all__ = ["RunningResults", "claim_folder", "load", "save", "write_atomically"]

CONFIGURATION = "configuration.json"
METRICS = "metrics.json"
OBJECTS = "objects.csv"
CLICKS = "clicks.jsonl"
PARTIAL = "clicks.partial.jsonl"
REPORT = "report.html"


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file under its name, or leave what was there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def claim_folder(directory: Path, configuration: Mapping[str, Any], resume: bool) -> None:
    """Make a folder that of one configuration, before anything is run.

    A folder whose run has no finished object is free: nothing is lost with it.

    Raises:
        FileExistsError: it holds results and `resume` is false, or they are of another configuration, or of none.
    """
    wanted = json.loads(json.dumps(configuration))
    held = directory / CONFIGURATION
    found = _configuration(held)
    started = _has_results(directory) or any(_has_results(directory / name) for name in found.get("strategies", {}))
    if found and started:
        if found != wanted:
            different = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
            raise FileExistsError(
                f"evaluate: out folder {directory} holds results of another run (other {', '.join(different)}); "
                "choose another --out"
            )
        if not resume:
            raise FileExistsError(
                f"evaluate: out folder {directory} already holds this run; add --resume to continue it, or choose "
                "another --out"
            )
        return
    if started:
        raise FileExistsError(f"evaluate: out folder {directory} holds results of another run; choose another --out")
    directory.mkdir(parents=True, exist_ok=True)
    write_atomically(held, json.dumps(wanted, indent=2, ensure_ascii=False) + "\n")


def _has_results(directory: Path) -> bool:
    """Whether a finished object lies here; an empty list of them, or half a line, is none."""
    partial = directory / PARTIAL
    return any((directory / name).exists() for name in (METRICS, OBJECTS, CLICKS, REPORT)) or (
        partial.exists() and b"\n" in partial.read_bytes()
    )


def _configuration(held: Path) -> dict[str, Any]:
    """What a run wrote there, empty where there is none; another program's file of that name is not ours to replace."""
    if not held.exists():
        return {}
    try:
        found = json.loads(held.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not (isinstance(found, dict) and "activefreq" in found):
        raise FileExistsError(f"evaluate: {held} was not written by an evaluation; choose another --out")
    return found


class RunningResults:
    """The results of a run in progress, each kept on disk from the moment it is appended."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / PARTIAL
        self.taken_over = _read(path) if path.exists() else []
        # Rewritten, because a run that was killed may have left half a line.
        write_atomically(path, "".join(_line(result) for result in self.taken_over))
        self._file = path.open("a", encoding="utf-8")
        self.count = len(self.taken_over)

    def append(self, result: ObjectResult) -> None:
        """Keep a finished object."""
        self._file.write(_line(result))
        self._file.flush()
        self.count += 1

    def __enter__(self) -> RunningResults:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()


def save(evaluation: Evaluation, directory: Path) -> None:
    """Write an evaluation's three files and drop the partial one."""
    directory.mkdir(parents=True, exist_ok=True)
    write_atomically(directory / CLICKS, "".join(_line(result) for result in evaluation.results))
    write_atomically(directory / OBJECTS, _objects_csv(evaluation))
    write_atomically(directory / METRICS, evaluation.to_json())
    (directory / PARTIAL).unlink(missing_ok=True)


def load(directory: str | Path) -> Evaluation:
    """Read back what `Evaluation.save` wrote.

    Raises:
        FileNotFoundError: metrics.json or clicks.jsonl is missing.
        ValueError: metrics.json is damaged; the message names it.
    """
    directory = Path(directory)
    try:
        stored = json.loads((directory / METRICS).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"evaluate: {directory / METRICS} is damaged: {error}") from None
    seconds = stored["timing"]
    nan = float("nan")
    evaluation = summarise(
        _read(directory / CLICKS),
        skipped=stored["skipped"],
        strategy=stored["strategy"],
        max_clicks=stored["max_clicks"],
        thresholds=stored["thresholds"],
        full_curve=stored["full_curve"],
        timing=Timing(
            clicks=seconds["clicks"],
            stages={name: nan if value is None else value for name, value in stored["stages"].items()},
            warm_up=seconds["warm_up_seconds"],
            decode=seconds["decode_seconds"],
            wall=seconds["wall_seconds"],
        ),
        peak_memory=stored["peak_memory_bytes"],
    )
    own = evaluation.to_dict()
    return replace(evaluation, metadata={key: value for key, value in stored.items() if key not in own})


def _line(result: ObjectResult) -> str:
    return json.dumps(asdict(result), ensure_ascii=False) + "\n"


def _read(path: Path) -> list[ObjectResult]:
    results = []
    # Not splitlines, which also splits at characters that names may hold. After the last line end is nothing, or what
    # a process wrote that ended meanwhile.
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        row = json.loads(line)
        row["size"] = tuple(row["size"])
        row["clicks"] = [Click(*click) for click in row["clicks"]]
        results.append(ObjectResult(**row))
    return results


def _objects_csv(evaluation: Evaluation) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    attributes = list(dict.fromkeys(name for result in evaluation.results for name in result.attributes))
    columns = [f"{kind}_{key}" for kind in ("noc", "reached") for key in evaluation.noc]
    writer.writerow(["name", "clicks", "final_iou", *columns, "stop_reason", "area", "height", "width", *attributes])
    first = [clicks_to_reach(evaluation.ious, threshold).tolist() for threshold in evaluation.thresholds]
    for result, reached in zip(evaluation.results, zip(*first, strict=True), strict=True):
        writer.writerow(
            [result.name, len(result.clicks), f"{result.ious[-1]:.6f}"]
            + [number or evaluation.max_clicks for number in reached]
            + [int(number > 0) for number in reached]
            + [result.stop_reason, result.area, *result.size]
            + [result.attributes.get(name, "") for name in attributes]
        )
    return text.getvalue()
