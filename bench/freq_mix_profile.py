"""Where freq_mix's time goes: `python -m bench.freq_mix_profile [--json FILE]`, one thread, warm.

The kernel is called on an output of its own, without the operator around it: with all quarters, and with each filter
alone while the other quarters are copied or convolved. A copy of x is the floor. The last table raises the batch until
input and output leave the cache.
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
from bench.measure import interleaved, summarise, write_json

FILTERS = ("hw", "hc", "wc")
BATCHES = (1, 2, 4, 8, 16, 32)


def kernel(inputs: list[torch.Tensor], filters: tuple[str, ...]) -> Callable[[None], object]:
    """The binding's call with some of the filters; quarters without one are copied."""
    x, conv_weight, conv_bias, *spectra = inputs
    y = torch.empty_like(x)
    spectrum = {name: t if name in filters else None for name, t in zip(FILTERS, spectra, strict=True)}
    addresses = [0 if t is None else t.data_ptr() for t in (conv_weight, conv_bias, *spectrum.values())]
    arguments = (x.data_ptr(), y.data_ptr(), *x.shape, *addresses, 1)

    def call(_: None) -> object:
        _cpu.freq_mix(*arguments)
        return inputs, y  # alive as long as the addresses are used

    return call


def layer(inputs: list[torch.Tensor], seconds: float) -> dict[str, Any]:
    """Medians in nanoseconds per element of x: operator, kernel, copy, and each quarter's share of the kernel."""
    x = inputs[0]
    candidates: dict[str, Callable[[None], object]] = {
        "operator": lambda _: af.ops.freq_mix(*inputs),
        "kernel": kernel(inputs, FILTERS),
        "none": kernel(inputs, ()),
        **{name: kernel(inputs, (name,)) for name in FILTERS},
        "copy": lambda _: x.clone(),
    }
    times = interleaved(candidates, [None], seconds=seconds)
    found = {name: 1e9 * summarise(values).median / x.numel() for name, values in times.items()}
    copied = found["copy"] / 4  # of one quarter
    shares = {name: found[name] - found["none"] + copied for name in FILTERS}
    return {"shape": list(x.shape), "convolution": found["none"] - 3 * copied, **found, **shares}


def run(seconds: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One row per layer, and one per batch of the layer (64, 56, 56)."""
    with torch.inference_mode():
        layers = [
            layer(make_inputs(batch, channels, size), seconds)
            for batch in (1, 16)
            for points in LAYERS.values()
            for channels, size in points
        ]
        batches = []
        for batch in BATCHES:
            inputs = make_inputs(batch, 64, 56)
            times = interleaved({"kernel": kernel(inputs, FILTERS)}, [None], seconds=seconds)
            per_image = 1e6 * summarise(times["kernel"]).median / batch
            batches.append({"batch": batch, "bytes": 2 * inputs[0].nbytes, "microseconds_per_image": per_image})
    return layers, batches


def main() -> None:
    """Parse the command line, measure, print, store."""
    parser = argparse.ArgumentParser(description="where freq_mix's time goes")
    parser.add_argument("--json", type=Path, help="store rows and machine here")
    parser.add_argument("--seconds", type=float, default=0.5, help="per layer")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    layers, batches = run(arguments.seconds)
    columns = ("operator", "kernel", "convolution", *FILTERS, "copy")
    table = Table("shape", *columns, title=f"freq_mix, {_cpu.instruction_set()}, ns per element of x")
    for row in layers:
        table.add_row("×".join(str(n) for n in row["shape"]), *(f"{row[name]:.3f}" for name in columns))
    console = Console(width=110)
    console.print(table)
    growth = Table("batch", "input and output, MB", "µs per image", title="The kernel at (64, 56, 56)")
    for row in batches:
        growth.add_row(str(row["batch"]), f"{row['bytes'] / 1e6:.1f}", f"{row['microseconds_per_image']:.1f}")
    console.print(growth)
    if arguments.json:
        settings = {"instruction_set": _cpu.instruction_set(), "batches": batches}
        write_json(arguments.json, "freq_mix_profile", layers, settings)


if __name__ == "__main__":
    main()
