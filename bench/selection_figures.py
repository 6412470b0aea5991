"""The pictures of the click study, from its stored JSON.

`python -m bench.selection_figures curves bench/results/selection-val.json docs/selection-curves.png` draws mIoU by
click for every strategy (as the paper's Figure 6); `… clicks JSON TARGET --data phantom` draws clicks 1 to 10 on four
objects (as its Figure 8): the clicks and IoUs are the stored ones, the masks are predicted once more from the clicks.
"""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import activefreq as af
from activefreq.acselect import printed_name
from activefreq.clicks import Click
from activefreq.data import open_dataset
from activefreq.evaluation.charts import COLOURS
from activefreq.evaluation.examples import Example, replay
from activefreq.evaluation.objects import ObjectResult, open_object
from activefreq.evaluation.pictures import draw_example

INK = "#3b4250"
GROUPED = "grouped, 8 pixels"
"""The row of the strategy `grouped` with its default reach."""


def curves(record: dict[str, Any], target: Path) -> None:
    """Mean IoU after k clicks, one line per strategy."""
    shown = [row for row in record["rows"] if row["group"] in ("strategies", "look-ahead") or row["name"] == GROUPED]
    figure = Figure(figsize=(8.6, 4.2), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    for index, row in enumerate(shown):
        k = np.arange(1, len(row["miou"]) + 1)
        style = ":" if row["name"].endswith("bound") else "--" if index >= len(COLOURS) else "-"
        colour = COLOURS[index % len(COLOURS)]
        axes.plot(k, row["miou"], style, color=colour, linewidth=1.6, marker="o", markersize=2.5, label=_label(row))
    whole = all(row["full_curve"] for row in shown)
    axes.set_xlabel("clicks k" if whole else "clicks k; an object that reached 90 % keeps its IoU", color=INK)
    axes.set_ylabel("mIoU@k", color=INK)
    axes.set_xticks([1, *range(5, len(shown[0]["miou"]) + 1, 5)])
    axes.set_title(f"{record['model']['name']} on {record['data']['name']}, {record['data']['split']}", fontsize=9)
    figure.legend(frameon=False, fontsize=8, loc="outside right center")
    axes.grid(axis="y", color="#e9ecf0")
    axes.spines[["top", "right"]].set_visible(False)
    FigureCanvasAgg(figure)
    figure.savefig(target, facecolor="white")


def _label(row: dict[str, Any]) -> str:
    return printed_name(row["name"])


def clicks(record: dict[str, Any], target: Path, data: str, model: str) -> None:
    """One row per object, one column per click: truth white, mask yellow, clicks numbered, IoU in the corner."""
    predictor, dataset = af.load(model), open_dataset(data, split=record["data"]["split"])
    if predictor.weights_digest() != record["model"]["weights_digest"]:
        raise SystemExit(f"--model {model}: other weights than those of the stored clicks")
    if asdict(predictor.steps) != record["model"]["steps"]:
        raise SystemExit(f"--model {model}: by default it takes other steps around the network than the stored clicks")
    position = {str(name): place for place, name in enumerate(dataset.names)}
    objects = record["examples"]["objects"]
    columns = max(len(entry["clicks"]) for entry in objects)
    side, gap = 230, 6
    sheet = Image.new("RGB", (columns * (side + gap) - gap, len(objects) * (side + gap) - gap), "white")
    for row, entry in enumerate(objects):
        made = [Click(*click) for click in entry["clicks"]]
        for column in range(len(made)):
            picture = _picture(predictor, dataset[position[entry["name"]]], made[: column + 1], entry["ious"][column])
            sheet.paste(picture.resize((side, side)), (column * (side + gap), row * (side + gap)))
    sheet.thumbnail((1800, 1800))
    sheet.save(target, quality=85)


def _picture(predictor: Any, sample: Any, made: list[Click], iou: float) -> Image.Image:
    active, image, truth, start = open_object(sample, 0)
    mask = replay(predictor, image, made, start) > torch.tensor(0.5)
    result = ObjectResult(0, active.name, active.history.size, active.area, made, [iou], "max_clicks")
    example = Example(result, image.permute(1, 2, 0).numpy(), truth.numpy(), mask.numpy())
    picture = Image.open(io.BytesIO(draw_example(example))).convert("RGB")
    figure = Figure(figsize=(picture.width / 100, picture.height / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(np.asarray(picture), aspect="auto")
    text = f"{len(made)}: {100 * iou:.1f} %"
    box = {"facecolor": "#000000aa", "edgecolor": "none", "pad": 3}
    axes.text(8, picture.height - 12, text, color="white", fontsize=26, bbox=box)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def main() -> None:
    """Read the JSON, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["curves", "clicks"])
    parser.add_argument("json", type=Path)
    parser.add_argument("target", type=Path, help=".png or .jpg")
    parser.add_argument("--data", default="phantom", help="where the objects of `clicks` are")
    parser.add_argument("--model", default="freqformer-isic2017")
    given = parser.parse_args()
    record = json.loads(given.json.read_text(encoding="utf-8"))
    if given.what == "curves":
        curves(record, given.target)
    else:
        clicks(record, given.target, given.data, given.model)
    print(given.target)


if __name__ == "__main__":
    main()
