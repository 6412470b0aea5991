"""The choice between the CUDA kernels of one operator."""

from __future__ import annotations

import torch

from activefreq.ops._library import require

__all__ = ["PATHS", "check_path"]

PATHS = {"auto": 0, "fused": 1, "cufft": 2}
"""Numbered as `Path` in csrc/core/freq_mix_plan.h."""


def check_path(operator: str, path: str, x: torch.Tensor) -> None:
    """Raise where `path` is unknown, or chooses among kernels that x does not take."""
    require(path in PATHS, f"{operator}: path must be one of {', '.join(map(repr, PATHS))}, got {path!r}")
    require(
        path == "auto" or x.device.type == "cuda",
        f"{operator}: path={path!r} chooses between CUDA kernels; x is on {x.device}, where path must be 'auto'",
    )
    require(
        path == "auto" or x.dtype != torch.float64,
        f"{operator}: path={path!r} chooses between float32 kernels; for float64, path must be 'auto'",
    )
