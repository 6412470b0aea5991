"""What one click costs, stage by stage, ours beside the best alternative in the same run: `activefreq bench`.

A click on a batch of images is: draw the click maps, run the network (its encoder and its frequency modules are shown
apart), find and score the error regions, and choose the pixel. Each stage is timed as it runs in an evaluation, with
its output allocated. The encoder is the same code for both, and is there for its share of the click.
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
from bench.click_maps import random_clicks, with_cv2
from bench.freq_mix import CANDIDATES
from bench.label import labellings
from bench.measure import Summary, copies_beyond_cache, interleaved, ratio, summarise, write_json
from bench.race import finalists
from bench.scenes import scene
from bench.select_click_peers import pipelines
from bench.squared_distance import transforms

Call = Callable[[], object]
Made = dict[str, Call]


@dataclass(frozen=True)
class Stage:
    """One row of the table."""

    name: str
    make: Callable[[], Made]  # "ours" and its alternatives by name, over an input of their own
    size: int  # bytes of that input: how many of them a cold cache takes
    caches: tuple[str, ...] = ("warm", "cold")
    note: str = ""  # in place of an alternative's name, where there is none


def network_stages(size: int, batch: int) -> Iterator[Stage]:
    """Encoder, frequency modules, and the whole forward pass; the alternatives compute the filters in eager torch."""
    network = FreqFormer(input_size=size).eval()
    modules = [module for module in network.modules() if isinstance(module, FreqModule)]
    shapes = [(batch, module.channels, *module.size) for module in modules]

    def without_gradient(call: Call) -> Call:
        def run() -> object:
            with torch.inference_mode():
                return call()

        return run

    def both(call: Call) -> Made:
        def eager(function: Callable[..., torch.Tensor]) -> Call:
            def run() -> object:
                with mock.patch.object(af.ops, "freq_mix", function):
                    return call()

            return without_gradient(run)

        alternatives = {f"eager, {name}": eager(function) for name, function in CANDIDATES.items() if name != "ours"}
        return {"ours": without_gradient(call), **alternatives}

    def encode() -> Made:
        x = torch.rand(batch, 6, size, size)
        return {"ours": without_gradient(lambda: network.encoder(x, output_hidden_states=True))}

    def filters() -> Made:
        maps = [torch.rand(shape) for shape in shapes]

        def call() -> object:
            return [module(part) for module, part in zip(modules, maps, strict=True)]

        return both(call)

    def forward() -> Made:
        x = torch.rand(batch, 6, size, size)
        return both(lambda: network(x))

    pixels = batch * size * size
    yield Stage("encoder", encode, 24 * pixels, note="transformers, both")
    yield Stage("frequency modules", filters, sum(4 * math.prod(shape) for shape in shapes))
    yield Stage("whole forward pass", forward, 24 * pixels)


def drawing_stage(size: int, batch: int, clicks: int = 10) -> Stage:
    """Click maps, against cv2.circle per click (which fills slightly other disks: pixels are not compared).

    There is no cold row: the input is a few hundred bytes and what takes time is writing the output, made anew anyway.
    """
    radius = int(CLICK_RADIUS)

    def make() -> Made:
        points = random_clicks(batch, clicks, size)
        return {
            "ours": lambda: af.ops.click_maps(points, (size, size), radius),
            "plain torch": lambda: af.reference.click_maps(points, (size, size), radius),
            "cv2": lambda: with_cv2(points, size, radius),
        }

    return Stage("drawing clicks", make, batch * clicks * 24, caches=("warm",))


def selection_stages(size: int, batch: int) -> Iterator[Stage]:
    """Labelling, statistics, distance, and the whole selection with the paper's score, on realistic error masks.

    Our statistics are gathered while regions are found, and no call of ours ends there. So for labelling and statistics
    ours is the whole selection, distance and pixel included, and the alternatives do their part alone: the ratio is a
    lower bound.
    """
    prob, target = scene("realistic", batch, size)

    def labelling() -> Made:
        wrong = ((prob > 0.5) != target).copy()
        images, mask = list(wrong.view(np.uint8)), torch.from_numpy(wrong)
        peers = {name: _each(function, images) for name, function in labellings(8).items()}
        return {"ours": lambda: af.ops.label(mask), **peers}

    def distance() -> Made:
        wrong = ((prob > 0.5) != target).copy()
        wide, mask = list(np.pad(wrong, ((0, 0), (1, 1), (1, 1))).view(np.uint8)), torch.from_numpy(wrong)
        peers = {name: _each(function, wide) for name, function in transforms().items()}
        return {"ours": lambda: af.ops.squared_distance(mask), **peers}

    def selection(functions: dict[str, Callable[..., object]]) -> Made:
        own_prob, own_target = prob.copy(), target.copy()
        tensors = torch.from_numpy(own_prob), torch.from_numpy(own_target.astype(np.int8))

        def peer(function: Callable[..., object]) -> Call:
            return lambda: [function(*image) for image in zip(own_prob, own_target, strict=True)]

        peers = {name: peer(function) for name, function in functions.items()}
        return {"ours": lambda: af.ops.select_click(*tensors, reading="literal"), **peers}

    choices = pipelines("literal")
    statistics = {f"{one.names[0]} + {one.names[1]}": one.regions for one in choices}
    clicks = {one.name: one.click for one in choices}
    yield Stage("labelling", labelling, target.size)
    yield Stage("labelling and statistics (ours: selection)", lambda: selection(statistics), 5 * target.size)
    yield Stage("distance transform", distance, target.size)
    yield Stage("selection (regions, scores, pixel)", lambda: selection(clicks), 5 * target.size)


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
    if stage.note:
        row["name"] = stage.note
    if len(chosen) > 1:
        best = min(chosen[1:], key=lambda name: summarise(scaled[name]).median)
        row |= {"alternative": summarise(scaled[best]), "name": best, "ratio": ratio(scaled[best], scaled["ours"])}
    return row


def run(size: int, batch: int, seconds: float) -> list[dict[str, Any]]:
    """Every stage, warm and, where it reads much, cold."""
    stages = [drawing_stage(size, batch), *network_stages(size, batch), *selection_stages(size, batch)]
    return [measure(stage, batch, cache == "cold", seconds) for stage in stages for cache in stage.caches]


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
