"""How everything here is timed: interleaved runs, medians and spread, cold and warm cache, the machine beside.

The candidates of one point take turns, so that whatever else the machine does hits all of them; ratios are taken
within a round and then summarised. Every timed call allocates its own output.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import geometric_mean, quantiles
from typing import Any

import torch

import activefreq as af

__all__ = ["Summary", "geometric_mean", "interleaved", "machine", "ratio", "summarise", "write_json"]

_EVICTION_BYTES = 128 << 20  # several times a last-level cache


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
    candidates: Mapping[str, Callable[[], object]],
    seconds: float = 0.5,
    rounds: int = 5,
    cold: bool = False,
    synchronise: Callable[[], None] = lambda: None,
) -> dict[str, list[float]]:
    """Time the candidates in turn, each once per round.

    Args:
        candidates: name → call. Each is called once before the first round.
        seconds: keep starting rounds for so long.
        rounds: at least so many.
        cold: overwrite more memory than any cache holds before every call, outside the timed part.
        synchronise: waits for the device, inside the timed part.

    Returns:
        name → seconds per call, one number per round.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    eviction = torch.zeros(_EVICTION_BYTES, dtype=torch.uint8) if cold else None
    for call in candidates.values():
        call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < rounds:
        for name, call in candidates.items():
            if eviction is not None:
                eviction.add_(1)
            synchronise()
            start = time.perf_counter()
            call()
            synchronise()
            times[name].append(time.perf_counter() - start)
    return times


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
        "activefreq": af.__version__,
        "commit": _commit(),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def write_json(path: Path, benchmark: str, rows: list[dict[str, Any]], summary: Mapping[str, Any]) -> None:
    """Store the rows of one benchmark, its summary and the machine; Summary values become objects."""
    record = {"benchmark": benchmark, "machine": machine(), "summary": dict(summary), "rows": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, default=_plain) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, Summary):
        return asdict(value)
    raise TypeError(f"write_json: cannot store {type(value).__name__}")


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
