"""Figures on a GPU: `make gpu` runs this; it keeps gpu-CARD-DATE.json in a folder.

Each part is a module `bench.gpu_PART` with `rows(seconds)`. Every row is stored as it comes, and a part that fails or
is not there does not keep the others from being measured: the JSON says so beside the rows. An error on the device
stays with its process, so the parts after one that failed run in another.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

import activefreq as af
from bench.measure import Summary, write_json

PARTS = ("click", "freq_mix", "select_click", "click_maps", "siblings")
SEED = 0
PACKAGES = ("numpy", "transformers", "safetensors")

Rows = list[dict[str, Any]]


def settings(arguments: list[str]) -> dict[str, Any]:
    """Driver, card, versions, seed and command: what the figures depend on beside `bench.measure.machine`."""
    return {
        "command": " ".join(["python -m bench.gpu", *(Path(a).name if "/" in a else a for a in arguments)]),
        "seed": SEED,
        "driver": _ask("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        "compute_capability": ".".join(map(str, torch.cuda.get_device_capability())),
        "multiprocessors": torch.cuda.get_device_properties(0).multi_processor_count,
        "memory_bytes": torch.cuda.get_device_properties(0).total_memory,
        "nvcc": _ask("nvcc", "--version"),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "tf32": {"matmul": torch.backends.cuda.matmul.allow_tf32, "cudnn": torch.backends.cudnn.allow_tf32},
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _ask(*command: str) -> str | None:
    """The last line that a tool prints, None where it cannot be asked."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def measure(
    path: Path,
    parts: Sequence[str],
    seconds: float,
    described: dict[str, Any],
    afresh: Callable[[Sequence[str], float], None] | None = None,
    add: bool = False,
) -> dict[str, str]:
    """Measure, print and store row by row; the state of each part: measured, absent or the error.

    Parts share the time that is left. What a part had measured before it failed is kept, and so it is where time runs
    out for all of them.

    Args:
        path: the JSON.
        parts: their names.
        seconds: for all of them.
        described: goes into the summary.
        afresh: measures the parts after one that failed, in the seconds left, and adds them to the file; None: they
            are measured here.
        add: keep the rows and states of an existing file.
    """
    end = time.monotonic() + seconds
    states: dict[str, str] = {}
    kept: Rows = []
    if add and path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        kept, states = before["rows"], before["summary"]["parts"]

    def store() -> None:
        write_json(path, "gpu", kept, {**described, "parts": states})

    for index, part in enumerate(parts):
        if importlib.util.find_spec(f"bench.gpu_{part}") is None:
            states[part] = "absent"
            continue
        share = max(1.0, (end - time.monotonic()) / (len(parts) - index))
        print(f"{part}:", flush=True)
        states[part] = "not finished"
        torch.manual_seed(SEED)
        try:
            for row in importlib.import_module(f"bench.gpu_{part}").rows(share):
                kept.append({"part": part, **row})
                store()
                print("  " + ", ".join(f"{key} {_text(value)}" for key, value in row.items()), flush=True)
            states[part] = "measured"
        except Exception as error:  # the other parts are still worth their figures
            traceback.print_exc()
            states[part] = f"failed: {type(error).__name__}: {error}"
        print(f"{part}: {states[part]}", flush=True)
        store()
        if afresh and states[part].startswith("failed") and parts[index + 1 :]:
            afresh(parts[index + 1 :], end - time.monotonic())
            return dict(json.loads(path.read_text(encoding="utf-8"))["summary"]["parts"])
    store()
    return states


def _text(value: object) -> str:
    if isinstance(value, Summary):
        return f"{value.median:.4g} ({value.low:.4g} to {value.high:.4g})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main(arguments: list[str] | None = None) -> int:
    """Measure and store. Returns 1 where a part failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="for all parts together, about")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results", help="folder")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--add", action="store_true", help="to today's file, which otherwise begins anew")
    arguments = sys.argv[1:] if arguments is None else arguments
    given = parser.parse_args(arguments)
    state = af.ops.backends()["cuda"]
    if state != "ready" or not torch.cuda.is_available():
        raise SystemExit(f"no GPU: {state if state != 'ready' else 'this torch has no CUDA'}")
    card = re.sub(r"\W+", "-", torch.cuda.get_device_name().lower())
    path = given.results / f"gpu-{card}-{datetime.date.today()}.json"

    def afresh(parts: Sequence[str], seconds: float) -> None:
        command = [sys.executable, "-P", "-m", "bench.gpu", "--add", "--results", str(given.results)]
        subprocess.run([*command, "--seconds", str(max(1.0, seconds)), "--parts", *parts], check=False)

    states = measure(path, given.parts, given.seconds, settings(arguments), afresh, given.add)
    print(path.name)
    return int(any(state.startswith("failed") for state in states.values()))


if __name__ == "__main__":
    sys.exit(main())
