"""Asking a predictor for masks, and not believing it blindly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from activefreq.evaluation.devices import check_device
from activefreq.evaluation.interfaces import predictor_name
from activefreq.evaluation.pool import Group

if TYPE_CHECKING:  # only the type: it would load the networks
    from activefreq.predictor import Predictor

__all__ = ["ask", "check_values", "evaluation_mode", "intersection_and_union", "predictor_device", "writes"]


def predictor_device(predictor: object, device: torch.device | str | None) -> torch.device:
    """`device` if given, else the predictor's own (`predictor.device`, or that of its parameters), else the CPU.

    Raises:
        ValueError: there is no such device here.
    """
    if device is not None:
        return check_device(device, "evaluate: device")
    own = getattr(predictor, "device", None)
    if own is None and isinstance(predictor, torch.nn.Module):
        own = next((parameter.device for parameter in predictor.parameters()), None)
    return check_device(own or "cpu", f"evaluate: device of predictor {predictor_name(predictor)}:")


@contextmanager
def evaluation_mode(predictor: object) -> Iterator[None]:
    """Inference mode and, for the time being, evaluation mode of the predictor or its `network`, if it is a module.

    Every part gets back the mode that it had: an encoder that is kept frozen stays so.
    """
    modules = [part for part in (predictor, getattr(predictor, "network", None)) if isinstance(part, torch.nn.Module)]
    training = [part for module in modules for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        with torch.inference_mode():
            yield
    finally:
        for part in training:
            part.training = True


def ask(
    predictor: Predictor, group: Group, images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor
) -> torch.Tensor:
    """The predictor's answer to tensors of a group: (n, H, W), not yet checked for its values."""
    written = writes(images), writes(previous)
    answer = predictor.predict(images, clicks, previous)
    who = f"evaluate: predictor {predictor_name(predictor)}"
    if not isinstance(answer, torch.Tensor):
        raise TypeError(f"{who} must return a tensor, got {type(answer).__name__} ({_names(group)})")
    if answer.shape != previous.shape:
        raise ValueError(
            f"{who} must return shape (B, H, W) = {tuple(previous.shape)}, got {tuple(answer.shape)} ({_names(group)})"
        )
    if answer.device.type != group.device.type:
        raise ValueError(f"{who} must return a tensor on {group.device}, got one on {answer.device} ({_names(group)})")
    if not answer.is_floating_point():
        raise TypeError(f"{who} must return floating point probabilities, got {answer.dtype} ({_names(group)})")
    if (writes(images), writes(previous)) != written:
        raise ValueError(f"{who} wrote into its arguments; `images` and `previous` must stay as they are")
    return answer


def check_values(predictor: Predictor, group: Group, extremes: Sequence[Sequence[float]]) -> None:
    """Raise unless every object's (least, largest) probability lies in [0, 1]; NaN does not."""
    for active, (least, largest) in zip(group.objects, extremes, strict=True):
        if not (least >= 0 and largest <= 1):
            found = "NaN" if least != least else f"values from {least:g} to {largest:g}"
            raise ValueError(
                f"evaluate: predictor {predictor_name(predictor)} must return probabilities in [0, 1], "
                f"got {found} for object {active.name!r} at click {len(active.history)}"
            )


def intersection_and_union(
    probabilities: torch.Tensor, targets: torch.Tensor, threshold: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels in both and in either of prediction (probability > threshold, strictly) and object, ignored ones left out.

    Args:
        probabilities: (n, H, W) float32.
        targets: (n, H, W) int8: 1 object, 0 background, -1 ignore.
        threshold: float32 scalar.

    Returns:
        Two (n,) int64.
    """
    predicted = (probabilities > threshold) & (targets >= 0)
    truth = targets == 1
    return (predicted & truth).sum(dim=(1, 2)), (predicted | truth).sum(dim=(1, 2))


def writes(tensor: torch.Tensor) -> int:
    """How often a tensor was written in place; not counted for tensors made in inference mode."""
    return 0 if tensor.is_inference() else tensor._version


def _names(group: Group) -> str:
    names = [active.name for active in group.objects]
    return f"objects {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"
