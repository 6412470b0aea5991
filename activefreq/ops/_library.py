"""The operator library `torch.ops.activefreq` and the checks that all operators share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol

import torch

__all__ = [
    "LIBRARY",
    "AutogradContext",
    "arithmetic_type",
    "check_real_floating",
    "check_shape",
    "refuse_second_derivative",
    "require",
]

LIBRARY = torch.library.Library("activefreq", "DEF")


class AutogradContext(Protocol):
    """What autograd hands to a backward formula."""

    saved_tensors: tuple[torch.Tensor, ...]
    needs_input_grad: tuple[bool, ...]

    def save_for_backward(self, *tensors: torch.Tensor | None) -> None:
        """Keep tensors for the backward pass."""


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


def check_real_floating(operator: str, **tensors: torch.Tensor) -> None:
    """Raise unless all are real floating tensors on the device of the first."""
    device: torch.device | None = None
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{operator}: {name} must be a tensor, got {type(tensor).__name__}")
        if not tensor.is_floating_point():
            raise TypeError(f"{operator}: {name} must be a real floating tensor, got {tensor.dtype}")
        device = device or tensor.device
        if tensor.device != device:
            first = next(iter(tensors))
            raise ValueError(f"{operator}: {name} must be on {device} like {first}, got {tensor.device}")


def arithmetic_type(x: torch.Tensor) -> torch.dtype:
    """float64 for float64, float32 for everything else."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def refuse_second_derivative(operator: str) -> Callable[..., NoReturn]:
    """A backward formula for a backward operator: says that there is none."""

    def refuse(ctx: AutogradContext, *grads: torch.Tensor) -> NoReturn:
        raise NotImplementedError(
            f"{operator}: second derivatives are not implemented; call activefreq.reference.{operator} for them"
        )

    return refuse
