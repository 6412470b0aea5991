"""What each part of the FreqModule is worth, at an equal short budget (the paper's Tables 6 and 7).

Usage: `python -m bench.ablation --data path/to/isic2017 --runs DIR [--json FILE] [--seeds 0 1]`.

Every variant is trained from nothing by `activefreq.training`, with the same seeds, images, clicks and epochs, and
evaluated on the validation split. The budget is a small part of what the published weights had, and the images are
small: read differences and their spread over seeds, not the NoC itself.

A killed study goes on where it was: each training resumes from its folder in --runs, each finished row is in the JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import activefreq as af
from activefreq.data import open_dataset
from activefreq.evaluation import Evaluation
from activefreq.models import FreqFormer
from activefreq.predictor import FreqFormerPredictor
from activefreq.training.configuration import TrainingConfig
from activefreq.training.loop import train
from bench.measure import machine, write_json

# Rows of the paper's Table 6 in its order, each pair alone, then Table 7 and the paper's future work.
VARIANTS: dict[str, dict[str, Any]] = {
    "no Freq block": {"freq_depth": 0},
    "no transform": {"axes": ()},
    "(H, W)": {"axes": ("hw",)},
    "(H, C)": {"axes": ("hc",)},
    "(W, C)": {"axes": ("wc",)},
    "(H, W) and (H, C)": {"axes": ("hw", "hc")},
    "all three": {},
    "Haar": {"transform": "haar"},
    "three-axis transform": {"transform": "dft3"},
}
COMPLETE = "all three"
STRATEGIES = ("largest", "acselect")


def settings(epochs: int, crop: int, seed: int) -> TrainingConfig:
    """The equal budget."""
    return TrainingConfig(
        epochs=epochs,
        learning_rate=6e-4,
        schedule="cosine",
        warmup_steps=100,
        weight_decay=0.01,
        average=0.98,
        crop=crop,
        click_decay=0.6,
        autocast=True,
        validate_every=0,
        seed=seed,
    )


def trained(variant: str, arguments: argparse.Namespace, seed: int) -> FreqFormer:
    """The variant's network after its training, from --runs where that has it already."""
    config = settings(arguments.epochs, arguments.crop, seed)
    out = arguments.runs / f"{list(VARIANTS).index(variant)}-seed{seed}"
    torch.manual_seed(seed)
    network = FreqFormer(input_size=arguments.crop, **VARIANTS[variant])
    dataset = open_dataset(arguments.data, split="train", limit=arguments.limit)
    path = train(network, dataset, out, config, {"data": dataset.name, "variant": variant}, resume=out.exists())
    return af.load(path).network


def evaluations(network: FreqFormer, dataset: Any) -> dict[str, Evaluation]:
    """The evaluation of each strategy."""
    return {
        strategy: af.evaluate(FreqFormerPredictor(network), dataset, strategy=strategy, batch_size=16)
        for strategy in STRATEGIES
    }


def evaluated(results: dict[str, Evaluation]) -> dict[str, Any]:
    """NoC, NoF and mIoU by clicks, of each strategy."""
    return {
        strategy: {
            "noc": {str(key): value for key, value in result.noc.items()},
            "nof": {str(key): value for key, value in result.nof.items()},
            "miou": [round(float(value), 5) for value in result.miou],
        }
        for strategy, result in results.items()
    }


def show(rows: list[dict[str, Any]]) -> None:
    """Print what there is."""
    table = Table("variant", "seed", *(f"{s}: NoC@{key}" for s in STRATEGIES for key in ("80", "85", "90")))
    for row in rows:
        cells = [f"{row['figures'][s]['noc'][key]:.2f}" for s in STRATEGIES for key in ("80", "85", "90")]
        table.add_row(row["variant"], str(row["seed"]), *cells)
    Console(width=140).print(table)


def finished_rows(path: Path | None, summary: dict[str, Any], parser: argparse.ArgumentParser) -> list[dict[str, Any]]:
    """The rows that an earlier run of the same study stored; another study's file is an error of the command line."""
    if path is None or not path.exists():
        return []
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["summary"] != summary:
        parser.error(f"--json: {path} holds a study with other settings")
    return list(record["rows"])


def main(command: list[str] | None = None) -> None:
    """Train, evaluate and store, one variant and seed after another; all variants of a seed before the next seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of a data set with the splits train and val")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the trainings")
    parser.add_argument("--json", type=Path, help="store rows, settings and machine here; rows that it has are kept")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--crop", type=int, default=96, help="side in pixels of images in training and evaluation")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--variants", nargs="+", metavar="NAME", default=list(VARIANTS), help="only these")
    parser.add_argument("--limit", type=int, help="train on the first N objects")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(command)
    if unknown := [name for name in arguments.variants if name not in VARIANTS]:
        parser.error(f"no variant {unknown[0]!r}; there are {', '.join(VARIANTS)}")
    torch.set_num_threads(arguments.threads)
    held_out = open_dataset(arguments.data, split="val", limit=arguments.limit)
    summary = {
        "data": held_out.name,
        "split": "val",
        "objects": len(held_out),
        "limit": arguments.limit,
        "training": {**settings(arguments.epochs, arguments.crop, 0).as_dict(), "seed": "the row's"},
        "command": f"python -m bench.ablation --data path/to/{held_out.name} --runs DIR --epochs {arguments.epochs} "
        f"--crop {arguments.crop} --threads {arguments.threads}",
    }
    rows = finished_rows(arguments.json, summary, parser)
    for seed in arguments.seeds:
        for variant in arguments.variants:
            if any((row["variant"], row["seed"]) == (variant, seed) for row in rows):
                continue
            network = trained(variant, arguments, seed)
            parameters = sum(parameter.numel() for parameter in network.parameters())
            figures = evaluated(evaluations(network, held_out))
            rows.append({"variant": variant, "seed": seed, "parameters": parameters, "figures": figures})
            print(variant, seed, figures["acselect"]["noc"], machine()["time"], file=sys.stderr, flush=True)
            if arguments.json:
                write_json(arguments.json, "ablation", rows, summary)
    show(rows)


if __name__ == "__main__":
    main()
