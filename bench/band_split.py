"""band_split and band_merge against torch.fft: `python -m bench.band_split [--json FILE] [--passes …] …`.

The baseline is the faster, point by point, of two forms in plain torch: "fftn" transforms all three axes and slices
the spectrum, as the paper writes it; "fft2" leaves out the axis whose transform cancels. Results are compared before
timing. The volumes are those of Fu et al. 2024 (hippocampus, a part of the QSM volumes and a whole one) at one channel,
as the network's input is split, and at the eight channels that it merges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from rich.table import Table

import activefreq as af
from bench.measure import Summary, copies_beyond_cache, interleaved, ratio, summarise
from bench.passes import every_point, main, points_table

SHAPES = {
    "band_split": [(1, 1, 40, 56, 40), (1, 1, 56, 56, 40), (1, 1, 80, 80, 64), (1, 1, 160, 160, 128)],
    "band_merge": [(1, 8, 40, 56, 40), (1, 8, 56, 56, 40), (1, 8, 80, 80, 64)],
}
THETA = 0.1
BASELINES = {"fftn": (-3, -2, -1), "fft2": (-3, -2)}
Tensors = Sequence[torch.Tensor]


def block(x: torch.Tensor) -> tuple[Any, ...]:
    """The block as an index of a spectrum."""
    counts = [int(size * THETA) for size in x.shape[-3:-1]]
    starts = [int(size / 2 - count / 2) for size, count in zip(x.shape[-3:-1], counts, strict=True)]
    return (..., *(slice(start, start + count) for start, count in zip(starts, counts, strict=True)), slice(None))


def split_by(axes: Sequence[int], x: torch.Tensor) -> Tensors:
    """Slices of the whole spectrum."""
    spectrum, here = torch.fft.fftn(x, dim=axes), block(x)
    border = spectrum.clone()
    border[here] = 0
    return torch.fft.ifftn(spectrum[here], dim=axes).real, torch.fft.ifftn(border, dim=axes).real


def merge_by(axes: Sequence[int], centre: torch.Tensor, border: torch.Tensor) -> Tensors:
    """The whole spectrum with the block overwritten."""
    spectrum = torch.fft.fftn(border, dim=axes).clone()
    spectrum[block(border)] = torch.fft.fftn(centre, dim=axes)
    return (torch.fft.ifftn(spectrum, dim=axes).real,)


def candidates(operator: str) -> dict[str, Callable[..., Tensors]]:
    """Ours and the baselines by name."""
    if operator == "band_split":
        plain = {name: lambda x, axes=axes: split_by(axes, x) for name, axes in BASELINES.items()}
        return {"ours": lambda x: af.ops.band_split(x, THETA), **plain}
    plain = {name: lambda c, b, axes=axes: merge_by(axes, c, b) for name, axes in BASELINES.items()}
    return {"ours": lambda c, b: (af.ops.band_merge(c, b, THETA),), **plain}


def arguments(operator: str, shape: Sequence[int]) -> list[torch.Tensor]:
    """The operator's tensors."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(tuple(shape), generator=generator)
    if operator == "band_split":
        return [x]
    counts = [int(size * THETA) for size in shape[-3:-1]]
    return [torch.randn((*shape[:2], *counts, shape[-1]), generator=generator), x]


def measure_point(
    operator: str, shape: Sequence[int], backward: bool, cold: bool, seconds: float
) -> dict[str, Summary | str]:
    """Seconds of each candidate, the faster baseline, and `ratio`: how many times faster ours is than that one."""
    functions, given = candidates(operator), arguments(operator, shape)
    results = {name: function(*given) for name, function in functions.items()}
    for name in BASELINES:
        for ours, theirs in zip(results["ours"], results[name], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    gradients = [torch.ones_like(t) for t in results["ours"]] if backward else None
    copies = copies_beyond_cache(sum(t.nbytes for t in given)) if cold else 1
    rotation = [[t.clone().requires_grad_(backward) for t in given] for _ in range(copies)]
    calls = {name: caller(function, gradients) for name, function in functions.items()}
    times = interleaved(calls, rotation, seconds=seconds)
    result = {name: summarise(values) for name, values in times.items()}
    best = min(BASELINES, key=lambda name: result[name].median)
    return {**result, "faster": best, "ratio": ratio(times[best], times["ours"])}


def caller(function: Callable[..., Tensors], gradients: Tensors | None) -> Callable[[list[torch.Tensor]], object]:
    """What is timed of one candidate: the function, and the gradient of its inputs where `gradients` are given."""
    if gradients is None:
        return lambda given: function(*given)
    return lambda given: torch.autograd.grad(function(*given), given, gradients)


def run(passes: list[str], caches: list[str], seconds: float) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """See `passes.every_point`."""
    return every_point(SHAPES, measure_point, passes, caches, seconds)


def show(rows: list[dict[str, Any]]) -> Table:
    """See `passes.points_table`."""
    return points_table(rows, "band_split and band_merge", BASELINES)


if __name__ == "__main__":
    main("band_split", "band_split and band_merge against torch.fft", run, show, settings={"theta": THETA})
