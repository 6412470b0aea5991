"""What an operator's call costs beyond its kernel: `python -m bench.overhead [--json FILE]`.

On tensors of 8 × 8, volumes of 20 × 20 × 8. The bare call is what nobody can leave out: allocate the outputs, those
that share a shape and type by `torch.empty_like` as the operators do, take the addresses, call the kernel's binding.
The difference is checks and dispatch, with nothing recorded and nothing compiled. A difference
may be negative: `freq_mix` has its output allocated by its binding.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from rich.console import Console
from rich.table import Table

import activefreq as af
from activefreq import _cpu
from activefreq.ops import _direct
from bench.freq_mix import make_inputs
from bench.measure import interleaved, summarise, write_json

_CALLS = 200  # a timed unit: one call is shorter than what it takes to read the clock twice


def operators() -> dict[str, Callable[[], object]]:
    """One call of each operator."""
    generator = torch.Generator().manual_seed(0)
    x, *weights = make_inputs(1, 8, 8)
    prob = torch.rand(1, 8, 8, generator=generator)
    target = torch.randint(0, 2, (1, 8, 8), generator=generator, dtype=torch.int8)
    mask = target == 1
    seed = torch.zeros(1, dtype=torch.int64)
    clicks = torch.tensor([[[2.0, 3.0, 1.0]]])
    bands = af.ops.haar_dwt2(x)
    spectrum = weights[2].repeat(4, 1, 1, 1)[None]
    volume = torch.rand(1, 1, 20, 20, 8, generator=generator)
    centre, border = af.ops.band_split(volume)
    half, gate = af.ops.rfft2(x), torch.rand(1, 8, 8, 5, generator=generator)
    boxes, index = torch.tensor([[1.0, 1.0, 7.0, 7.0]]), torch.zeros(1, dtype=torch.int64)
    return {
        "freq_mix": lambda: af.ops.freq_mix(x, *weights),
        "spectral_filter": lambda: af.ops.spectral_filter(x, spectrum, (2, 3)),
        "haar_dwt2": lambda: af.ops.haar_dwt2(x),
        "haar_idwt2": lambda: af.ops.haar_idwt2(bands, (8, 8)),
        "rfft2": lambda: af.ops.rfft2(x),
        "irfft2": lambda: af.ops.irfft2(half, (8, 8), gate),
        "band_split": lambda: af.ops.band_split(volume),
        "band_merge": lambda: af.ops.band_merge(centre, border),
        "roi_align": lambda: af.ops.roi_align(x, boxes, index, (8, 8)),
        "label": lambda: af.ops.label(mask),
        "squared_distance": lambda: af.ops.squared_distance(mask),
        "select_click": lambda: af.ops.select_click(prob, target, seed=seed),
        "click_maps": lambda: af.ops.click_maps(clicks, (8, 8)),
    }


def bare(name: str, call: Callable[[], object]) -> Callable[[], object]:
    """The binding's call that `call` makes, with outputs allocated and addresses taken anew.

    `call` holds every input: addresses of temporaries would not outlive it.
    """
    kernel = getattr(_cpu, name)
    recorded: list[tuple[Any, ...]] = []

    def record(*arguments: object) -> object:
        recorded.append(arguments)
        return kernel(*arguments)

    # An operator whose binding reads the tensors itself takes the way over addresses, so that they can be recorded.
    with (
        mock.patch.object(_cpu, name, record),
        mock.patch.object(_direct, "plain", _cpu.PlainTensors(None, (), None, None)),
    ):
        result = call()
    (arguments,) = recorded
    outputs = [tensor for tensor in _tensors(result) if tensor.data_ptr() in arguments]  # kept: the kernel writes there
    addresses = range(sum(isinstance(argument, int) and argument > 1 << 32 for argument in arguments))
    first, *others = outputs
    shape, dtype = first.shape, first.dtype
    alike = [one.shape == shape and one.dtype == dtype for one in others]

    def run() -> object:
        fresh = torch.empty(shape, dtype=dtype)
        for output, same in zip(others, alike, strict=True):
            if same:
                torch.empty_like(fresh)
            else:
                torch.empty(output.shape, dtype=output.dtype)
        for _ in addresses:
            fresh.data_ptr()
        kernel(*arguments)
        return outputs

    return run


def _tensors(result: Any) -> list[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return [result]
    values = vars(result).values() if hasattr(result, "__dict__") else result
    return [value for value in values if isinstance(value, torch.Tensor)]


def run(seconds: float) -> list[dict[str, Any]]:
    """Microseconds per call of operator and bare call, and their difference by medians."""

    def repeated(call: Callable[[], object]) -> Callable[[None], object]:
        def many(_: None) -> None:
            for _ in range(_CALLS):
                call()

        return many

    rows = []
    with torch.inference_mode():
        for name, call in operators().items():
            candidates = {"operator": repeated(call), "bare": repeated(bare(name, call))}
            times = interleaved(candidates, [None], seconds=seconds)
            operator, kernel = (
                summarise([1e6 * value / _CALLS for value in times[key]]) for key in ("operator", "bare")
            )
            rows.append(
                {"operator": name, "call": operator, "bare": kernel, "overhead": operator.median - kernel.median}
            )
    return rows


def main() -> None:
    """Parse the command line, measure, print, store."""
    parser = argparse.ArgumentParser(description="the cost of a call beyond its kernel, on 8 × 8 tensors")
    parser.add_argument("--json", type=Path, help="store rows and machine here")
    parser.add_argument("--seconds", type=float, default=0.5, help="per operator")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = run(arguments.seconds)
    table = Table("operator", "call, µs", "bare, µs", "overhead, µs", title="8 × 8, medians")
    for row in rows:
        cells = (row["call"].median, row["bare"].median, row["overhead"])
        table.add_row(row["operator"], *(f"{value:.2f}" for value in cells))
    Console(width=100).print(table)
    if arguments.json:
        write_json(arguments.json, "overhead", rows, {"instruction_set": _cpu.instruction_set()})


if __name__ == "__main__":
    main()
