"""What made a set of numbers: versions, machine, model, data."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from activefreq.evaluation.interfaces import Dataset, predictor_name, sample_names
from activefreq.ops import backends

__all__ = ["dataset_description", "machine", "model_description", "provenance", "versions"]


def versions() -> dict[str, str]:
    """Versions of activefreq, torch and Python."""
    from activefreq import __version__

    return {"activefreq": __version__, "torch": torch.__version__, "python": platform.python_version()}


def machine(device: torch.device | str = "cpu") -> dict[str, Any]:
    """Processor, its cores and torch's threads, the operators' instruction set, and the device."""
    device = torch.device(device)
    on_cuda = device.type == "cuda"
    return {
        "cpu": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instruction_set": backends()["cpu"],
        "device": torch.cuda.get_device_name(device) if on_cuda else str(device),
        "system": f"{platform.system()} {platform.machine()}",
    }


def model_description(predictor: object) -> dict[str, Any]:
    """The name of a predictor, or of another model, with its own description of itself, where it gives one."""
    describe = getattr(predictor, "describe", None)
    return {"name": predictor_name(predictor), **(describe() if callable(describe) else {})}


def dataset_description(dataset: Dataset) -> dict[str, Any]:
    """Name, split and number of samples, and a digest of names and fingerprint where the data set has either."""
    known = {"names": sample_names(dataset), "fingerprint": getattr(dataset, "fingerprint", None)}
    described = {
        "name": str(getattr(dataset, "name", type(dataset).__name__)),
        "split": getattr(dataset, "split", None),
        "samples": len(dataset),
    }
    if any(value is not None for value in known.values()):
        text = json.dumps(known, default=str)
        described["digest"] = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return described


def provenance(
    predictor: object, dataset: Dataset, device: torch.device, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The part of metrics.json that says where its numbers come from; `settings` are the run's own."""
    return {
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": machine(device),
        "model": model_description(predictor),
        "data": dataset_description(dataset),
        "settings": dict(settings),
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
