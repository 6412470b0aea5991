"""How everything here is timed: interleaved runs, medians and spread, cold and warm cache, the machine beside.

The candidates of one point take turns, so that whatever else the machine does hits all of them; ratios are taken
within a round and then summarised. Every timed call allocates its own output. Cold means cold data: the calls rotate
over more copies of their input than a last-level cache holds.
"""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import itertools
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import geometric_mean, median, quantiles
from typing import Any, TypeVar

import torch

import activefreq as af

__all__ = [
    "Summary",
    "copies_beyond_cache",
    "geometric_mean",
    "interleaved",
    "machine",
    "ratio",
    "summarise",
    "write_json",
]

_TURN = 0.02  # seconds
_SETTLING_BLOCK = 31 << 20  # bytes: the most by which glibc's limits grow
_BEYOND_CACHE = 128 << 20  # bytes: several times a last-level cache
_PACKAGES = (
    "numpy",
    "scipy",
    "opencv-python-headless",
    "opencv-python",
    "connected-components-3d",
    "edt",
    "scikit-image",
    "pytorch-wavelets",
    "ptwt",
    "transformers",
)  # what alternatives are made of, beside torch
Input = TypeVar("Input")


@dataclass(frozen=True)
class Summary:
    """Order statistics of one list of measurements, in its unit."""

    minimum: float
    low: float  # first quartile
    median: float
    high: float  # third quartile
    count: int


def summarise(values: list[float]) -> Summary:
    """Minimum, quartiles and number of `values`."""
    low, median, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return Summary(min(values), low, median, high, len(values))


def interleaved(
    candidates: Mapping[str, Callable[[Input], object]],
    inputs: Sequence[Input],
    seconds: float = 0.5,
    rounds: int = 5,
    synchronise: Callable[[], None] = lambda: None,
) -> dict[str, list[float]]:
    """Time the candidates in turn, round after round, every call on the next of `inputs`.

    A turn is a stretch of untimed calls and then one of timed calls, of `_TURN` seconds each and at least one call.
    The untimed ones let caches, the allocator and the clock settle: a candidate is not charged for what the one before
    it left behind, which takes a shared last-level cache several calls to forget.

    Args:
        candidates: name → function of one input.
        inputs: one for a warm cache, `copies_beyond_cache(bytes)` equal ones for a cold one.
        seconds: keep starting rounds for so long.
        rounds: at least so many.
        synchronise: waits for the device, inside the timed part.

    Returns:
        name → seconds per call, the median of each turn.
    """
    _settle_allocator()
    times: dict[str, list[float]] = {name: [] for name in candidates}
    rotation = itertools.cycle(inputs)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < rounds:
        for name, call in candidates.items():
            _turn(call, rotation, synchronise)
            times[name].append(median(_turn(call, rotation, synchronise)))
    return times


@functools.cache
def _settle_allocator() -> None:
    """Allocate and free one large block, as any network does before long.

    glibc returns freed memory to the system, and takes it again page by page, at limits that grow with the largest
    block it has freed. A process that has only seen small blocks measures the system's page faults instead.
    """
    torch.empty(_SETTLING_BLOCK, dtype=torch.uint8).fill_(0)


def _turn(call: Callable[[Input], object], rotation: Iterator[Input], synchronise: Callable[[], None]) -> list[float]:
    """Seconds of each call, for `_TURN` seconds in all."""
    taken: list[float] = []
    end = time.perf_counter() + _TURN
    while not taken or time.perf_counter() < end:
        argument = next(rotation)
        synchronise()
        start = time.perf_counter()
        call(argument)
        synchronise()
        taken.append(time.perf_counter() - start)
    return taken


def copies_beyond_cache(size: int) -> int:
    """How many inputs of `size` bytes a rotation needs so that each is out of the cache when its turn comes."""
    return max(2, -(-_BEYOND_CACHE // max(1, size)))


def ratio(slower: list[float], faster: list[float]) -> Summary:
    """How many times faster: `slower / faster`, round by round."""
    return summarise([a / b for a, b in zip(slower, faster, strict=True)])


def machine() -> dict[str, Any]:
    """What the numbers depend on: processor, threads, versions, build and commit."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "threads": torch.get_num_threads(),
        "backends": af.ops.backends(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "versions": _versions(),
        "activefreq": af.__version__,
        "commit": _commit(),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def write_json(path: Path, benchmark: str, rows: list[dict[str, Any]], summary: Mapping[str, Any]) -> None:
    """Store the rows of one benchmark, its summary and the machine; Summary values become objects."""
    record = {"benchmark": benchmark, "machine": machine(), "summary": dict(summary), "rows": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(path.suffix + ".part")
    written.write_text(json.dumps(record, indent=1, default=_plain) + "\n", encoding="utf-8")
    written.replace(path)  # whoever is stopped here leaves the old file or the new one


def _plain(value: object) -> object:
    if isinstance(value, Summary):
        return asdict(value)
    raise TypeError(f"write_json: cannot store {type(value).__name__}")


def _versions() -> dict[str, str]:
    """Of the alternatives' packages, those that are installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@functools.cache
def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
