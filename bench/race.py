"""One race per cell: our operator on a batch against the fastest of several peers that take image by image."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from rich.console import Console
from rich.table import Table

from activefreq import _cpu
from bench.measure import Summary, interleaved, ratio, summarise, write_json

FINALISTS = 3  # peers that run beside ours; the others are dropped after one timed call


@dataclass(frozen=True)
class Cell:
    """What is raced, under the names of its row; every function handles the whole batch."""

    row: dict[str, Any]
    batch: int
    ours: Callable[[], object]
    peers: dict[str, Callable[[], object]]


def finalists(peers: dict[str, Callable[[], object]]) -> dict[str, Callable[[], object]]:
    """The fastest peers by their better call of two."""
    seconds = {}
    for name, call in peers.items():
        elapsed = []
        for _ in range(2):
            start = time.perf_counter()
            call()
            elapsed.append(time.perf_counter() - start)
            if elapsed[0] > 0.5:
                break
        seconds[name] = min(elapsed)
    return {name: peers[name] for name in sorted(seconds, key=seconds.__getitem__)[:FINALISTS]}


def race(cell: Cell, seconds: float) -> dict[str, Any]:
    """Milliseconds per image of ours and of the peer with the least minimum, and the ratio, round by round."""
    candidates = {"ours": cell.ours, **finalists(cell.peers)}
    calls = {name: (lambda _, call=call: call()) for name, call in candidates.items()}
    times = interleaved(calls, [None], seconds=seconds)
    scaled = {name: [1e3 * value / cell.batch for value in values] for name, values in times.items()}
    peer = min((name for name in scaled if name != "ours"), key=lambda name: min(scaled[name]))
    ours, theirs = summarise(scaled["ours"]), summarise(scaled[peer])
    return {
        **cell.row,
        "batch": cell.batch,
        "ours": ours,
        "peer": theirs,
        "fastest_peer": peer,
        "ratio": ratio(scaled[peer], scaled["ours"]),
        "ratio_of_minima": theirs.minimum / ours.minimum,
    }


def show(benchmark: str, rows: list[dict[str, Any]]) -> None:
    """Print minima and medians in milliseconds per image, and the ratios."""
    names = [name for name in rows[0] if name not in _MEASURED]
    title = f"{benchmark}, {_cpu.instruction_set()}, {torch.get_num_threads()} thread(s), ms per image"
    columns = ("ours", "median", "peer", "median", "fastest peer", "ratio", "median", "quartiles")
    table = Table(*names, *columns, title=title)
    for row in rows:
        ours, peer, speed = row["ours"], row["peer"], row["ratio"]
        times = (f"{value:.3f}" for one in (ours, peer) for value in (one.minimum, one.median))
        ratios = (f"{row['ratio_of_minima']:.1f}", f"{speed.median:.1f}", f"{speed.low:.1f} to {speed.high:.1f}")
        table.add_row(*(str(row[name]) for name in names), *times, row["fastest_peer"], *ratios)
    Console(width=140).print(table)


_MEASURED = ("batch", "ours", "peer", "fastest_peer", "ratio", "ratio_of_minima")


def main(
    benchmark: str,
    cells: Callable[[int, list[int]], Iterable[Cell]],
    sizes: Sequence[int] = (224, 448, 1024),
) -> None:
    """Parse the command line, race every cell, print, store. `cells` makes them from a batch size and image sizes."""
    parser = argparse.ArgumentParser(description=f"{benchmark} against its peers")
    parser.add_argument("--json", type=Path, help="store rows, summary and machine here")
    parser.add_argument("--threads", type=int, default=1, help="ours and the peers'")
    parser.add_argument("--instruction-set", choices=_cpu.instruction_sets(), default=_cpu.instruction_set())
    parser.add_argument("--seconds", type=float, default=2.0, help="per cell")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(sizes))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    _cpu.select_instruction_set(arguments.instruction_set)
    rows = [race(cell, arguments.seconds) for cell in cells(arguments.batch, arguments.sizes)]
    show(benchmark, rows)
    if arguments.json:
        least: Summary = min((row["ratio"] for row in rows), key=lambda speed: speed.median)
        summary = {"instruction_set": arguments.instruction_set, "least": least}
        write_json(arguments.json, benchmark, rows, summary)
