"""What an evaluation costs: seconds per stage, peak memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

__all__ = ["DEVICE_STAGES", "STAGES", "Clock", "Mark", "Timing", "peak_memory"]

STAGES = ("predict", "select", "bookkeeping")
DEVICE_STAGES = ("click", "record", "bookkeeping")


@dataclass(frozen=True)
class Timing:
    """Times of one evaluation, all in seconds of wall time, on CUDA after synchronising the device.

    `click` alone is the device's own time where that is CUDA: the host does other things meanwhile.
    """

    clicks: int
    """Clicks that were timed: all of this process but those of the warm-up round."""
    stages: dict[str, float]
    """Seconds per click for `predict` (the predictor's call), `select` (choosing the pixels) and `bookkeeping` (checks
    of the answer, IoU, histories, slots). Where a whole click runs on the device: `click` (selection, the predictor and
    the IoU), `record` (making the CUDA graphs) and `bookkeeping`. NaN where no click was timed."""
    warm_up: float
    """Seconds of the first round (one click on each object of the first batch), left out of `stages`; 0 where it had to
    be counted because it was the only one."""
    decode: float
    """Seconds in total for reading and converting samples; not part of seconds per click."""
    wall: float
    """Seconds in total, everything included."""

    @property
    def seconds_per_click(self) -> float:
        """Sum of the stages: predictor + selection + bookkeeping, without image decoding and without the warm-up."""
        return sum(self.stages.values())


class Mark:
    """A point in what the device was given to do: whether it is reached, and how long after another."""

    def __init__(self, device: torch.device) -> None:
        self._event = torch.cuda.Event(enable_timing=True) if device.type == "cuda" else None
        if self._event is not None:
            self._event.record(torch.cuda.current_stream(device))
        self._time = time.perf_counter()

    def reached(self) -> bool:
        """Whether the device is past it."""
        return self._event is None or self._event.query()

    def seconds_since(self, earlier: Mark) -> float:
        """Seconds of the device between two marks that are reached."""
        if self._event is None or earlier._event is None:
            return self._time - earlier._time
        return earlier._event.elapsed_time(self._event) / 1000


@dataclass
class Clock:
    """Adds up stage times, round by round; the first round is the warm-up."""

    device: torch.device
    stages: tuple[str, ...] = STAGES
    decode: float = 0.0
    _started: float = field(default_factory=time.perf_counter)
    _rounds: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    _current: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        self._current = dict.fromkeys(self.stages, 0.0)

    def now(self) -> float:
        """Seconds, once the device has finished what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the body to a stage of the current round."""
        start = self.now()
        yield
        self.add(name, self.now() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add a time to a stage of the current round."""
        self._current[name] += seconds

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Add the time of the body to `decode`. The device goes on meanwhile: nothing is decoded there."""
        start = time.perf_counter()
        yield
        self.decode += time.perf_counter() - start

    def end_round(self, clicks: int) -> None:
        """Close a round in which `clicks` clicks were made."""
        self._rounds.append((clicks, self._current))
        self._current = dict.fromkeys(self.stages, 0.0)

    def timing(self) -> Timing:
        """The sums so far."""
        rounds = self._rounds[1:] or self._rounds
        warm_up = sum(self._rounds[0][1].values()) if len(self._rounds) > 1 else 0.0
        clicks = sum(count for count, _ in rounds)
        stages = {
            name: sum(times[name] for _, times in rounds) / clicks if clicks else float("nan") for name in self.stages
        }
        return Timing(clicks, stages, warm_up, self.decode, time.perf_counter() - self._started)


def peak_memory(device: torch.device) -> dict[str, int]:
    """Largest resident size of this process since it started and, on CUDA, of torch's allocations; in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    peak = {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    if device.type == "cuda":
        peak["cuda"] = int(torch.cuda.max_memory_allocated(device))
    return peak
