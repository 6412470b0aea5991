"""Whether a self-supervised start on the training images is better than random weights, at an equal short budget.

Usage: `python -m bench.self_supervised --data path/to/isic2017 --runs DIR [--json FILE] [--seeds 0 1]`.

A FreqFormer learns to draw hidden squares of the training images (`bench.pretraining`), then trains as every variant of
`bench.ablation` does. Beside it, with the same seeds: the same training from random weights, and a longer one from
random weights with as many passes as pretraining and training together. All are evaluated on the validation split.

A killed study goes on where it was: trainings resume from their folders in --runs, a pretraining begins anew unless it
had ended, finished rows are in the JSON.
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
from activefreq.evaluation.comparison import clicks_needed
from activefreq.models import FreqFormer
from activefreq.models.checkpoint import read_header
from activefreq.training.configuration import TrainingConfig
from activefreq.training.loop import train
from bench.ablation import STRATEGIES, evaluated, evaluations, finished_rows, settings
from bench.measure import machine, write_json
from bench.pretraining import load_start, pretrain

STARTS = {
    "random": "random weights",
    "encoder": "self-supervised, encoder alone",
    "self-supervised": "self-supervised, encoder and decoder",
    "longer": "random weights, longer",
}
"""Name of a start in --runs, --starts and the JSON → in tables."""
PRETRAINED = ("encoder", "self-supervised")
THRESHOLDS = (0.85, 0.90)


def longer_epochs(config: TrainingConfig, pretrain_epochs: int) -> int:
    """Epochs of training that make as many passes through the network as pretraining and `config.epochs` together.

    A backward pass counts as two forward ones. A step of pretraining is 1 + 2 passes; a step of training has
    config.iterations / 2 passes without gradient more, on average.
    """
    return config.epochs + round(pretrain_epochs * 3 / (3 + config.iterations / 2))


def epochs(start: str, arguments: argparse.Namespace) -> int:
    """Epochs of training after this start."""
    config = settings(arguments.epochs, arguments.crop, 0)
    return longer_epochs(config, arguments.pretrain_epochs) if start == "longer" else config.epochs


def trained(start: str, arguments: argparse.Namespace, seed: int) -> tuple[FreqFormer, dict[str, Any]]:
    """The network after its training, from --runs where that has it already, and what is to be recorded of that."""
    dataset = open_dataset(arguments.data, split="train", limit=arguments.limit)
    out = arguments.runs / f"{start}-seed{seed}"
    record: dict[str, Any] = {"start": start, "seed": seed, "epochs": epochs(start, arguments)}
    torch.manual_seed(seed)
    network = FreqFormer(input_size=arguments.crop)
    if start in PRETRAINED:
        path = arguments.runs / f"pretraining-seed{seed}.safetensors"
        if not path.exists():
            pretrain(network, dataset, path, settings(arguments.pretrain_epochs, arguments.crop, seed))
        header = read_header(path)
        if header["training"] != settings(arguments.pretrain_epochs, arguments.crop, seed).as_dict():
            raise SystemExit(f"--runs: {path} was pretrained with other settings")
        record["pretraining"] = {"loss": header["loss"], "seconds": header["seconds"]}
        torch.manual_seed(seed)
        network = FreqFormer(input_size=arguments.crop)
        load_start(network, path, encoder_alone=start == "encoder")
    config = settings(record["epochs"], arguments.crop, seed)
    path = train(network, dataset, out, config, {"data": dataset.name, "start": start}, resume=out.exists())
    log = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    record["training"] = {name: [line[name] for line in log] for name in ("loss", "seconds")}
    return af.load(path).network, record


def show(rows: list[dict[str, Any]]) -> None:
    """Print what there is."""
    table = Table("start", "seed", "epochs", *(f"{s}: NoC@{key}" for s in STRATEGIES for key in ("80", "85", "90")))
    for row in rows:
        cells = [f"{row['figures'][s]['noc'][key]:.2f}" for s in STRATEGIES for key in ("80", "85", "90")]
        table.add_row(STARTS[row["start"]], str(row["seed"]), str(row["epochs"]), *cells)
    Console(width=140).print(table)


def main(command: list[str] | None = None) -> None:
    """Train, evaluate and store, all starts of a seed before the next seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of a data set with the splits train and val")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the trainings")
    parser.add_argument("--json", type=Path, help="store rows, settings and machine here; rows that it has are kept")
    parser.add_argument("--epochs", type=int, default=5, help="of training with clicks")
    parser.add_argument("--pretrain-epochs", type=int, default=8, help="of drawing hidden squares")
    parser.add_argument("--crop", type=int, default=96, help="side in pixels of images in training and evaluation")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--starts", nargs="+", choices=list(STARTS), default=list(STARTS), help="only these")
    parser.add_argument("--limit", type=int, help="train and evaluate on the first N objects")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(command)
    torch.set_num_threads(arguments.threads)
    held_out = open_dataset(arguments.data, split="val", limit=arguments.limit)
    training = settings(arguments.epochs, arguments.crop, 0)
    summary = {
        "data": held_out.name,
        "split": "val",
        "objects": len(held_out),
        "limit": arguments.limit,
        "training": {**training.as_dict(), "seed": "the row's"},
        "pretrain_epochs": arguments.pretrain_epochs,
        "longer_epochs": longer_epochs(training, arguments.pretrain_epochs),
        "command": f"python -m bench.self_supervised --data path/to/{held_out.name} --runs DIR "
        f"--epochs {arguments.epochs} --pretrain-epochs {arguments.pretrain_epochs} --crop {arguments.crop} "
        f"--threads {arguments.threads}",
    }
    rows = finished_rows(arguments.json, summary, parser)
    for seed in arguments.seeds:
        for start in arguments.starts:
            if any((row["start"], row["seed"]) == (start, seed) for row in rows):
                continue
            network, row = trained(start, arguments, seed)
            results = evaluations(network, held_out)
            row["figures"] = evaluated(results)
            row["clicks"] = {
                strategy: {f"{100 * iou:.0f}": clicks_needed(result, iou).tolist() for iou in THRESHOLDS}
                for strategy, result in results.items()
            }
            rows.append(row)
            print(start, seed, row["figures"]["acselect"]["noc"], machine()["time"], file=sys.stderr, flush=True)
            if arguments.json:
                write_json(arguments.json, "self_supervised", rows, summary)
    show(rows)


if __name__ == "__main__":
    main()
