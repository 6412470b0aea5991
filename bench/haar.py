"""haar_dwt2 and haar_idwt2 against pytorch_wavelets and ptwt: `python -m bench.haar [--json FILE] [--passes …] …`.

One level of the Haar transform of feature maps and images, odd and even sizes. The baseline is the faster of the two
packages, point by point; both are given the padding that equals ours and their results are compared before timing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import ptwt
import torch
from rich.table import Table

import activefreq as af
from bench.measure import Summary, copies_beyond_cache, interleaved, ratio, summarise
from bench.passes import every_point, main, points_table

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports pkg_resources, which setuptools before 81 provides
    import pytorch_wavelets

# Quarters of the layers of a FreqFormer at 224 pixels at batch 1 and 16, the same one pixel short, and images.
SHAPES = [
    (1, 8, 56, 56),
    (1, 64, 7, 7),
    (1, 8, 55, 55),
    (16, 8, 56, 56),
    (16, 16, 28, 28),
    (16, 32, 14, 14),
    (16, 64, 7, 7),
    (16, 8, 55, 55),
    (16, 16, 27, 27),
    (1, 3, 448, 448),
    (1, 3, 1023, 767),
]
Tensors = Sequence[torch.Tensor]
BASELINES = ("pytorch_wavelets", "ptwt")


def transforms(size: Sequence[int]) -> dict[str, tuple[Callable[..., Tensors], Callable[..., torch.Tensor]]]:
    """Name → transform of x, and the inverse, which takes the transform's tensors, crops and returns x."""
    odd = size[0] % 2 or size[1] % 2
    wavelets = pytorch_wavelets.DWTForward(J=1, wave="haar", mode="symmetric" if odd else "zero")
    inverse = pytorch_wavelets.DWTInverse(wave="haar", mode="symmetric" if odd else "zero")

    def wavelets_dwt2(x: torch.Tensor) -> Tensors:
        low, (high,) = wavelets(x)
        return low, high

    def wavelets_idwt2(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        return inverse((low, [high]))[..., : size[0], : size[1]]

    def ptwt_dwt2(x: torch.Tensor) -> Tensors:
        low, high = ptwt.wavedec2(x, "haar", level=1, mode="constant")
        return low, *high

    def ptwt_idwt2(*bands: torch.Tensor) -> torch.Tensor:
        y = ptwt.waverec2((bands[0], ptwt.WaveletDetailTuple2d(*bands[1:])), "haar")
        return y[..., : size[0], : size[1]]

    def our_idwt2(*bands: torch.Tensor) -> torch.Tensor:
        return af.ops.haar_idwt2(bands, size)

    return {
        "ours": (af.ops.haar_dwt2, our_idwt2),
        "pytorch_wavelets": (wavelets_dwt2, wavelets_idwt2),
        "ptwt": (ptwt_dwt2, ptwt_idwt2),
    }


def check_equal(x: torch.Tensor) -> None:
    """Raise unless all three give the same bands, which both packages order ll, hl, lh, hh, and restore x."""
    candidates = transforms(x.shape[-2:])
    ll, lh, hl, hh = af.ops.haar_dwt2(x)
    for name in BASELINES:
        forward, backward = candidates[name]
        bands = forward(x)
        theirs = bands if len(bands) == 4 else (bands[0], *bands[1].unbind(2))
        for ours, other in zip((ll, hl, lh, hh), theirs, strict=True):
            torch.testing.assert_close(ours, other, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(backward(*bands), x, rtol=1e-4, atol=1e-5)


def measure_point(
    shape: Sequence[int], inverse: bool, backward: bool, cold: bool, seconds: float
) -> dict[str, Summary | str]:
    """Seconds of each candidate, the faster package, and `ratio`: how many times faster ours is than that one."""
    x = torch.randn(tuple(shape), generator=torch.Generator().manual_seed(0))
    check_equal(x)
    calls, arguments = {}, {}
    for name, (transform, restore) in transforms(shape[-2:]).items():
        function = restore if inverse else transform
        arguments[name] = transform(x) if inverse else (x,)
        outputs = function(*arguments[name])
        gradients = [torch.ones_like(t) for t in ([outputs] if inverse else outputs)]
        calls[name] = caller(name, function, gradients if backward else None)
    copies = copies_beyond_cache(sum(t.nbytes for ts in arguments.values() for t in ts)) if cold else 1
    rotation = [
        {name: [t.clone().requires_grad_(backward) for t in tensors] for name, tensors in arguments.items()}
        for _ in range(copies)
    ]
    times = interleaved(calls, rotation, seconds=seconds)
    result = {name: summarise(values) for name, values in times.items()}
    best = min(BASELINES, key=lambda name: result[name].median)
    return {**result, "faster": best, "ratio": ratio(times[best], times["ours"])}


def caller(
    name: str, function: Callable[..., Any], gradients: list[torch.Tensor] | None
) -> Callable[[dict[str, list[torch.Tensor]]], object]:
    """What is timed of one candidate: the function, and the gradient of its inputs where `gradients` are given."""
    if gradients is None:
        return lambda inputs: function(*inputs[name])
    return lambda inputs: torch.autograd.grad(function(*inputs[name]), inputs[name], gradients)


def run(passes: list[str], caches: list[str], seconds: float) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """See `passes.every_point`."""

    def measure(operator: str, shape: tuple[int, ...], backward: bool, cold: bool, seconds: float) -> dict[str, Any]:
        return measure_point(shape, operator == "haar_idwt2", backward, cold, seconds)

    return every_point(dict.fromkeys(("haar_dwt2", "haar_idwt2"), SHAPES), measure, passes, caches, seconds)


def show(rows: list[dict[str, Any]]) -> Table:
    """See `passes.points_table`."""
    return points_table(rows, "haar_dwt2 and haar_idwt2", BASELINES)


if __name__ == "__main__":
    main(
        "haar",
        "haar_dwt2 and haar_idwt2 against pytorch_wavelets and ptwt",
        run,
        show,
        settings={name: version(name) for name in ("pytorch_wavelets", "ptwt")},
    )
