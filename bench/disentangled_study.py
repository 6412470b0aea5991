"""Does frequency disentangling help where data are few? `python -m bench.disentangled_study --data path/to/volumes`.

Trains the network without fusion, with early and with late fusion on random subsets of the training volumes, and scores
every one on all test volumes: Dice and 95 % Hausdorff distance. Each draw is a subset and a seed that the three share,
so their differences are paired. All training volumes are one subset; there the draws differ in the seed alone.

Every run is a fixed number of steps with a cosine schedule, and its last weights are scored: nothing is chosen on test.
Runs go into the JSON as they finish, draw by draw; the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from activefreq.data.volumes import Volume, Volumes
from activefreq.evaluation.click_free import score
from activefreq.evaluation.provenance import machine, versions
from activefreq.evaluation.storage import write_atomically
from activefreq.models.cost import network_cost
from activefreq.models.frequency_disentangled import FrequencyDisentangled
from activefreq.tasks.frequency_disentangled import FrequencyDisentangledTask
from bench.collect import shortened
from bench.disentangled_tables import FUSIONS, average, disentangled
from bench.measure import interleaved, summarise

RESULT = Path(__file__).parent / "results" / "disentangled_study.json"
MEASURES = ("dice", "hausdorff95")


def subset(volumes: int, size: int, draw: int) -> list[int]:
    """Which of `volumes` a draw trains on, in order."""
    generator = torch.Generator().manual_seed(1000 * size + draw)
    return sorted(torch.randperm(volumes, generator=generator)[:size].tolist())


def train(task: FrequencyDisentangledTask, items: list[Volume], fusion: str, seed: int, settings: dict[str, Any]):
    """A network after `steps` steps of one volume each, every volume once before any comes again; and its last loss."""
    torch.manual_seed(seed)
    network = FrequencyDisentangled(classes=len(task.classes), fusion=fusion, dropout=settings["dropout"])
    optimizer = torch.optim.Adam(network.parameters(), lr=settings["learning_rate"], weight_decay=1e-10)
    steps, order, losses = settings["steps"], torch.Generator().manual_seed(seed), []
    batches = [task.batch([item], order) for item in items]
    queue: list[int] = []
    network.train()
    for step in range(steps):
        queue = queue or torch.randperm(len(items), generator=order).tolist()
        for group in optimizer.param_groups:
            group["lr"] = settings["learning_rate"] * 0.5 * (1 + math.cos(math.pi * step / steps))
        with torch.autocast("cpu", torch.bfloat16, enabled=settings["autocast"]):
            loss = task.loss(network, batches[queue.pop()])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return network.eval(), mean(losses[-20:])


def cost(task: FrequencyDisentangledTask, fusion: str) -> dict[str, Any]:
    """Parameters, multiply-accumulates of convolutions, and the time of one volume in eval mode, float32."""
    network = FrequencyDisentangled(classes=len(task.classes), fusion=fusion).eval()
    counted = network_cost(network, task.size, channels=1)
    x = torch.rand(1, 1, *task.size)
    with torch.inference_mode():
        times = interleaved({fusion: network}, [x], seconds=1)[fusion]
    return {"parameters": counted.parameters, "macs": counted.macs, "seconds": asdict(summarise(times))}


def write(path: Path, record: dict[str, Any]) -> None:
    """One line per run, so that the file can be read and its history compared."""
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items() if key != "rows"]
    body = ",\n".join(f"  {json.dumps(row)}" for row in record["rows"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "{\n" + ",\n".join([*lines, f' "rows": [\n{body}\n ]']) + "\n}\n")


def main() -> None:
    """Run what is missing, store after every run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of images/ and labels/")
    parser.add_argument("--sizes", nargs="+", default=["4", "17", "all"], help="numbers of training volumes, or all")
    parser.add_argument("--fusions", nargs="+", choices=FUSIONS, default=FUSIONS)
    parser.add_argument("--draws", type=int, default=10, help="0 trains nothing and measures the cost anew")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--dropout", type=float, default=0.6)
    parser.add_argument("--split", default="test", help="what is scored; choose settings on val")
    parser.add_argument("--limit", type=int, help="score the first N volumes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULT)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    task = FrequencyDisentangledTask()
    training, scored = Volumes(given.data, "train"), Volumes(given.data, given.split, given.limit)
    sizes = [len(training) if size == "all" else int(size) for size in given.sizes]
    record: dict[str, Any] = {
        "command": shortened(shlex.join(["python", "-m", "bench.disentangled_study", *sys.argv[1:]])),
        "machine": machine(),
        "versions": versions(),
        "data": {
            v.split: {"name": v.name, "volumes": len(v), "fingerprint": v.fingerprint} for v in (training, scored)
        },
        "settings": {
            "size": task.size,
            "steps": given.steps,
            "learning_rate": task.defaults["learning_rate"],
            "dropout": given.dropout,
            "autocast": True,
        },
        "cost": {fusion: cost(task, fusion) for fusion in FUSIONS},
        "rows": [],
    }
    if given.json.exists():
        before = json.loads(given.json.read_text(encoding="utf-8"))
        for key in ("data", "settings"):
            if before[key] != json.loads(json.dumps(record[key])):
                raise SystemExit(f"{given.json} holds runs of other {key}; give another --json")
        record["rows"] = before["rows"]
    known = {(row["size"], row["fusion"], row["draw"]) for row in record["rows"]}
    for draw in range(given.draws):
        for size in sizes:
            chosen = subset(len(training), size, draw)
            items = []
            for fusion in given.fusions:
                if (size, fusion, draw) in known:
                    continue
                items = items or [training[i] for i in chosen]
                start = time.perf_counter()
                network, loss = train(task, items, fusion, draw, record["settings"])
                seconds = time.perf_counter() - start
                row = {"size": size, "fusion": fusion, "draw": draw, "loss": loss, "seconds": round(seconds, 1)}
                row["volumes"] = [item.name for item in items] if size < len(training) else "all"
                values = score(network, task, scored, measures=MEASURES).values.round(4)
                row |= {name: values[:, :, index].tolist() for index, name in enumerate(MEASURES)}
                record["rows"].append(row)
                record["rows"].sort(key=lambda r: (r["size"], FUSIONS.index(r["fusion"]), r["draw"]))
                write(given.json, record)
                told = f"{size} {fusion} {draw}: loss {loss:.3f}, Dice {average(row, 'dice'):.3f}, {seconds:.0f} s"
                print(told, file=sys.stderr, flush=True)
    write(given.json, record)
    print(disentangled(record))


if __name__ == "__main__":
    main()
