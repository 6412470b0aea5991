"""What memory and frequency are worth in HFSTI-Net: `python -m bench.hfsti_study --data path/to/cvc_clinicdb_612 …`.

The same small network with RMP and HFSI off and on, each trained anew on the training videos with the same short
budget and scored on whole test videos. The encoder starts at random. A finished run is not done again, so that the
study can be made in pieces: `--variants` takes some of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from activefreq.evaluation.click_free import score
from activefreq.models.checkpoint import load_network
from activefreq.models.hfsti_net import HFSTINet
from activefreq.tasks import make_task
from activefreq.training.click_free import ClickFreeConfig, train_click_free
from bench.measure import machine, write_json

VARIANTS: dict[str, dict[str, Any]] = {
    "neither": {"hfsi": False, "rmp": False},
    "HFSI": {"rmp": False},
    "RMP": {"hfsi": False},
    "HFSI and RMP": {},
}
MEASURES = ("dice", "iou")
RESULT = Path(__file__).parent / "results" / "hfsti_study.json"


def trained_and_scored(name: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One row: train where there is no row yet, score on the test videos."""
    folder: Path = arguments.out / f"{name.replace(' ', '-')}-{seed}"
    stored = folder / "row.json"
    settings = {
        "size": arguments.size,
        "epochs": arguments.epochs,
        "batch_size": arguments.batch_size,
        "learning_rate": arguments.learning_rate,
        "clip": arguments.clip,
    }
    if stored.exists():
        row: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
        if row["settings"] != settings:
            raise SystemExit(f"{stored} was made with other settings: {row['settings']}")
        return row
    task = make_task("hfsti-net", size=arguments.size, clip=arguments.clip)
    torch.manual_seed(seed)
    network = HFSTINet.small(input_size=arguments.size, **VARIANTS[name])
    clips = task.training_items(arguments.data, "train")
    config = ClickFreeConfig(
        **task.defaults
        | {name: settings[name] for name in ("epochs", "batch_size", "learning_rate")}
        | {"validate_every": 0, "seed": seed}
    )
    path = train_click_free(network, task, clips, folder, config, {"command": sys.argv}, resume=True)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    network, _ = load_network(path)
    videos = task.items(arguments.data, "test")
    scores = score(network, task, videos, measures=MEASURES)
    row = {
        "variant": name,
        "seed": seed,
        "settings": settings,
        "encoder": "PVTv2, random start",
        "parameters": sum(p.numel() for p in network.parameters()),
        "clips": len(clips),
        "videos": len(videos),
        "frames": len(scores.names),
        **{measure: scores.mean(measure)[0] for measure in MEASURES},
        "dice_by_video": {video: figures["dice"] for video, figures in scores.breakdown()["video"].items()},
        "training_seconds": sum(line["seconds"] for line in log),
        "machine": machine(),
    }
    stored.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    return row


def rows_of(out: Path) -> list[dict[str, Any]]:
    """Every finished run under `out`, in the order of VARIANTS and seeds."""
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in out.glob("*/row.json")]
    names = list(VARIANTS)
    return sorted(rows, key=lambda row: (names.index(row["variant"]), row["seed"]))


def show(rows: list[dict[str, Any]]) -> Table:
    """A row per run."""
    table = Table("variant", "seed", "parameters", "Dice", "IoU", "training, s", title="HFSTI-Net, test videos")
    for row in rows:
        figures = (f"{row[measure]:.3f}" for measure in MEASURES)
        table.add_row(
            row["variant"], str(row["seed"]), str(row["parameters"]), *figures, f"{row['training_seconds']:.0f}"
        )
    return table


def main() -> None:
    """Train what is missing, score, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--json", type=Path, default=RESULT)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--clip", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for seed in arguments.seeds:
        for name in arguments.variants:
            trained_and_scored(name, seed, arguments)
    rows = rows_of(arguments.out)
    Console(width=120).print(show(rows))
    summary = {
        name: {measure: mean(row[measure] for row in rows if row["variant"] == name) for measure in MEASURES}
        for name in VARIANTS
        if any(row["variant"] == name for row in rows)
    }
    write_json(arguments.json, "hfsti_study", rows, {"data": arguments.data.name, "split": "test", **summary})


if __name__ == "__main__":
    main()
