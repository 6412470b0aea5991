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
from bench.measure import write_json

__all__ = ["PASSES", "main"]

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
