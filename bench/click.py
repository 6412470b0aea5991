"""What one click costs, stage by stage, ours beside the best alternative in the same run: `activefreq bench`.

A click on a batch of images is: draw the click maps, run the network (its encoder and its frequency modules are shown
apart), find and score the error regions, and choose the pixel. Each stage is timed as it runs in an evaluation, with
its output allocated. Rows without an alternative are there for their share of the click.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import activefreq as af
from activefreq import _cpu
from activefreq.models import FreqFormer
from activefreq.models.network_input import CLICK_RADIUS
from activefreq.nn import FreqModule
from bench.label import labellings
from bench.measure import Summary, copies_beyond_cache, interleaved, ratio, summarise, write_json
from bench.race import finalists
from bench.scenes import scene
from bench.select_click_peers import pipelines

Call = Callable[[], object]
Made = dict[str, Call]


@dataclass(frozen=True)
class Stage:
    """One row of the table."""

    name: str
    make: Callable[[], Made]  # "ours" and its alternatives by name, over an input of their own
    size: int  # bytes of that input: how many of them a cold cache takes


def network_stages(size: int, batch: int) -> Iterator[Stage]:
    """Encoder, frequency modules, and the whole forward pass; the alternative computes the filters in eager torch."""
    network = FreqFormer(input_size=size).eval()
    modules = [module for module in network.modules() if isinstance(module, FreqModule)]
    shapes = [(batch, module.channels, *module.size) for module in modules]

    def without_gradient(call: Call) -> Call:
        def run() -> object:
            with torch.inference_mode():
                return call()

        return run

    def eager(call: Call) -> Call:
        def run() -> object:
            with mock.patch.object(af.ops, "freq_mix", af.reference.freq_mix):
                return call()

        return without_gradient(run)

    def encode() -> Made:
        x = torch.rand(batch, 6, size, size)
        return {"ours": without_gradient(lambda: network.encoder(x, output_hidden_states=True))}

    def filters() -> Made:
        maps = [torch.rand(shape) for shape in shapes]

        def call() -> object:
            return [module(part) for module, part in zip(modules, maps, strict=True)]

        return {"ours": without_gradient(call), "eager torch": eager(call)}

    def forward() -> Made:
        x = torch.rand(batch, 6, size, size)
        return {"ours": without_gradient(lambda: network(x)), "eager filters": eager(lambda: network(x))}

    pixels = batch * size * size
    yield Stage("encoder", encode, 24 * pixels)
    yield Stage("frequency modules", filters, sum(4 * math.prod(shape) for shape in shapes))
    yield Stage("whole forward pass", forward, 24 * pixels)


def drawing_stage(size: int, batch: int, clicks: int = 10) -> Stage:
    """Click maps, against cv2.circle per click (which fills slightly other disks: pixels are not compared)."""
    generator = torch.Generator().manual_seed(0)

    def make() -> Made:
        places = torch.randint(0, size, (batch, clicks, 2), generator=generator)
        labels = torch.randint(0, 2, (batch, clicks, 1), generator=generator)
        points = torch.cat([places, labels], dim=-1)

        def with_cv2() -> object:
            maps = np.zeros((batch, 2, size, size), np.float32)
            for image, rows in zip(maps, points.tolist(), strict=True):
                for y, x, label in rows:
                    cv2.circle(image[1 - label], (x, y), int(CLICK_RADIUS), 1.0, -1)
            return torch.from_numpy(maps)

        return {
            "ours": lambda: af.ops.click_maps(points, (size, size), CLICK_RADIUS),
            "plain torch": lambda: af.reference.click_maps(points, (size, size), CLICK_RADIUS),
            "cv2": with_cv2,
        }

    return Stage("drawing clicks", make, batch * 2 * size * size * 4)


def selection_stages(size: int, batch: int) -> Iterator[Stage]:
    """Labelling, distance, and the whole selection with the paper's score, on realistic error masks."""
    prob, target = scene("realistic", batch, size)

    def labelling() -> Made:
        wrong = ((prob > 0.5) != target).copy()
        images, mask = list(wrong.view(np.uint8)), torch.from_numpy(wrong)
        peers = {name: _each(function, images) for name, function in labellings(8).items()}
        return {"ours": lambda: af.ops.label(mask), **peers}

    def distance() -> Made:
        wrong = ((prob > 0.5) != target).copy()
        images, mask = list(wrong.view(np.uint8)), torch.from_numpy(wrong)

        def with_cv2(image: np.ndarray) -> object:
            return cv2.distanceTransform(np.pad(image, 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)

        return {"ours": lambda: af.ops.squared_distance(mask), "cv2": _each(with_cv2, images)}

    def selection() -> Made:
        own_prob, own_target = prob.copy(), target.copy()
        tensors = torch.from_numpy(own_prob), torch.from_numpy(own_target.astype(np.int8))

        def peer(click: Callable[..., object]) -> Call:
            return lambda: [click(*image) for image in zip(own_prob, own_target, strict=True)]

        peers = {pipeline.name: peer(pipeline.click) for pipeline in pipelines("literal")}
        return {"ours": lambda: af.ops.select_click(*tensors, reading="literal"), **peers}

    yield Stage("labelling", labelling, target.size)
    yield Stage("distance transform", distance, target.size)
    yield Stage("selection (regions, scores, pixel)", selection, 5 * target.size)


def _each(function: Callable[[np.ndarray], object], images: list[np.ndarray]) -> Call:
    return lambda: [function(image) for image in images]


def measure(stage: Stage, batch: int, cold: bool, seconds: float) -> dict[str, Any]:
    """Milliseconds per image of ours and of the fastest alternative, and the ratio round by round."""
    copies = copies_beyond_cache(stage.size) if cold else 1
    made = [stage.make() for _ in range(copies)]
    chosen = ["ours", *finalists({name: call for name, call in made[0].items() if name != "ours"})]

    def caller(name: str) -> Callable[[Made], object]:
        return lambda one: one[name]()

    times = interleaved({name: caller(name) for name in chosen}, made, seconds)
    scaled = {name: [1e3 * value / batch for value in values] for name, values in times.items()}
    row: dict[str, Any] = {"stage": stage.name, "cache": "cold" if cold else "warm", "ours": summarise(scaled["ours"])}
    if len(chosen) > 1:
        best = min(chosen[1:], key=lambda name: summarise(scaled[name]).median)
        row |= {"alternative": summarise(scaled[best]), "name": best, "ratio": ratio(scaled[best], scaled["ours"])}
    return row


def run(size: int, batch: int, seconds: float) -> list[dict[str, Any]]:
    """Every stage, warm and cold."""
    stages = [drawing_stage(size, batch), *network_stages(size, batch), *selection_stages(size, batch)]
    return [measure(stage, batch, cold, seconds) for stage in stages for cold in (False, True)]


def show(rows: list[dict[str, Any]], size: int, batch: int) -> None:
    """Print the table."""
    title = (
        f"one click at {size} × {size}, batch {batch}, {_cpu.instruction_set()}, {torch.get_num_threads()} thread(s): "
        "median ms per image (quartiles)"
    )
    table = Table("stage", "cache", "ours", "best alternative", "", "ratio", title=title)

    def text(value: Summary) -> str:
        return f"{value.median:.3f} ({value.low:.3f}-{value.high:.3f})"

    for row in rows:
        speed = row.get("ratio")
        times = f"{speed.median:.2f} ({speed.low:.2f}-{speed.high:.2f})" if speed else ""
        alternative = text(row["alternative"]) if speed else ""
        table.add_row(row["stage"], row["cache"], text(row["ours"]), alternative, row.get("name", ""), times)
    Console(width=150).print(table)


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print, store."""
    parser = argparse.ArgumentParser(prog="activefreq bench", description=__doc__)
    parser.add_argument("--size", type=int, default=224, help="side of the images")
    parser.add_argument("--batch", type=int, default=16, help="images per call")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="per stage")
    parser.add_argument("--instruction-set", choices=_cpu.instruction_sets(), default=_cpu.instruction_set())
    parser.add_argument("--json", type=Path, help="store rows and machine here")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(given.threads)
    _cpu.select_instruction_set(given.instruction_set)
    rows = run(given.size, given.batch, given.seconds)
    show(rows, given.size, given.batch)
    if given.json:
        settings = {"size": given.size, "batch": given.batch, "instruction_set": given.instruction_set}
        write_json(given.json, "click", rows, settings)


if __name__ == "__main__":
    main()
