"""freq_mix on a GPU, for `bench.gpu`: FreqFormer's layers at 224 and 448 pixels, batch 1 and 32.

Beside ours: the plain-torch definition in eager mode, the same captured in a graph, the same compiled, and a device
copy, in a graph, of the bytes that a layer has to move once (x in, y out), which is the floor of a forward pass. Times
are of the device, by events; calls rotate over copies of their input, and keep their outputs, beyond the cache where a
batch is large. What the bars are about is measured first: what does not fit the time is left out and named.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

import activefreq as af
from bench.freq_mix import LAYERS, eager_rfft2, make_inputs
from bench.gpu_timing import Work, captured, device_microseconds
from bench.measure import Summary

Call = Callable[[Sequence[torch.Tensor]], object]
_BEYOND_CACHE = 256 << 20  # bytes: several times the second-level cache of a large GPU
_REPEATS = 20  # of one input, at batch 1
_CANDIDATES = 7  # that a point times at most


@dataclass(frozen=True)
class Group:
    """The four layers of a network at one size: what the bars add up."""

    image: str
    batch: int
    dtype: torch.dtype
    backward: bool
    compiled: bool = False
    """Also beside torch.compile, which takes several seconds a layer."""

    def described(self) -> dict[str, Any]:
        """The columns that name it in a row."""
        return {
            "operator": "freq_mix",
            "image": self.image,
            "batch": self.batch,
            "dtype": str(self.dtype).removeprefix("torch."),
            "pass": "forward+backward" if self.backward else "forward",
            "unit": "µs",
        }


FLOAT, HALF = torch.float32, torch.bfloat16
GROUPS = [
    Group("448", 32, FLOAT, False, compiled=True),
    Group("224", 1, FLOAT, False),
    Group("448", 32, FLOAT, True),
    Group("448", 32, HALF, False),
    *(Group("224", 1, dtype, backward) for dtype, backward in ((HALF, False), (FLOAT, True))),
    *(Group("448", 1, dtype, False) for dtype in (FLOAT, HALF)),
    *(Group("224", 32, dtype, backward) for dtype in (FLOAT, HALF) for backward in (False, True)),
    Group("448", 32, HALF, True),
    Group("448", 1, FLOAT, True),
]
"""In the order in which they are measured."""


def rows(seconds: float) -> Iterator[dict[str, Any]]:
    """A row per layer and a row per sum over four layers, microseconds per call, in about so many seconds."""
    end = time.monotonic() + seconds
    share = seconds / (len(GROUPS) * 4 * _CANDIDATES) / 2  # half of the time goes into warming up and capturing
    forward: dict[tuple[str, int, torch.dtype], dict[str, Any]] = {}  # sums that a backward pass is compared with
    for place, group in enumerate(GROUPS):
        if time.monotonic() > end:
            names = [" ".join(str(value) for value in left.described().values()) for left in GROUPS[place:]]
            yield {"operator": "freq_mix", "left out for want of time": names}
            return
        layers = []
        for channels, size in LAYERS[group.image]:
            layers.append(point(group, channels, size, share))
            yield layers[-1]
        total = summed(group, layers)
        key = (group.image, group.batch, group.dtype)
        if group.backward:
            total |= _backward_over_forward(total, forward.get(key, {}))
        else:
            forward[key] = total
        yield total


def point(group: Group, channels: int, size: int, seconds: float) -> dict[str, Any]:
    """One layer; every candidate for about so many seconds of device time."""
    x, *weights = (t.cuda() for t in make_inputs(group.batch, channels, size))
    x = x.to(group.dtype)
    many = group.batch > 1
    copies = max(1, min(64, -(-_BEYOND_CACHE // (2 * x.nbytes)))) if many else 1
    rotation = [[t.clone().requires_grad_(group.backward) for t in (x, *weights)] for _ in range(copies)]
    inputs = rotation if many else rotation * _REPEATS
    gradient = torch.randn_like(x) if group.backward else None

    def definition(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:  # torch.fft has no bfloat16
        return eager_rfft2(x.float(), *weights).to(x.dtype)

    ours, eager = (_over(inputs, _adapted(f, gradient)) for f in (af.ops.freq_mix, definition))
    works: dict[str, Callable[[], Work]] = {
        "ours": lambda: ours,
        "eager": lambda: eager,
        "ours in a graph": lambda: captured(ours),
        "eager in a graph": lambda: captured(eager),
    }
    if group.compiled:
        torch.compiler.reset()  # every layer compiles for its own shape
        works["compiled"] = lambda: _over(inputs, _adapted(torch.compile(definition, dynamic=False), gradient))
    sources = [source.detach() for source, *_ in inputs]
    targets = [torch.empty_like(x) for _ in rotation] * (1 if many else _REPEATS)

    def copy() -> None:
        for target, source in zip(targets, sources, strict=True):
            target.copy_(source)

    row = group.described() | {"channels": channels, "size": size}
    for name, make in works.items():
        try:
            row[name] = device_microseconds(make(), len(inputs), seconds)
        except Exception as error:  # of a rival: ours is still worth its figure
            if name.startswith("ours"):
                raise
            row[f"{name} failed"] = f"{type(error).__name__}: {error}"[:200]
    return row | {"copy": device_microseconds(captured(copy), len(inputs), seconds)}


def _over(inputs: Sequence[Sequence[torch.Tensor]], call: Call) -> Work:
    def work() -> object:  # results live together: one block for all would be written over in the cache
        return [call(arguments) for arguments in inputs]

    return work


def _backward_over_forward(both: dict[str, Any], forward: dict[str, Any]) -> dict[str, float]:
    """What the backward pass alone takes, in forward passes, both in graphs."""
    name = "ours in a graph"
    if name not in both or name not in forward:
        return {}
    return {"backward over forward": both[name] / forward[name] - 1}


def _adapted(function: Callable[..., torch.Tensor], gradient: torch.Tensor | None) -> Call:
    """The function alone, or with the gradients of all its inputs."""

    def forward(inputs: Sequence[torch.Tensor]) -> object:
        with torch.no_grad():
            return function(*inputs)

    def backward(inputs: Sequence[torch.Tensor]) -> object:
        return torch.autograd.grad(function(*inputs), inputs, gradient)

    return forward if gradient is None else backward


def summed(group: Group, layers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians summed over the layers, and the ratios that the bars are about: graphs against graphs."""
    names = [name for name in layers[0] if all(isinstance(layer.get(name), Summary) for layer in layers)]
    row: dict[str, Any] = group.described() | {"channels": "all", "size": "all"}
    row |= {name: sum(layer[name].median for layer in layers) for name in names}
    ratios = {
        "times a copy": ("ours in a graph", "copy"),
        "times eager": ("eager", "ours"),
        "times eager, both in graphs": ("eager in a graph", "ours in a graph"),
        "times compiled": ("compiled", "ours"),
    }
    return row | {name: row[a] / row[b] for name, (a, b) in ratios.items() if a in row and b in row}
