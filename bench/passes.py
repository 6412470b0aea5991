"""The command line of the benchmarks that time an operator forward and backward, with a warm and a cold cache."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from activefreq import _cpu
from bench.measure import geometric_mean, write_json

__all__ = ["PASSES", "every_point", "main", "points_table"]

PASSES = ("forward", "forward+backward")
CACHES = ("warm", "cold")

Rows = list[dict[str, Any]]


def main(
    benchmark: str,
    description: str,
    run: Callable[[list[str], list[str], float], tuple[Rows, dict[str, Any]]],
    table: Callable[[Rows], Table],
    passes: Sequence[str] = PASSES,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Parse the command line, measure, print, store.

    Args:
        benchmark: its name in the stored file.
        description: for --help.
        run: (passes, caches, seconds per point) → rows, and a summary with `geometric_mean` and `least` per name.
        table: of the rows.
        passes: measured where --passes does not say.
        settings: stored beside the summary.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, help="store rows, summary and machine here")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--instruction-set", choices=_cpu.instruction_sets(), default=_cpu.instruction_set())
    parser.add_argument("--seconds", type=float, default=0.5, help="per point")
    parser.add_argument("--passes", nargs="+", choices=PASSES, default=list(passes))
    parser.add_argument("--caches", nargs="+", choices=CACHES, default=list(CACHES))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    _cpu.select_instruction_set(arguments.instruction_set)
    rows, summary = run(arguments.passes, arguments.caches, arguments.seconds)
    console = Console(width=140)
    console.print(table(rows))
    for name, value in summary.items():
        console.print(f"{name}: geometric mean {value['geometric_mean']:.2f}, least {value['least']:.2f}")
    if arguments.json:
        stored = {"instruction_set": arguments.instruction_set, **(settings or {}), **summary}
        write_json(arguments.json, benchmark, rows, stored)


def every_point(
    points: Mapping[str, Sequence[tuple[int, ...]]],
    measure: Callable[[str, tuple[int, ...], bool, bool, float], dict[str, Any]],
    passes: Sequence[str],
    caches: Sequence[str],
    seconds: float,
    what: str = "operator",
) -> tuple[Rows, dict[str, Any]]:
    """All rows, and per operator, pass and cache the geometric mean and the least of the median ratios.

    Args:
        points: operator → its shapes.
        measure: (operator, shape, backward, cold, seconds) → figures, of which `ratio` is a Summary.
        passes: some of PASSES; gradients are on for those with a backward pass.
        caches: some of CACHES.
        seconds: per point.
        what: the rows' key for the operator.
    """
    rows: Rows = []
    summary = {}
    for operator, shapes in points.items():
        for pass_ in passes:
            for cache in caches:
                ratios = []
                for shape in shapes:
                    backward = pass_ == "forward+backward"
                    with torch.set_grad_enabled(backward):
                        point = measure(operator, shape, backward, cache == "cold", seconds)
                    rows.append({what: operator, "pass": pass_, "cache": cache, "shape": list(shape), **point})
                    ratios.append(point["ratio"].median)
                summary[f"{operator}, {pass_}, {cache}"] = {
                    "geometric_mean": geometric_mean(ratios),
                    "least": min(ratios),
                }
    return rows, summary


def points_table(rows: Rows, title: str, baselines: Sequence[str], what: str = "operator") -> Table:
    """Medians in microseconds, ours and the baselines', and the ratio with its quartiles."""
    title = f"{title}, {_cpu.instruction_set()}, {torch.get_num_threads()} thread(s), µs"
    table = Table(what, "pass", "cache", "shape", "ours", *baselines, "ratio", "quartiles", title=title)
    for row in rows:
        speed = row["ratio"]
        table.add_row(
            row[what],
            row["pass"],
            row["cache"],
            "×".join(str(n) for n in row["shape"]),
            *(f"{row[name].median * 1e6:.1f}" for name in ("ours", *baselines)),
            f"{speed.median:.2f}",
            f"{speed.low:.2f} to {speed.high:.2f}",
        )
    return table
