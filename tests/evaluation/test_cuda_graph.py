"""When a run is recorded and when it is replayed, with torch's CUDA calls played: tests/cuda has the real ones."""

import contextlib

import pytest
import torch

from activefreq.evaluation.cuda_graph import WARM_UP, GraphRunner

CUDA = torch.device("cuda")


@pytest.fixture
def log(monkeypatch):
    events = []

    class Stream:
        def __init__(self, *device):
            pass

        def wait_stream(self, other):
            events.append("wait")

    class Graph:
        def replay(self):
            events.append("replay")

    @contextlib.contextmanager
    def recording(graph, stream, capture_error_mode):
        events.append("record")
        yield

    monkeypatch.setattr("torch.cuda.Stream", Stream)
    monkeypatch.setattr("torch.cuda.current_stream", Stream)
    monkeypatch.setattr("torch.cuda.stream", contextlib.nullcontext)
    monkeypatch.setattr("torch.cuda.device", contextlib.nullcontext)
    monkeypatch.setattr("torch.cuda.CUDAGraph", Graph)
    monkeypatch.setattr("torch.cuda.graph", recording)
    return events


def go(runner, log, times):
    for _ in range(times):
        runner.prepare(lambda: log.append("call"))
        runner.run(lambda: log.append("call"))


def test_a_graph_is_recorded_once_after_the_warm_up(log):
    runner = GraphRunner(CUDA)
    go(runner, log, WARM_UP + 3)
    assert log == ["wait", "call", "wait"] * WARM_UP + ["record", "call"] + ["replay"] * 3
    assert runner.recorded


@pytest.mark.parametrize(("device", "record"), [(CUDA, False), (torch.device("cpu"), True)])
def test_nothing_is_recorded(log, device, record):
    runner = GraphRunner(device, record)
    go(runner, log, WARM_UP + 3)
    assert log == ["call"] * (WARM_UP + 3)
    assert not runner.recorded
