"""Time on the device, between events: what the GPU benchmarks share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch

from bench.measure import Summary, summarise

Work = Callable[[], object]
Point = TypeVar("Point")
_ROUNDS = 15  # at least
_WARMING = 0.05  # seconds of work before timing: an idle card takes so long to reach its clock
_CYCLES = 2.5e9  # in a second, more than any card has


def within(
    seconds: float, points: Sequence[Point], measure: Callable[[Point, float], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The row of each point, each with its share of the time that is left; the last row names what was left out."""
    end = time.monotonic() + seconds
    for place, point in enumerate(points):
        left = end - time.monotonic()
        if left <= 0:
            yield {"left out for want of time": [str(missed) for missed in points[place:]]}
            return
        yield measure(point, left / (len(points) - place))


def captured(work: Work) -> Work:
    """`work` as a CUDA graph, to be replayed; it runs three times before, on a stream of its own."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # The outer one puts the stream back where the recording fails, which the inner one does not.
    with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph):
        work()
    return graph.replay


def device_microseconds(work: Work, calls: int, seconds: float) -> Summary:
    """Microseconds of the device per call, by events around the `calls` calls that `work` makes.

    The device is kept waiting until the host has handed everything over, so that what the host takes to launch does not
    count; a graph's latency does not either. Over about so many seconds.
    """
    end_of_warming = time.perf_counter() + _WARMING
    while True:
        begin = time.perf_counter()
        work()
        handing_over = time.perf_counter() - begin
        torch.cuda.synchronize()
        if time.perf_counter() > end_of_warming:
            break
    ahead = int(1.5 * handing_over * _CYCLES)
    times: list[float] = []
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    while len(times) < _ROUNDS or (sum(times) * calls < seconds * 1e6 and len(times) < 50 * _ROUNDS):
        torch.cuda._sleep(ahead)
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(1e3 * start.elapsed_time(end) / calls)
    return summarise(times)
