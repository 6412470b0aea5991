"""Boxes for many images at once: where to look again, cutting out, and putting back.

A box is (y0, x0, y1, x1) in pixel edges: pixel i covers [i, i + 1), the whole image is (0, 0, H, W). All functions take
one box per image, stay on the device and wait for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from activefreq import ops
from activefreq.clicks import NEGATIVE, PADDING, POSITIVE

__all__ = [
    "boxes_of_masks",
    "boxes_within",
    "clicks_within",
    "component_at",
    "crop",
    "expand_boxes",
    "focus_boxes",
    "inside_boxes",
    "last_clicks",
    "place",
    "target_boxes",
    "whole_boxes",
]

_NARROW = 1 / 3  # a changed region is narrow where a side is under this share of the prediction's
_AROUND_CLICK = 0.2  # half the side of the square taken instead, as a share of the prediction's longer side


def whole_boxes(images: torch.Tensor) -> torch.Tensor:
    """(B, ..., H, W) → (B, 4) float32, all (0, 0, H, W)."""
    boxes = torch.zeros((images.shape[0], 4), dtype=torch.float32, device=images.device)
    boxes[:, 2], boxes[:, 3] = images.shape[-2], images.shape[-1]
    return boxes


def boxes_of_masks(masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The smallest boxes that hold all true pixels.

    Args:
        masks: (B, H, W) bool.

    Returns:
        (B, 4) float32 boxes, (0, 0, 0, 0) where a mask is empty, and (B,) bool: whether it is not.
    """
    sides = []
    for lines in (masks.any(dim=2), masks.any(dim=1)):  # rows, columns
        places = torch.arange(1, lines.shape[1] + 1, device=masks.device)
        last = (lines * places).amax(dim=1)
        first = lines.shape[1] + 1 - (lines * places.flip(0)).amax(dim=1)
        sides.append((torch.where(last > 0, first - 1, 0), last))
    (y0, y1), (x0, x1) = sides
    return torch.stack([y0, x0, y1, x1], dim=1).to(torch.float32), y1 > 0


def expand_boxes(boxes: torch.Tensor, factor: float, minimum_side: float, limits: torch.Tensor) -> torch.Tensor:
    """Boxes `factor` times as large about their centres, with sides of at least `minimum_side`, clipped to `limits`."""
    centre, side = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    half = (side * factor).clamp(min=minimum_side) / 2
    low = torch.maximum(centre - half, limits[:, :2])
    high = torch.minimum(centre + half, limits[:, 2:])
    return torch.cat([low, torch.maximum(high, low)], dim=1)


def last_clicks(clicks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The newest click of each image.

    Args:
        clicks: (B, K, 3) of (y, x, label), label -1 padding.

    Returns:
        (B, 3) of its y, x and label, (0, 0, -1) where there is none, and (B,) int64: how many clicks there are.
    """
    made = (clicks[:, :, 2] == POSITIVE) | (clicks[:, :, 2] == NEGATIVE)
    nothing = clicks.new_zeros((clicks.shape[0], 3))
    nothing[:, 2] = PADDING
    if clicks.shape[1] == 0:
        return nothing, made.sum(dim=1)
    places = torch.arange(1, clicks.shape[1] + 1, device=clicks.device)
    newest = (made * places).amax(dim=1)
    found = clicks.gather(1, (newest - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, 3)).squeeze(1)
    return torch.where((newest > 0)[:, None], found, nothing), made.sum(dim=1)


def target_boxes(
    previous: torch.Tensor,
    clicks: torch.Tensor,
    expansion: float = 1.4,
    minimum_side: float = 10.0,
    threshold: float = 0.5,
) -> torch.Tensor:
    """Target crops: the box of the previous mask and the positive clicks, enlarged; without a mask the whole image.

    Args:
        previous: (B, H, W) probabilities; the mask is where they are above `threshold`.
        clicks: (B, K, 3) of (y, x, label) in pixels of the image.
        expansion: how many times as large the crop is as the box.
        minimum_side: of the crop, in pixels.
        threshold: of the mask.

    Returns:
        (B, 4) float32 boxes inside the image.

    Source: FocalClick (Chen et al. 2022).
    """
    whole = whole_boxes(previous)
    boxes, started = boxes_of_masks(previous > threshold)
    if clicks.shape[1]:
        positive = (clicks[:, :, 2] == POSITIVE).unsqueeze(-1)
        points = clicks[:, :, :2].to(torch.float32)
        low = torch.where(positive, points, torch.inf).amin(dim=1)
        high = torch.where(positive, points + 1, -torch.inf).amax(dim=1)
        boxes = torch.cat([torch.minimum(boxes[:, :2], low), torch.maximum(boxes[:, 2:], high)], dim=1)
    return torch.where(started[:, None], expand_boxes(boxes, expansion, minimum_side, whole), whole)


def focus_boxes(
    previous: torch.Tensor,
    probability: torch.Tensor,
    clicks: torch.Tensor,
    limits: torch.Tensor | None = None,
    expansion: float = 1.4,
    minimum_side: float = 10.0,
    threshold: float = 0.5,
) -> torch.Tensor:
    """Focus crops: the box of what the newest click changed, enlarged.

    Where there was no mask, the box of the new one. Else the box of the 8-connected component of changed pixels that
    holds the click; where a side of it is under a third of the new mask's, or the clicked pixel did not change, a
    square around the click of ±0.2 times the new mask's longer side.

    Args:
        previous: (B, H, W) probabilities before the click.
        probability: (B, H, W) probabilities after it. Both masks are where they are above `threshold`.
        clicks: (B, K, 3) of (y, x, label) in pixels of the image.
        limits: (B, 4) boxes that are not left; None is the whole image.
        expansion: how many times as large the crop is as the box.
        minimum_side: of the crop, in pixels.
        threshold: of both masks.

    Returns:
        (B, 4) float32 boxes inside the limits; the limits themselves where there is neither mask nor change.

    Source: FocalClick (Chen et al. 2022), with one threshold, of probabilities, for both masks.
    """
    limits = whole_boxes(previous) if limits is None else limits
    before, after = previous > threshold, probability > threshold
    newest, _ = last_clicks(clicks)
    new, predicted = boxes_of_masks(after)
    changed, at_click = boxes_of_masks(component_at(before ^ after, newest))
    side, new_side = changed[:, 2:] - changed[:, :2], new[:, 2:] - new[:, :2]
    narrow = (side < _NARROW * new_side).any(dim=1) | ~at_click
    centre = newest[:, :2].to(torch.float32) + 0.5
    reach = _AROUND_CLICK * new_side.amax(dim=1, keepdim=True)
    around = torch.cat([centre - reach, centre + reach], dim=1)
    boxes = torch.where(narrow[:, None], around, changed)
    boxes = torch.where(before.flatten(1).any(dim=1)[:, None], boxes, new)
    return torch.where((predicted | at_click)[:, None], expand_boxes(boxes, expansion, minimum_side, limits), limits)


def component_at(masks: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """The 8-connected component of each mask that holds its point: (B, H, W) bool, empty where the point is not set.

    Args:
        masks: (B, H, W) bool.
        points: (B, 2 or more) of y and x, then anything; points outside have no component.
    """
    labels, _ = ops.label(masks, 8)
    height, width = masks.shape[-2:]
    y, x = points[:, 0].long(), points[:, 1].long()
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    images = torch.arange(len(masks), device=masks.device)
    label = labels[images, y.clamp(0, height - 1), x.clamp(0, width - 1)] * inside
    return masks & (labels == label.view(-1, 1, 1))


def crop(images: torch.Tensor, boxes: torch.Tensor, size: Sequence[int], samples: int = 1) -> torch.Tensor:
    """Cut one box out of each image and resample it: (B, C, H, W) → (B, C, *size), see `activefreq.ops.roi_align`."""
    return ops.roi_align(images, boxes, torch.arange(len(images), device=images.device), size, samples)


def boxes_within(boxes: torch.Tensor, frames: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Boxes of the image as boxes of the crops that show its `frames` at `size`."""
    scale = _scale(frames, size)
    return (boxes - frames[:, :2].repeat(1, 2)) * scale.repeat(1, 2)


def clicks_within(clicks: torch.Tensor, frames: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Clicks of the image as clicks of the crops that show its `frames` at `size`: (B, K, 3) float32, fractional."""
    centres = (clicks[:, :, :2].to(torch.float32) + 0.5 - frames[:, None, :2]) * _scale(frames, size)[:, None] - 0.5
    return torch.cat([centres, clicks[:, :, 2:].to(torch.float32)], dim=2)


def _scale(frames: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """(B, 2): crop pixels per image pixel."""
    tall, wide = (frames[:, 2:] - frames[:, :2]).clamp(min=1e-6).unbind(dim=1)
    return torch.stack([size[0] / tall, size[1] / wide], dim=1)


def inside_boxes(boxes: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """(B, *size) bool: the pixels whose centres lie in the box."""
    rows, columns = (torch.arange(n, dtype=torch.float32, device=boxes.device) + 0.5 for n in size)
    tall = (rows >= boxes[:, :1]) & (rows < boxes[:, 2:3])
    wide = (columns >= boxes[:, 1:2]) & (columns < boxes[:, 3:])
    return tall[:, :, None] & wide[:, None, :]


def place(crops: torch.Tensor, boxes: torch.Tensor, size: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Bring crops back to where they were cut.

    Args:
        crops: (B, C, h, w).
        boxes: (B, 4), of which they were cut.
        size: (H, W) of the images.

    Returns:
        (B, C, H, W), the crops resampled into their boxes, and (B, H, W) bool: the pixels whose centres lie in the box,
        the only ones that say anything.
    """
    inside = inside_boxes(boxes, size)
    return crop(crops, boxes_within(whole_boxes(inside), boxes, crops.shape[-2:]), size), inside
