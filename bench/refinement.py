"""What each step around the network does to NoC: `python -m bench.refinement --data path/to/isic2017 [--json FILE] …`.

One evaluation per variant and strategy, on the validation split, the same objects for all. Variants that need a refine
layer are left out where the weights have none. With `--given` clicks do not start from nothing but correct a damaged
copy of the truth (`bench/damaged.py`).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import activefreq as af
from activefreq.data import open_dataset
from activefreq.predictor import FreqFormerPredictor, load
from activefreq.steps import Steps
from bench.damaged import Damaged, overlap
from bench.measure import write_json

# Name → steps, and the side that images are resized to (None: the network's own).
Variant = tuple[Steps, int | None]
NONE = Steps.named("none")
CROP = Steps.named("target-crop")
FIRST_STAGE: dict[str, Variant] = {
    "whole image": (NONE, None),
    "target crop": (CROP, None),
    "flip": (replace(NONE, flip=True), None),
    "flip, target crop": (replace(CROP, flip=True), None),
    "target crop, twice the box": (replace(CROP, expansion=2.0), None),
    "keep outside from click 11": (replace(NONE, keep_outside_from=11), None),
    "keep outside from click 2": (replace(NONE, keep_outside_from=2), None),
    "monotone clicks": (replace(NONE, monotone=True), None),
    "target crop, monotone clicks": (replace(CROP, monotone=True), None),
    "progressive merge": (replace(NONE, progressive_merge=True), None),
    "target crop, progressive merge": (replace(CROP, progressive_merge=True), None),
    "network input 256": (NONE, 256),
    "network input 288": (NONE, 288),
}
SECOND_STAGE: dict[str, Variant] = {
    "refine": (replace(NONE, refine=True), None),
    "target crop, refine": (replace(CROP, refine=True), None),
    "flip, target crop, refine": (replace(CROP, refine=True, flip=True), None),
    "target crop, refine, keep outside from click 11": (replace(CROP, refine=True, keep_outside_from=11), None),
    "refine, network input 256": (replace(NONE, refine=True), 256),
}
STRATEGIES = ("largest", "acselect")
SPOILT = 0.1  # by so much IoU below the given mask's, at some click


def variants(predictor: FreqFormerPredictor) -> dict[str, Variant]:
    """Those that this network can take."""
    return FIRST_STAGE | (SECOND_STAGE if predictor.network.refine_layer is not None else {})


def clicks_to(iou: float, curve: list[float]) -> int:
    """1-based number of the first click with at least this IoU, the number of clicks where there is none."""
    return next((k for k, value in enumerate(curve, 1) if value >= iou), len(curve))


def given_ious(dataset: Any) -> dict[str, float]:
    """IoU of each object's given mask, by name."""
    samples = (dataset[index] for index in range(len(dataset)))
    return {sample.name: overlap(sample.given == 1, sample.mask == 1) for sample in samples}


def measure(
    predictor: FreqFormerPredictor, dataset: Any, strategy: str, batch_size: int, starts: dict[str, float] | None
) -> dict[str, Any]:
    """NoC, NoF, mIoU and time of one evaluation; with the IoUs that objects start from, how many masks it spoilt."""
    result = af.evaluate(predictor, dataset, strategy=strategy, batch_size=batch_size)
    spoilt = {}
    if starts is not None:
        fallen = [starts[found.name] - min(found.ious) > SPOILT for found in result.results]
        spoilt = {"spoilt": sum(fallen), "given_miou": mean(starts[found.name] for found in result.results)}
    return {
        **spoilt,
        "strategy": strategy,
        "objects": len(result.results),
        "noc": {str(key): value for key, value in result.noc.items()},
        "nof": {str(key): value for key, value in result.nof.items()},
        "clicks_to_90": [clicks_to(0.90, curve) for curve in result.ious.tolist()],
        "miou": [float(value) for value in result.miou[:5]],
        "milliseconds_per_click": 1e3 * result.seconds_per_click,
    }


def taken_over(path: Path | None, summary: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an earlier run of the same weights and data."""
    if path is None or not path.exists():
        return []
    record = json.loads(path.read_text(encoding="utf-8"))
    decides = ("weights_digest", "data", "split", "given")
    different = [name for name in decides if record["summary"].get(name, False) != summary[name]]
    if different:
        raise SystemExit(f"--resume: {path} was measured with other {', '.join(different)}")
    return list(record["rows"])


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    table = Table("variant", "strategy", "NoC@80", "NoC@85", "NoC@90", "NoF@90", "mIoU@1", "mIoU@3", "ms per click")
    for row in rows:
        noc, miou = (f"{row['noc'][key]:.2f}" for key in ("80", "85", "90")), (f"{row['miou'][k]:.3f}" for k in (0, 2))
        milliseconds = f"{row['milliseconds_per_click']:.1f}"
        table.add_row(row["variant"], row["strategy"], *noc, str(row["nof"]["90"]), *miou, milliseconds)
    Console(width=140).print(table)


def main(command: list[str] | None = None) -> None:
    """Parse the command line, evaluate every variant, print, store after each evaluation."""
    parser = argparse.ArgumentParser(description="effect of each step around the network on NoC")
    parser.add_argument("--model", default="freqformer-isic2017", help="weights: a name or a path")
    parser.add_argument("--data", required=True, help="folder of a data set")
    parser.add_argument("--split", default="val")
    parser.add_argument("--given", action="store_true", help="correct damaged masks instead of starting from nothing")
    parser.add_argument("--limit", type=int, help="only the first N objects")
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="store rows, settings and machine here")
    parser.add_argument("--resume", action="store_true", help="keep the rows that FILE has, measure the others")
    arguments = parser.parse_args(command)
    torch.set_num_threads(arguments.threads)
    dataset: Any = open_dataset(arguments.data, split=arguments.split, limit=arguments.limit)
    starts = None
    if arguments.given:
        dataset = Damaged(dataset)
        starts = given_ious(dataset)
    trained = load(arguments.model)
    known = variants(trained)
    names = arguments.variants or list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no variant {unknown[0]!r}; there are {', '.join(known)}")
    summary = {
        "model": trained.name,
        "weights_digest": trained.weights_digest(),
        "data": dataset.name,
        "split": arguments.split,
        "given": arguments.given,
        "batch_size": arguments.batch_size,
        "seed": 0,
        "command": f"python -m bench.refinement --model {trained.name} --data path/to/{dataset.name} "
        f"--split {arguments.split} --threads {arguments.threads}"
        + (" --given" if arguments.given else "")
        + (f" --variants {shlex.join(arguments.variants)}" if arguments.variants else ""),
    }
    rows = taken_over(arguments.json, summary) if arguments.resume else []
    finished = {(row["variant"], row["strategy"]) for row in rows}
    for name in names:
        steps, side = known[name]
        predictor = FreqFormerPredictor(trained.network, trained.name, trained.history, side, steps)
        for strategy in arguments.strategies:
            if (name, strategy) in finished:
                continue
            row = measure(predictor, dataset, strategy, arguments.batch_size, starts)
            rows.append(
                {"variant": name, "steps": dataclasses.asdict(steps), "input_size": predictor.input_size, **row}
            )
            print(name, strategy, row["noc"], file=sys.stderr, flush=True)
            if arguments.json:
                write_json(arguments.json, "refinement", rows, summary)
    show(rows)


if __name__ == "__main__":
    main()
