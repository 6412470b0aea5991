"""FreqMedCLIP on images with phrases: scores, the wrong phrase as a control, ablations, cost.

Usage: `python -m bench.freqmedclip_study PART --data path/to/isic2017,path/to/cvc_clinicdb_612 --runs DIR [--json F]`.

PART is
- scores: one small network, trained on both sets, its best epoch chosen on val, scored on val and once on test, under
  the right phrase, the wrong one and one that it never met. `--wrong 0` trains without wrong phrases.
- ablations: the components of the paper's Table 4 and its single-stream baselines, each trained anew at an equal short
  budget and scored on val. The budget is far from convergence: read differences, not the Dice itself.
- cost: parameters, multiply-accumulates and milliseconds; needs no data.

All transformers start from random weights and, but for one ablation, stay frozen so. A killed study goes on where it
was: trainings resume from their folders in --runs, finished rows are in the JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from activefreq.evaluation.click_free import score
from activefreq.evaluation.scores import Scores
from activefreq.models.checkpoint import load_network
from activefreq.models.cost import network_cost
from activefreq.models.freqmedclip import FreqMedCLIP
from activefreq.tasks.freqmedclip import FreqMedCLIPTask
from activefreq.training.click_free import ClickFreeConfig, train_click_free
from bench.measure import write_json

VARIANTS: dict[str, dict[str, Any]] = {
    "complete": {},
    "without the frequency encoder": {"frequency": False},
    "without FFBI (concatenation)": {"bridge": "concatenation"},
    "without LFFI": {"film": False},
    "without the dual decoder": {"dual_decoder": False},
    "without TCA": {"adapter": "none"},
    "FiLM on tokens in place of TCA": {"adapter": "film"},
    "with the text gate": {"text_gate": True},
    "semantic only": {"frequency": False, "film": False, "adapter": "none"},
    "frequency only": {"semantic": False, "film": False},
    "vision transformer trained too": {"train_vision": True},
    "no wrong phrases in training": {},
}
# Settings of the task in which a variant's training differs.
TRAINED_WITH: dict[str, dict[str, Any]] = {"no wrong phrases in training": {"wrong": 0.0}}
COMPLETE = "complete"
# What is asked at scoring. The last phrase is right for both sets; none of its words is in a phrase of training.
ASKED = {"right": "right", "wrong": "wrong", "unseen": "an abnormal region"}
MEASURES = ("dice", "iou", "hausdorff", "boundary_dice")


def training(arguments: argparse.Namespace, seed: int) -> ClickFreeConfig:
    """Ten times the paper's learning rate, since everything starts from random weights."""
    return ClickFreeConfig(
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        learning_rate=1e-3,
        warmup_steps=50,
        weight_decay=0.01,
        average=0.99,
        validate_every=1,
        seed=seed,
    )


def trained(variant: str, seed: int, arguments: argparse.Namespace) -> tuple[FreqMedCLIP, dict[str, Any]]:
    """The variant's network at its best epoch, from --runs where that has it already, and how it was trained."""
    config = training(arguments, seed)
    options = {"size": arguments.size, "wrong": arguments.wrong} | TRAINED_WITH.get(variant, {})
    task = FreqMedCLIPTask(**options)
    items = task.training_items(arguments.data, "train", arguments.limit)
    held_out = task.items(arguments.data, "val", arguments.limit)
    torch.manual_seed(seed)
    network = FreqMedCLIP.small(input_size=arguments.size, **VARIANTS[variant])
    out = arguments.runs / f"{list(VARIANTS).index(variant)}-wrong{options['wrong']:g}-seed{seed}"
    history = {"data": items.name, "task": {"name": "freqmedclip", "options": options}}
    path = train_click_free(network, task, items, out, config, history, held_out, resume=out.exists())
    log = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    best, _ = load_network(path)
    assert isinstance(best, FreqMedCLIP)
    return best, {
        "images": len(items),
        "steps": config.epochs * (len(items) // config.batch_size),
        "seconds": sum(line["seconds"] for line in log),
        "dice_by_epoch": [round(line["dice"], 4) for line in log],
    }


def figures(scores: Scores) -> dict[str, Any]:
    """Mean and standard error of each measure, by set and over all, and the share of empty answers."""
    sources = [attributes["set"] for attributes in scores.attributes]
    found: dict[str, Any] = {}
    for source in dict.fromkeys(sources):
        rows = [row for row, name in enumerate(sources) if name == source]
        part = dataclasses.replace(
            scores,
            names=tuple(scores.names[row] for row in rows),
            attributes=tuple(scores.attributes[row] for row in rows),
            values=scores.values[rows],
            empty_prediction=scores.empty_prediction[rows],
            empty_target=scores.empty_target[rows],
        )
        found[source] = {
            "answers": len(rows),
            "empty": float(part.empty_prediction.mean()),
            **{measure: part.mean(measure) for measure in scores.measures},
        }
    return found


def dices(scores: Scores) -> list[float]:
    """Of every answer, so that variants are compared image by image."""
    return [round(value, 4) for value in scores.values[:, 0, scores.measures.index("dice")].tolist()]


def parameters(network: FreqMedCLIP) -> dict[str, int]:
    """Trained and frozen apart."""
    counts = {"trained": 0, "frozen": 0}
    for parameter in network.parameters():
        counts["trained" if parameter.requires_grad else "frozen"] += parameter.numel()
    return counts


def macs(network: FreqMedCLIP) -> float:
    """Of one image."""
    side = network.config.input_size
    return network_cost(network, (side, side), channels=3).macs


@torch.inference_mode()
def milliseconds(network: FreqMedCLIP, rounds: int = 15) -> float:
    """The median of some forward passes of one image, its phrase included."""
    side = network.eval().config.input_size
    x, taken = torch.zeros(1, 3, side, side), []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        network(x, ["a polyp"])
        taken.append(1e3 * (time.perf_counter() - started))
    return median(taken[1:])


def scores_part(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row per split and phrase."""
    network, how = trained(COMPLETE, arguments.seeds[0], arguments)
    for split in ("val", "test"):
        for asked, phrase in ASKED.items():
            task = FreqMedCLIPTask(size=arguments.size, phrase=phrase)
            items = task.items(arguments.data, split, arguments.limit)
            found = figures(score(network, task, items, measures=MEASURES))
            yield {"name": f"{split}, {asked}", "split": split, "asked": asked, "sets": found, "training": how}


def ablations_part(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row per variant and seed, on val."""
    for seed, variant in itertools.product(arguments.seeds, arguments.variants or VARIANTS):
        if (variant, seed) in arguments.finished:
            continue
        network, how = trained(variant, seed, arguments)
        row = {"name": variant, "seed": seed, "parameters": parameters(network), "macs": macs(network), "training": how}
        for asked in ("right", "wrong"):
            task = FreqMedCLIPTask(size=arguments.size, phrase=ASKED[asked])
            scores = score(network, task, task.items(arguments.data, "val", arguments.limit), measures=MEASURES)
            row[asked] = {"sets": figures(scores), "dice": dices(scores)}
        yield row


def cost_part(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The paper's sizes and the small ones, these also at the size of the scores; complete and one stream alone."""
    networks: dict[str, Callable[..., FreqMedCLIP]] = {
        "the paper's sizes": FreqMedCLIP,
        "small": FreqMedCLIP.small,
        f"small at {arguments.size} px": partial(FreqMedCLIP.small, input_size=arguments.size),
    }
    for name, make in networks.items():
        for variant in (COMPLETE, "semantic only", "frequency only"):
            network = make(**VARIANTS[variant])
            parts = {part: list(cost) for part, cost in _parts(network).items()} if variant == COMPLETE else {}
            yield {
                "name": f"{name}, {variant}",
                "input_size": network.config.input_size,
                "parameters": parameters(network),
                "macs": macs(network),
                "milliseconds": milliseconds(network),
                "parts": parts,
            }


def _parts(network: FreqMedCLIP) -> dict[str, tuple[int, float]]:
    side = network.config.input_size
    return network_cost(network, (side, side), channels=3).parts


PARTS = {"scores": scores_part, "ablations": ablations_part, "cost": cost_part}


def show(part: str, rows: list[dict[str, Any]]) -> None:
    """Print what there is."""
    if part == "cost":
        table = Table("network", "trained", "frozen", "GMAC", "ms")
        for row in rows:
            counts = (f"{row['parameters'][kind] / 1e6:.2f} M" for kind in ("trained", "frozen"))
            table.add_row(row["name"], *counts, f"{row['macs'] / 1e9:.2f}", f"{row['milliseconds']:.0f}")
    else:
        table = Table("row", "set", "answers", "empty", *MEASURES)
        for row in rows:
            for source, found in (row.get("sets") or row["right"]["sets"]).items():
                cells = (f"{found[measure][0]:.3f}" for measure in MEASURES)
                table.add_row(row["name"], source, str(found["answers"]), f"{found['empty']:.2f}", *cells)
    Console(width=140).print(table)


def main(command: list[str] | None = None) -> None:
    """Parse the command line, make the part's rows, store after each, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", default="phantom", help="folders of data sets with the splits train, val and test")
    parser.add_argument("--runs", type=Path, help="folder for the trainings")
    parser.add_argument("--json", type=Path, help="store rows, settings and machine here; rows that it has are kept")
    parser.add_argument("--size", type=int, default=96, help="side in pixels of images in training and scoring")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--wrong", type=float, default=0.25, help="share of training images with a wrong phrase")
    parser.add_argument("--limit", type=int, help="the first N images of each set and split")
    parser.add_argument("--variants", nargs="+", metavar="NAME", choices=VARIANTS, help="only these ablations")
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[0], help="each variant once per seed; scores: the first"
    )
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(command)
    if arguments.part != "cost" and not arguments.runs:
        parser.error("--runs: a folder for the trainings is needed")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seeds[0])
    names = ",".join(f"path/to/{Path(path.strip()).name}" for path in arguments.data.split(","))
    summary: dict[str, Any] = {"part": arguments.part, "threads": arguments.threads}
    described = training(arguments, arguments.seeds[0]).as_dict()
    if arguments.part == "ablations":  # each row has its own
        del described["seed"]
    else:
        summary["seed"] = arguments.seeds[0]
    if arguments.part != "cost":
        summary |= {
            "data": [Path(path.strip()).name for path in arguments.data.split(",")],
            "limit": arguments.limit,
            "size": arguments.size,
            "wrong": arguments.wrong,
            "training": described,
            "command": f"python -m bench.freqmedclip_study {arguments.part} --data {names} --runs DIR "
            f"--size {arguments.size} --epochs {arguments.epochs} --batch-size {arguments.batch_size} "
            f"--wrong {arguments.wrong:g}" + (f" --limit {arguments.limit}" if arguments.limit else ""),
        }
    rows: list[dict[str, Any]] = []
    if arguments.part == "ablations" and arguments.json and arguments.json.exists():
        record = json.loads(arguments.json.read_text(encoding="utf-8"))
        if record["summary"] != summary:
            parser.error(f"--json: {arguments.json} holds a study with other settings")
        rows = record["rows"]
    arguments.finished = {(row["name"], row["seed"]) for row in rows}
    for row in PARTS[arguments.part](arguments):
        rows.append(row)
        print(row["name"], file=sys.stderr, flush=True)
        if arguments.json:
            write_json(arguments.json, "freqmedclip", rows, summary)
    show(arguments.part, rows)


if __name__ == "__main__":
    main()
