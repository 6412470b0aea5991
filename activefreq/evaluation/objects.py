"""One object on its way through the evaluator: decoded and checked, clicked, and what came of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from activefreq.clicks import Click, ClickHistory
from activefreq.evaluation.interfaces import Sample

__all__ = ["ActiveObject", "NothingToSegmentError", "ObjectResult", "StopReason", "click_seed", "open_object"]

StopReason = Literal["reached", "max_clicks", "nothing_to_click"]


class NothingToSegmentError(ValueError):
    """The mask has no object pixel, so that no IoU is defined."""


@dataclass(frozen=True)
class ObjectResult:
    """What one object's evaluation gave."""

    index: int
    """Position in the data set, from 0."""
    name: str
    """The sample's name."""
    size: tuple[int, int]
    """(H, W) of the image, in pixels."""
    area: int
    """Pixels of the object, at least 1."""
    clicks: list[Click]
    """The clicks made, in order."""
    ious: list[float]
    """IoU after each click, in [0, 1]; as many as clicks."""
    stop_reason: StopReason
    """reached: IoU >= the largest threshold; max_clicks: every click made; nothing_to_click: no error pixel left."""
    attributes: dict[str, str] = field(default_factory=dict)
    """What the data set says about the object, such as where its mask comes from; see `breakdown`."""


@dataclass
class ActiveObject:
    """An object that is being clicked."""

    index: int
    name: str
    history: ClickHistory
    area: int
    ious: list[float] = field(default_factory=list)
    edits: bool = False
    """Whether it starts from a given mask."""

    def finish(self, reason: StopReason) -> ObjectResult:
        """The result, once the object has stopped."""
        return ObjectResult(self.index, self.name, self.history.size, self.area, self.history.clicks, self.ious, reason)


def click_seed(seed: int, name: str, click: int) -> int:
    """Seed of an object's click number `click` (from 1), in [0, 2⁶³): a hash of the arguments, the same everywhere."""
    digest = hashlib.blake2b(f"{seed}\0{name}\0{click}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def open_object(sample: Sample, index: int) -> tuple[ActiveObject, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Check a sample and convert it.

    Returns:
        The object with no click yet, its image (3, H, W) float32 in [0, 1], its target (H, W) int8 (1 object,
        0 background, -1 ignore) and the mask it starts from, (H, W) float32 in [0, 1], 0 where none is given; all on
        the CPU.

    Raises:
        NothingToSegmentError: no pixel of the mask is 1.
        ValueError, TypeError: an image or mask of the wrong shape, dtype or range; names the object.
    """
    where = f"evaluate: object {sample.name!r}"
    image = _image(torch.as_tensor(np.asarray(sample.image), device="cpu"), where)
    target = _target(torch.as_tensor(np.asarray(sample.mask), device="cpu"), where)
    if image.shape[1:] != target.shape:
        raise ValueError(f"{where}: image is {_size(image[0])} and mask is {_size(target)}, they must be of one size")
    area = int((target == 1).sum())
    if area == 0:
        raise NothingToSegmentError("the mask has no object pixel")
    height, width = target.shape
    given = getattr(sample, "given", None)
    start = torch.zeros(target.shape, device="cpu") if given is None else _given(given, target, where)
    active = ActiveObject(index, str(sample.name), ClickHistory((height, width)), area, edits=given is not None)
    return active, image, target, start


def _image(image: torch.Tensor, where: str) -> torch.Tensor:
    if image.dtype == torch.uint8:
        if image.dim() != 3 or image.shape[2] != 3:
            raise ValueError(f"{where}: a uint8 image must have shape (H, W, 3), got {tuple(image.shape)}")
        return image.permute(2, 0, 1).to(torch.float32).div_(255).contiguous()
    if not image.is_floating_point():
        raise TypeError(f"{where}: image must be uint8 (H, W, 3) or float (3, H, W), got {image.dtype}")
    if image.dim() != 3 or image.shape[0] != 3:
        raise ValueError(f"{where}: a float image must have shape (3, H, W), got {tuple(image.shape)}")
    if image.numel() and not (image.min() >= 0 and image.max() <= 1):  # also false for NaN
        raise ValueError(f"{where}: a float image must lie in [0, 1]")
    return image.to(torch.float32).contiguous()


def _target(mask: torch.Tensor, where: str) -> torch.Tensor:
    if mask.is_floating_point() or mask.is_complex():
        raise TypeError(f"{where}: mask must be an integer array of 1, 0 and -1, got {mask.dtype}")
    if mask.dim() != 2:
        raise ValueError(f"{where}: mask must have shape (H, W), got {tuple(mask.shape)}")
    signed = mask.dtype not in (torch.uint8, torch.bool)
    target = (mask == 1).to(torch.int8)
    if signed:
        target.sub_((mask == -1).to(torch.int8))
    other = mask[(target == 0) & (mask != 0)]
    if len(other):
        raise ValueError(f"{where}: mask must hold 1 (object), 0 and -1 (ignored) alone, got {int(other[0])}")
    return target


def _given(mask: npt.ArrayLike | torch.Tensor, target: torch.Tensor, where: str) -> torch.Tensor:
    given = torch.as_tensor(np.asarray(mask), device="cpu")
    if given.shape != target.shape:
        raise ValueError(f"{where}: the given mask must have shape {tuple(target.shape)}, got {tuple(given.shape)}")
    given = given.to(torch.float32)
    if not ((given >= 0) & (given <= 1)).all():  # also false for NaN
        raise ValueError(f"{where}: the given mask must hold 0 and 1, or probabilities")
    return given


def _size(plane: torch.Tensor) -> str:
    return f"{plane.shape[0]} × {plane.shape[1]}"
