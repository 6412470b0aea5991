"""The sibling systems' operators on a GPU against torch.fft on the same card, for `bench.gpu`.

Candidates, volumes and feature maps are those of `bench.band_split` and `bench.rfft2`; results are compared before
timing. A call is timed to its end on the device: these operators stand between torch's own layers, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from bench import band_split, rfft2
from bench.gpu_timing import within
from bench.measure import interleaved, ratio, summarise

Tensors = Sequence[torch.Tensor]
_BATCHED = [shape for shape in rfft2.SHAPES if shape[0] > 1]


def rows(seconds: float, device: str = "cuda") -> Iterator[dict[str, Any]]:
    """One row per operator, shape and pass, in about so many seconds."""
    points = [(operator, shape) for operator, shapes in band_split.SHAPES.items() for shape in shapes]
    points += [(operation, shape) for operation in rfft2.OPERATIONS for shape in _BATCHED]
    both = [(*point, backward) for point in points for backward in (False, True)]
    return within(seconds, both, lambda point, share: _row(*point, share, device))


def _row(operator: str, shape: Sequence[int], backward: bool, seconds: float, device: str) -> dict[str, Any]:
    """Microseconds per call of ours and the alternatives, and how many times faster ours is than the fastest."""
    functions, given = _candidates(operator, shape)
    given = [t.to(device).requires_grad_(backward) for t in given]
    results = {name: function(*given) for name, function in functions.items()}
    for theirs in results.values():
        torch.testing.assert_close(results["ours"], theirs, rtol=1e-3, atol=1e-3)
    gradients = [torch.ones_like(t) for t in results["ours"]] if backward else None
    calls = {name: band_split.caller(function, gradients) for name, function in functions.items()}
    synchronise = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    with torch.set_grad_enabled(backward):
        times = interleaved(calls, [given], seconds, rounds=3, synchronise=synchronise)
    row: dict[str, Any] = {
        "operator": operator,
        "shape": list(shape),
        "pass": "forward+backward" if backward else "forward",
        "unit": "microseconds",
    }
    row |= {name: summarise([1e6 * value for value in values]) for name, values in times.items()}
    best = min((name for name in calls if name != "ours"), key=lambda name: row[name].median)
    return row | {"faster": best, "ratio": ratio(times[best], times["ours"])}


def _candidates(operator: str, shape: Sequence[int]) -> tuple[dict[str, Callable[..., Tensors]], list[torch.Tensor]]:
    """By name, each giving a tuple, and the tensors they take."""
    if operator in band_split.SHAPES:
        return band_split.candidates(operator), band_split.arguments(operator, shape)

    def in_tuple(function: Callable[..., torch.Tensor]) -> Callable[..., Tensors]:
        return lambda *given: (function(*given),)

    functions = rfft2.candidates(operator, (shape[-2], shape[-1]))
    return {name: in_tuple(f) for name, f in functions.items()}, rfft2.inputs_of(operator, shape)
