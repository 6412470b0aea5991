"""freq_mix on a GPU: what `rows` measures, for `python -m bench.gpu_freq_mix` and for a run of all GPU figures.

The points are FreqFormer's layers at 224 and 448 pixels, batch 1 and 32. Beside ours: the plain-torch definition in
eager mode, the same captured in a graph, the same compiled, and a device copy of the bytes that a layer has to move
once (x in, y out), which is the floor of a forward pass. Times are of the device, by events; calls rotate over copies
of their input beyond the cache where a batch is large, graphs repeat ten calls on one input.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

import activefreq as af
from bench.freq_mix import LAYERS, eager_rfft2, make_inputs
from bench.measure import Summary, summarise, write_json

Call = Callable[[Sequence[torch.Tensor]], object]
_BEYOND_CACHE = 256 << 20  # bytes: several times the second-level cache of a large GPU
_ROUNDS = 15


def _adapted(function: Callable[..., torch.Tensor], gradient: torch.Tensor | None) -> Call:
    """The function alone, or with the gradients of all its inputs."""

    def forward(inputs: Sequence[torch.Tensor]) -> object:
        with torch.no_grad():
            return function(*inputs)

    def backward(inputs: Sequence[torch.Tensor]) -> object:
        return torch.autograd.grad(function(*inputs), inputs, gradient)

    return forward if gradient is None else backward


def _capture(call: Call, inputs: Sequence[torch.Tensor], repeats: int) -> torch.cuda.CUDAGraph:
    """A graph of `repeats` calls, warmed up on a stream of its own."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call(inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(repeats):
            call(inputs)
    return graph


def _device_microseconds(work: Callable[[], object], calls: int, seconds: float) -> Summary:
    """Microseconds per call by events around `calls` calls that `work` makes, over several rounds."""
    work()
    torch.cuda.synchronize()
    times = []
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    while len(times) < _ROUNDS or (sum(times) * calls < seconds * 1e6 and len(times) < 50 * _ROUNDS):
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(1e3 * start.elapsed_time(end) / calls)
    return summarise(times)


def _point(
    image: str, batch: int, channels: int, size: int, dtype: torch.dtype, backward: bool, seconds: float
) -> dict[str, Any]:
    torch.compiler.reset()  # every point compiles for its own shape
    x, *weights = (t.cuda() for t in make_inputs(batch, channels, size))
    x = x.to(dtype)
    copies = max(1, min(64, -(-_BEYOND_CACHE // (2 * x.nbytes)))) if batch > 1 else 1
    rotation = [[t.clone().requires_grad_(backward) for t in (x, *weights)] for _ in range(copies)]
    gradient = torch.randn_like(x) if backward else None

    def definition(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:  # torch.fft has no bfloat16
        return eager_rfft2(x.float(), *weights).to(x.dtype)

    def in_turn(call: Call) -> Callable[[], object]:
        def work() -> None:
            for inputs in rotation:
                call(inputs)

        return work

    row: dict[str, Any] = {
        "operator": "freq_mix",
        "image": image,
        "shape": [batch, channels, size, size],
        "dtype": str(dtype).removeprefix("torch."),
        "pass": "forward+backward" if backward else "forward",
    }
    candidates = {
        "ours": _adapted(af.ops.freq_mix, gradient),
        "eager": _adapted(definition, gradient),
        "compiled": _adapted(torch.compile(definition, dynamic=False), gradient),
    }
    for name, call in candidates.items():
        row[name] = _device_microseconds(in_turn(call), copies, seconds)
    for name in ("ours", "eager"):
        repeats = 10
        graph = _capture(candidates[name], rotation[0], repeats)
        row[f"{name} in a graph"] = _device_microseconds(graph.replay, repeats, seconds)
    targets = [torch.empty_like(x) for _ in range(copies)]

    def copy() -> None:
        for target, inputs in zip(targets, rotation, strict=True):
            target.copy_(inputs[0].detach())

    row["copy"] = _device_microseconds(copy, copies, seconds)
    row["times a copy"] = row["ours"].median / row["copy"].median
    return row


def rows(seconds: float) -> list[dict[str, Any]]:
    """One row per layer, batch, dtype and pass; `seconds` of device time per candidate. Microseconds per call."""
    found = []
    for image, layers in LAYERS.items():
        for batch in (1, 32):
            for channels, size in layers:
                for dtype in (torch.float32, torch.bfloat16):
                    for backward in (False, True):
                        found.append(_point(image, batch, channels, size, dtype, backward, seconds))
    return found


def main() -> None:
    """Parse the command line, measure, print, store."""
    parser = argparse.ArgumentParser(description="freq_mix on a GPU")
    parser.add_argument("--seconds", type=float, default=0.2, help="of device time per candidate")
    parser.add_argument("--json", type=Path, help="store rows and machine here")
    arguments = parser.parse_args()
    if af.ops.backends()["cuda"] != "ready":
        raise SystemExit(f"no GPU: {af.ops.backends()['cuda']}")
    measured = rows(arguments.seconds)
    for row in measured:
        shape = "×".join(map(str, row["shape"]))
        times = ", ".join(f"{name} {value.median:.1f}" for name, value in row.items() if isinstance(value, Summary))
        print(f"{shape} {row['dtype']} {row['pass']}: {times} µs; {row['times a copy']:.2f} times a copy")
    if arguments.json:
        write_json(arguments.json, "gpu_freq_mix", measured, {})


if __name__ == "__main__":
    main()
