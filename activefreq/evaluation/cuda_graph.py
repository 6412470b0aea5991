"""Running the same work again and again as one CUDA graph."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch

__all__ = ["GraphRunner"]

WARM_UP = 2
"""Runs that go kernel by kernel before one is recorded: they load kernels, choose algorithms and make plans and
workspaces, none of which may happen while a graph is recorded."""


@functools.cache
def _recording_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all runners on a device: libraries keep a workspace for every stream that they have seen."""
    return torch.cuda.Stream(device)


class GraphRunner:
    """Runs one function of tensors that stay where they are; on CUDA, after a few runs, as a graph of its launches.

    The function is the same every time. It reads and writes tensors that live as long as this object and takes nothing
    else from the host: no argument, no copy, no decision. A graph costs one launch instead of one per kernel.

    Runs before the recording are true runs. They and the recording use a stream beside the current one, so that
    libraries find the workspaces that they made; the current stream waits for it and it for the current stream.

    Args:
        device: where the tensors are. On the CPU the function is called and that is all.
        record: False: on CUDA too.
    """

    def __init__(self, device: torch.device, record: bool = True) -> None:
        self._device = device
        self._stream = _recording_stream(device) if record and device.type == "cuda" else None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._runs = 0

    @property
    def recorded(self) -> bool:
        """Whether the next run replays a graph."""
        return self._graph is not None

    def prepare(self, function: Callable[[], None]) -> None:
        """Record the graph where it is time to. The host waits for the device; nothing is computed."""
        if self._stream is None or self.recorded or self._runs < WARM_UP:
            return
        graph = torch.cuda.CUDAGraph()
        # thread_local: what other threads do meanwhile, such as allocating, is their affair.
        with (
            torch.cuda.device(self._device),
            torch.cuda.stream(torch.cuda.current_stream(self._device)),  # puts it back where the recording fails
            torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
        ):
            function()
        self._graph = graph

    def run(self, function: Callable[[], None]) -> None:
        """Run the function, or its graph."""
        if self._stream is None:
            function()
            return
        with torch.cuda.device(self._device):
            if self._graph is not None:
                self._graph.replay()
                return
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                function()
            torch.cuda.current_stream().wait_stream(self._stream)
        self._runs += 1
