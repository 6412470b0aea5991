"""freq_mix on several threads against one: `python -m bench.threads [--threads 2] [--json FILE]`.

The points are those of `bench.freq_mix`. A team of threads never makes the small ones slower, and gains on the large.
Beside each, in the same rounds: what several threads gain on sines of numbers in the cache, which is what the machine
gives at that moment. Where that is well under the number of threads, other work has taken the cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import activefreq as af
from activefreq import _cpu
from bench.freq_mix import LAYERS, make_inputs
from bench.measure import geometric_mean, interleaved, ratio, summarise, write_json


def run(threads: int, seconds: float) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Seconds with one thread and with several, point by point, and the gain summarised by batch."""

    def with_threads(count: int, function: Callable[..., object]) -> Callable[[list[torch.Tensor]], object]:
        def call(inputs: list[torch.Tensor]) -> object:
            torch.set_num_threads(count)
            return function(*inputs)

        return call

    rows = []
    numbers = torch.linspace(0, 1, 1 << 17)

    def sines(*_: torch.Tensor) -> torch.Tensor:
        return torch.sin(numbers)

    candidates = {
        "one": with_threads(1, af.ops.freq_mix),
        "several": with_threads(threads, af.ops.freq_mix),
        "sines, one": with_threads(1, sines),
        "sines, several": with_threads(threads, sines),
    }
    with torch.inference_mode():
        for batch in (1, 16):
            for layers in LAYERS.values():
                for channels, size in layers:
                    times = interleaved(candidates, [make_inputs(batch, channels, size)], seconds=seconds)
                    row = {name: summarise(values) for name, values in times.items()}
                    gain = ratio(times["one"], times["several"])
                    machine = ratio(times["sines, one"], times["sines, several"])
                    rows.append({"shape": [batch, channels, size, size], **row, "gain": gain, "machine": machine})
    summary = {}
    for batch in (1, 16):
        chosen = [row for row in rows if row["shape"][0] == batch]
        gains = [row["gain"].median for row in chosen]
        summary[f"batch {batch}"] = {
            "geometric_mean": geometric_mean(gains),
            "least": min(gains),
            "machine_least": min(row["machine"].median for row in chosen),
        }
    return rows, summary


def main() -> None:
    """Parse the command line, measure, print, store."""
    parser = argparse.ArgumentParser(description="freq_mix on several threads against one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="store rows, summary and machine here")
    parser.add_argument("--seconds", type=float, default=0.5, help="per point")
    arguments = parser.parse_args()
    rows, summary = run(arguments.threads, arguments.seconds)
    title = f"freq_mix, {_cpu.instruction_set()}, µs, warm"
    table = Table("shape", "1 thread", f"{arguments.threads} threads", "gain", "quartiles", "machine", title=title)
    for row in rows:
        gain = row["gain"]
        times = (f"{row[name].median * 1e6:.1f}" for name in ("one", "several"))
        shape = "×".join(str(n) for n in row["shape"])
        table.add_row(
            shape, *times, f"{gain.median:.2f}", f"{gain.low:.2f} to {gain.high:.2f}", f"{row['machine'].median:.2f}"
        )
    console = Console(width=100)
    console.print(table)
    for name, value in summary.items():
        means = f"geometric mean {value['geometric_mean']:.2f}, least {value['least']:.2f}"
        console.print(f"{name}: {means}; of the machine itself least {value['machine_least']:.2f}")
    if arguments.json:
        settings = {"instruction_set": _cpu.instruction_set(), "threads": arguments.threads}
        write_json(arguments.json, "threads", rows, {**settings, **summary})


if __name__ == "__main__":
    main()
