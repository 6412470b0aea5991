"""Time on the device, between events: what the GPU benchmarks share."""

from __future__ import annotations

from collections.abc import Callable

import torch

from bench.measure import Summary, summarise

Work = Callable[[], object]
_ROUNDS = 15  # at least


def captured(work: Work) -> Work:
    """`work` as a CUDA graph, to be replayed; it runs three times before, on a stream of its own."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def device_microseconds(work: Work, calls: int, seconds: float) -> Summary:
    """Microseconds per call, by events around the `calls` calls that `work` makes, over about so many seconds."""
    work()
    torch.cuda.synchronize()
    times: list[float] = []
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    while len(times) < _ROUNDS or (sum(times) * calls < seconds * 1e6 and len(times) < 50 * _ROUNDS):
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(1e3 * start.elapsed_time(end) / calls)
    return summarise(times)
