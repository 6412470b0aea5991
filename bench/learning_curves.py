"""Learning curves: `python -m bench.learning_curves keep NAME RUN [RUN …]`, then `… draw`.

`keep` copies what `activefreq train` logged (loss, validation NoC and seconds by epoch), run after run in the order
given, with each run's settings from its checkpoint, to `bench/results/training-NAME.json`. `draw` makes
`docs/learning-curves.png` from all that are kept.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from activefreq.evaluation.charts import COLOURS
from activefreq.models.checkpoint import read_tensors
from bench.speed_tables import RESULTS

PICTURE = Path(__file__).parent.parent / "docs" / "learning-curves.png"
KEYS = ("80", "85", "90")


def kept(run: Path) -> dict[str, Any]:
    """Settings and epochs of one run's folder."""
    _, header = read_tensors(run / "last.safetensors")
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    history = header["history"]
    return {
        "data": history["data"],
        "split": history["split"],
        "training": history["training"],
        "versions": history["versions"],
        "epochs": [json.loads(line) for line in lines],
    }


def draw(records: dict[str, list[dict[str, Any]]], target: Path) -> None:
    """One row of two axes per record: loss, and NoC on the validation split, runs one after another."""
    figure = Figure(figsize=(8.0, 2.6 * len(records)), dpi=130, layout="constrained")
    grid = figure.subplots(len(records), 2, squeeze=False)
    for (loss, noc), (name, runs) in zip(grid, records.items(), strict=True):
        start = 0
        for index, run in enumerate(runs):
            epochs = [start + entry["epoch"] for entry in run["epochs"]]
            colour = COLOURS[index % len(COLOURS)]
            stage = run["training"].get("stage", "coarse")  # older runs knew no other
            side = run["training"]["crop"]
            loss.plot(epochs, [entry["loss"] for entry in run["epochs"]], color=colour, label=f"{stage}, {side} px")
            seen = [(at, entry) for at, entry in zip(epochs, run["epochs"], strict=True) if "noc90" in entry]
            for key, style in zip(KEYS, (":", "--", "-"), strict=True):
                points = [entry[f"noc{key}"] for _, entry in seen]
                label = f"NoC@{key}" if index == 0 else None
                noc.plot([at for at, _ in seen], points, style, color=colour, marker="o", markersize=3, label=label)
            start = epochs[-1]
        loss.set_title(f"{name}: training loss", fontsize=9)
        noc.set_title(f"{name}: NoC on val, largest", fontsize=9)
        for axes in (loss, noc):
            _plain(axes)
    FigureCanvasAgg(figure)
    figure.savefig(target, facecolor="white")


def _plain(axes: Axes) -> None:
    axes.set_xlabel("epoch", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="#e9ecf0")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.legend(frameon=False, fontsize=8)


def main(command: list[str] | None = None) -> None:
    """Keep or draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    keeping = actions.add_parser("keep", help="copy logs of runs into bench/results")
    keeping.add_argument("name")
    keeping.add_argument("runs", type=Path, nargs="+")
    actions.add_parser("draw", help="make the picture of all that are kept")
    given = parser.parse_args(command)
    if given.action == "keep":
        target = RESULTS / f"training-{given.name}.json"
        target.write_text(json.dumps({"runs": [kept(run) for run in given.runs]}, indent=1) + "\n", encoding="utf-8")
        print(target)
        return
    files = sorted(RESULTS.glob("training-*.json"))
    records = {
        path.stem.removeprefix("training-"): json.loads(path.read_text(encoding="utf-8"))["runs"] for path in files
    }
    if not records:
        parser.error(f"{RESULTS} holds no training-*.json: keep a run first")
    draw(records, PICTURE)
    print(PICTURE)


if __name__ == "__main__":
    main()
