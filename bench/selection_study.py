"""Which click is worth most, by measurement: `python -m bench.selection_study --data path/to/isic2017 --split val`.

Runs every way of choosing a click, readings of the paper's score and what goes beyond them, over the same objects with
the same network, and compares each with "largest", the field's rule, object by object (paired bootstrap over objects,
10 000 resamples). Choose on val; touch test once, with `--rows` of what was chosen.

Rows go into the JSON as they finish; the same command with --resume skips those it holds.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import activefreq as af
from activefreq.acselect import printed_name
from activefreq.data import open_dataset
from activefreq.evaluation.bootstrap import RESAMPLES, paired_difference
from activefreq.evaluation.comparison import clicks_needed
from activefreq.evaluation.provenance import dataset_description, machine, model_description, versions
from activefreq.evaluation.storage import write_atomically
from activefreq.predictor import Predictor
from bench import selection_trials as trials
from bench.collect import shortened

BASELINE = "largest"
THRESHOLDS = (0.80, 0.85, 0.90)
SHOWN_CLICKS = 10


@dataclass(frozen=True)
class Row:
    """One way of choosing a click."""

    name: str
    group: str  # of the study: which question it answers
    strategy: str | Callable[..., Any]
    options: dict[str, Any] = field(default_factory=dict)


FARTHEST = {"placement": "distance"}
"""Rows about the region click its farthest pixel, as the baselines do; only rows about the pixel differ in that."""
LITERAL_FLOORED = {"reading": "literal", "rgu_eps": 0.1, "min_area": 64}


def literal(name: str, *weights: float) -> Row:
    """The paper's score from some of its metrics alone (its Table 4)."""
    return Row(name, "metrics", "acselect", {"reading": "literal", "weights": list(weights), **FARTHEST})


ROWS = (
    Row("largest", "strategies", "largest"),
    Row("random", "strategies", "random"),
    Row("entropy", "strategies", "entropy"),
    Row("least-confidence", "strategies", "least-confidence"),
    Row("acselect, literal", "strategies", "acselect", {"reading": "literal", **FARTHEST}),
    Row("acselect", "strategies", "acselect"),
    literal("MPE", 1, 0, 0),
    literal("APE", 0, 1, 0),
    literal("RGU", 0, 0, 1),
    literal("MPE + APE", 0.35, 0.35, 0),
    literal("MPE + RGU", 0.35, 0, 0.30),
    literal("APE + RGU", 0, 0.35, 0.30),
    Row("Eq. 5 word for word", "readings", "acselect", {"reading": "class_sum", **FARTHEST}),
    Row("literal, eps .1, 64 pixels", "readings", "acselect", {**LITERAL_FLOORED, **FARTHEST}),
    Row("bounded", "readings", "acselect", {"reading": "bounded", **FARTHEST}),
    Row("bounded, 64 pixels", "readings", "acselect", {"reading": "bounded", "min_area": 64, **FARTHEST}),
    Row("sum of entropy", "readings", "acselect", {"reading": "entropy_sum", **FARTHEST}),
    Row("sum of error", "readings", "acselect", {"reading": "error_sum", **FARTHEST}),
    Row("area", "readings", trials.choose(trials.area)),
    Row("sum of error × consistency", "readings", trials.choose(trials.consistent_error)),
    Row("sum of error × depth", "readings", trials.choose(trials.error_and_depth)),
    Row("distance × error", "placement", "acselect", {"placement": "distance_error"}),
    Row("distance × entropy", "placement", "acselect", {"placement": "distance_entropy"}),
    *(Row(f"distance × error^{power}", "placement", trials.error_power(power)) for power in (2, 3, 4, 6)),
    Row("region × distance × error^3", "placement", trials.trial(trials.every_level)),
    Row("most mistaken pixel", "placement", trials.place(trials.most_mistaken)),
    Row("most mistaken, inner half", "placement", trials.after_erosion(0.5)),
    Row("most mistaken, inner 30 %", "placement", trials.after_erosion(0.7)),
    Row("centre of mass of the error", "placement", trials.place(trials.centroid)),
    Row("grouped, 8 pixels", "together", "grouped", FARTHEST),
    Row("grouped, 16 pixels", "together", "grouped", {"reach": 0.06, **FARTHEST}),
    Row("error within 16 pixels", "together", trials.density(16)),
    Row("look-ahead", "look-ahead", "look-ahead"),
    Row("look-ahead, anywhere", "look-ahead", "look-ahead", {"among": "anywhere"}),
    Row("look-ahead-bound", "look-ahead", "look-ahead-bound"),
)


class Remembering:
    """A predictor that answers from memory where it was asked the same before.

    Strategies share their first clicks, often more; an answer depends on image, clicks and previous answer, and the
    previous one follows from the clicks before.
    """

    def __init__(self, predictor: Predictor, capacity: int = 4000) -> None:
        self.predictor = predictor
        self.name = predictor.name
        self.device = predictor.device
        self.capacity = capacity
        self._answers: dict[bytes, torch.Tensor] = {}

    def predict(self, images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        """As `activefreq.predictor.Predictor.predict`."""
        keys = [
            image[:, ::7, ::5].cpu().numpy().tobytes() + history[history[:, 2] >= 0].cpu().numpy().tobytes()
            for image, history in zip(images, clicks, strict=True)
        ]
        unknown = [row for row, key in enumerate(keys) if key not in self._answers]
        answers = torch.empty_like(previous)
        if unknown:
            answers[unknown] = self.predictor.predict(images[unknown], clicks[unknown], previous[unknown])
        for row, key in enumerate(keys):
            if row not in unknown:
                answers[row] = self._answers[key]
            elif len(self._answers) < self.capacity:
                self._answers[key] = answers[row].clone()
        return answers


def run(row: Row, predictor: Remembering, dataset: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """Evaluate one row; per object the clicks to each threshold, 0 where it is never reached."""
    asking = row.group == "look-ahead"
    result = af.evaluate(
        predictor.predictor if asking else predictor,  # its many trials would only fill the memory
        dataset,
        row.strategy,
        thresholds=THRESHOLDS,
        max_clicks=arguments.max_clicks,
        batch_size=arguments.batch_size,
        full_curve=arguments.full_curve and not asking,
        seed=arguments.seed,
        strategy_options=row.options,
    )
    needed = {str(key): clicks_needed(result, key / 100).tolist() for key in result.noc}
    reached = {str(key): [bool(np.nanmax(ious) >= key / 100) for ious in result.ious] for key in result.noc}
    return {
        "name": row.name,
        "group": row.group,
        "strategy": row.strategy if isinstance(row.strategy, str) else "trial",
        "options": row.options,
        "full_curve": result.full_curve,
        "clicks": needed,
        "noc": {str(key): value for key, value in result.noc.items()},
        "nof": {key: values.count(False) for key, values in reached.items()},
        "miou": [round(value, 5) for value in result.miou.tolist()],
        "objects": {
            "name": result.names,
            "mask_source": [r.attributes.get("mask_source", "") for r in result.results],
        },
    }


def examples(row: Row, stored: dict[str, Any], predictor: Remembering, dataset: Any, seed: int) -> dict[str, Any]:
    """Ten clicks on four objects, from easy to hard (at the 25th, 50th, 75th and 95th percentile of clicks)."""
    order = np.argsort(stored["clicks"]["90"], kind="stable")
    indices = [int(order[int(share * (len(order) - 1))]) for share in (0.25, 0.5, 0.75, 0.95)]
    names = stored["objects"]["name"]
    position = {str(name): place for place, name in enumerate(dataset.names)}
    samples = [dataset[position[names[index]]] for index in indices]
    result = af.evaluate(
        predictor, samples, row.strategy, SHOWN_CLICKS, full_curve=True, seed=seed, strategy_options=row.options
    )
    return {
        "row": row.name,
        "objects": [
            {"name": r.name, "clicks": [list(click) for click in r.clicks], "ious": [round(v, 5) for v in r.ious]}
            for r in result.results
        ],
    }


def table(record: dict[str, Any]) -> str:
    """Aligned text: NoC with the difference to the baseline and its interval, per threshold."""
    rows = record["rows"]
    base = next((row for row in rows if row["name"] == BASELINE), None)
    keys = [str(round(100 * value)) for value in THRESHOLDS]
    lines = [["", *(cell for key in keys for cell in (f"NoC@{key}", f"less {BASELINE}")), "NoF@90"]]
    for row in rows:
        cells = []
        for key in keys:
            difference = (
                "" if base is None or row is base else str(paired_difference(row["clicks"][key], base["clicks"][key]))
            )
            cells += [f"{row['noc'][key]:.2f}", difference]
        lines.append([printed_name(row["name"]), *cells, str(row["nof"]["90"])])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    )


def write(path: Path, record: dict[str, Any]) -> None:
    """One line per row and per list, so that the file can be read and its history compared."""
    lines = []
    for key, value in record.items():
        if key == "rows":
            body = ",\n".join(f"  {json.dumps(row)}" for row in value)
            lines.append(f' "rows": [\n{body}\n ]')
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "{\n" + ",\n".join(lines) + "\n}\n")


def chosen_rows(text: str | None) -> list[Row]:
    """Rows by their names or groups, separated by semicolons; the baseline always comes along."""
    if text is None:
        return list(ROWS)
    wanted = [part.strip() for part in text.split(";")]
    known = {row.name for row in ROWS} | {row.group for row in ROWS}
    if unknown := [part for part in wanted if part not in known]:
        raise SystemExit(f"--rows: there is no {', '.join(unknown)}; there are {'; '.join(sorted(known))}")
    return [row for row in ROWS if row.name in wanted or row.group in wanted or row.name == BASELINE]


def main() -> None:
    """Run the rows, print the table, store everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="freqformer-isic2017")
    parser.add_argument("--data", required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--rows", help="names or groups, separated by semicolons; all by default")
    parser.add_argument("--max-clicks", type=int, default=20)
    parser.add_argument("--full-curve", action="store_true", help="run every click, so that mIoU@k is the whole curve")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="keep the rows that the JSON already holds")
    parser.add_argument("--json", type=Path, help="bench/results/selection-SPLIT.json by default")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    path = given.json or Path(__file__).parent / "results" / f"selection-{given.split}.json"
    rows = chosen_rows(given.rows)
    predictor = Remembering(af.load(given.model))
    dataset = open_dataset(given.data, split=given.split, limit=given.limit)
    record: dict[str, Any] = {
        "command": shortened(shlex.join(["python", "-m", "bench.selection_study", *sys.argv[1:]])),
        "machine": machine(),
        "versions": versions(),
        "model": {k: v for k, v in model_description(predictor.predictor).items() if k != "history"},
        "data": dataset_description(dataset),
        "settings": {"max_clicks": given.max_clicks, "seed": given.seed, "resamples": RESAMPLES},
        "rows": [],
    }
    if given.resume and path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        for key in ("model", "data", "settings"):
            if before[key] != record[key]:
                raise SystemExit(f"{path} holds rows of another {key}; leave out --resume, or give another --json")
        record |= {key: before[key] for key in ("rows", "objects", "examples") if key in before}
    for row in rows:
        if any(stored["name"] == row.name for stored in record["rows"]):
            continue
        found = run(row, predictor, dataset, given)
        if row.name == "acselect":
            record["examples"] = examples(row, found, predictor, dataset, given.seed)
        record["objects"] = found.pop("objects")
        record["rows"].append(found)
        record["rows"].sort(key=lambda stored: [r.name for r in ROWS].index(stored["name"]))
        write(path, record)
        print(
            f"{row.name}: {', '.join(f'{value:.2f}' for value in found['noc'].values())}", file=sys.stderr, flush=True
        )
    print(table(record))


if __name__ == "__main__":
    main()
