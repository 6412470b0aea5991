"""rfft2, and irfft2 with a gate, against torch.fft: `python -m bench.rfft2 [--json FILE] [--passes …] …`.

Feature maps of a network with 128 channels at 224 and 352 pixels, strides 4 to 32. The baseline of the inverse is what
one writes without our operator: `torch.fft.irfft2(spectrum * gate)`. "round" is what a frequency gate does: transform,
multiply with a gate that is given, inverse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from rich.table import Table

import activefreq as af
from bench.measure import copies_beyond_cache, interleaved, ratio, summarise
from bench.passes import every_point, main, points_table

SHAPES = [(1, 128, side, side) for side in (7, 11, 14, 22, 28, 44, 56, 88)] + [(8, 128, 28, 28), (8, 128, 44, 44)]
OPERATIONS = ("rfft2", "irfft2, real gate", "irfft2, complex gate", "round")
Tensors = Sequence[torch.Tensor]


def candidates(operation: str, size: tuple[int, int]) -> dict[str, Callable[..., torch.Tensor]]:
    """Ours and torch's way of one operation, as functions of its tensors."""
    if operation == "rfft2":
        return {"ours": af.ops.rfft2, "torch": torch.fft.rfft2}
    if operation == "round":
        return {
            "ours": lambda x, gate: af.ops.irfft2(af.ops.rfft2(x), size, gate),
            "torch": lambda x, gate: torch.fft.irfft2(torch.fft.rfft2(x) * gate, s=size),
        }
    return {
        "ours": lambda spectrum, gate: af.ops.irfft2(spectrum, size, gate),
        "torch": lambda spectrum, gate: torch.fft.irfft2(spectrum * gate, s=size),
    }


def inputs_of(operation: str, shape: Sequence[int]) -> list[torch.Tensor]:
    """Tensors of one operation, the same for both candidates. Gates are spectra of real planes, where all agree."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(*shape, generator=generator)
    spectrum, gate = torch.fft.rfft2(x), torch.fft.rfft2(torch.randn(*shape, generator=generator), norm="ortho")
    if operation == "rfft2":
        return [x]
    if operation == "round":
        return [x, gate.abs()]
    return [spectrum, gate.abs() if "real" in operation else gate]


def check_equal(operation: str, shape: Sequence[int]) -> None:
    """Raise unless both give the same."""
    tensors = inputs_of(operation, shape)
    ours, theirs = (function(*tensors) for function in candidates(operation, (shape[-2], shape[-1])).values())
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def measure_point(operation: str, shape: Sequence[int], backward: bool, cold: bool, seconds: float) -> dict[str, Any]:
    """Both candidates, interleaved: seconds per call and the ratio."""
    check_equal(operation, shape)
    tensors = inputs_of(operation, shape)
    functions = candidates(operation, (shape[-2], shape[-1]))
    gradient = torch.randn_like(functions["torch"](*tensors))

    def caller(function: Callable[..., torch.Tensor]) -> Callable[[Tensors], object]:
        if not backward:
            return lambda given: function(*given)
        return lambda given: torch.autograd.grad(function(*given), given, gradient)

    copies = copies_beyond_cache(sum(t.nbytes for t in tensors)) if cold else 1
    rotation = [[t.clone().requires_grad_(backward) for t in tensors] for _ in range(copies)]
    times = interleaved({name: caller(function) for name, function in functions.items()}, rotation, seconds=seconds)
    return {**{name: summarise(taken) for name, taken in times.items()}, "ratio": ratio(times["torch"], times["ours"])}


def run(passes: list[str], caches: list[str], seconds: float) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """See `passes.every_point`."""
    return every_point(dict.fromkeys(OPERATIONS, SHAPES), measure_point, passes, caches, seconds, "operation")


def show(rows: list[dict[str, Any]]) -> Table:
    """See `passes.points_table`."""
    return points_table(rows, "rfft2 and irfft2", ("torch",), "operation")


if __name__ == "__main__":
    main("rfft2", "rfft2, and irfft2 with a gate, against torch.fft", run, show)
