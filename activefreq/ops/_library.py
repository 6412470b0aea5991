"""The operator library `torch.ops.activefreq` and the checks that all operators share."""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["LIBRARY", "check_shape", "require"]

LIBRARY = torch.library.Library("activefreq", "DEF")


def require(condition: bool, message: str) -> None:
    """Raise ValueError(message) unless `condition` holds. Messages name the operator and the argument."""
    if not condition:
        raise ValueError(message)


def check_shape(operator: str, name: str, tensor: torch.Tensor, letters: Sequence[str]) -> None:
    """Raise unless `tensor` has one dimension per letter: `label: mask must have shape (B, H, W), got (4, 5)`."""
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{operator}: {name} must be a tensor, got {type(tensor).__name__}")
    if tensor.dim() != len(letters):
        raise ValueError(f"{operator}: {name} must have shape ({', '.join(letters)}), got {tuple(tensor.shape)}")
