"""Clicks for training: a random start, then clicks where the network errs (RITM, FocalClick)."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from activefreq import ops

__all__ = ["corrective_clicks", "initial_clicks"]

_BORDER_WIDTH = 0.08  # of the image's longer side: how far outside the object "near its border" reaches


def _draw(
    candidates: torch.Tensor, label: torch.Tensor | int, wanted: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Clicks on uniformly drawn pixels of each mask.

    Args:
        candidates: (B, H, W) bool.
        label: of the clicks, one number or (B,).
        wanted: (B, N) bool: which of N clicks are wanted.
        generator: where chance comes from.

    Returns:
        (B, N, 3) int64; padding (-1) where a click is not wanted or no pixel is a candidate.
    """
    width, flat = candidates.shape[-1], candidates.flatten(1)
    some = flat.any(dim=1, keepdim=True)
    odds = torch.where(some, flat, True).to(torch.float32)  # multinomial refuses rows of zeros
    pixel = torch.multinomial(odds, wanted.shape[1], replacement=True, generator=generator)
    labels = torch.as_tensor(label).view(-1, 1).expand_as(pixel)
    clicks = torch.stack([pixel // width, pixel % width, labels], dim=-1)
    return torch.where((wanted & some).unsqueeze(-1), clicks, -1)


def _count(batch: int, largest: int, decay: float, smallest: int, generator: torch.Generator) -> torch.Tensor:
    """(B,) counts from `smallest` to `largest`, each `decay` times as likely as the one before."""
    odds = decay ** torch.arange(largest - smallest + 1, dtype=torch.float64)
    return torch.multinomial(odds, batch, replacement=True, generator=generator) + smallest


def initial_clicks(
    target: torch.Tensor, generator: torch.Generator, most: int = 24, decay: float = 0.8
) -> torch.Tensor:
    """Random clicks to start from, before the network has said anything.

    The first positive click lies deep in the object (distance over max / 1.7), the others anywhere in it. Negative
    clicks come from near the object's border (half of them) or from anywhere in the background.

    Args:
        target: (B, H, W) of 1, 0, -1.
        generator: where chance comes from.
        most: most clicks of either label.
        decay: each further click is this much less likely.

    Returns:
        (B, K, 3) int64 of (y, x, label) with -1 padding.
    """
    batch, height, width = target.shape
    inside, outside = target == 1, target == 0
    depth = ops.squared_distance(inside)
    centre = inside & (depth.double() > depth.flatten(1).amax(1).view(-1, 1, 1) / 1.7**2)
    reach = max(1, round(_BORDER_WIDTH * max(height, width)))
    # Padded by more than the reach, so that the image's own edge does not count as the object's.
    background = F.pad(~inside, (reach + 1,) * 4, value=True)
    away = ops.squared_distance(background)[:, reach + 1 : -reach - 1, reach + 1 : -reach - 1]
    border = outside & (away <= reach**2)
    positive = _count(batch, most, decay, 1, generator)
    negative = _count(batch, most, decay, 0, generator)
    order = torch.arange(most)
    clicks = [_draw(centre, 1, (positive > 0).view(-1, 1), generator)]
    if positive.max() > 1:
        clicks.append(_draw(inside, 1, positive.view(-1, 1) > order[1 : positive.max()], generator))
    if negative.max() > 0:
        wanted = negative.view(-1, 1) > order[: negative.max()]
        near = torch.rand(wanted.shape, generator=generator) < 0.5
        clicks += [_draw(border, 0, wanted & near, generator), _draw(outside, 0, wanted & ~near, generator)]
    return torch.cat(clicks, dim=1)


def corrective_clicks(probability: torch.Tensor, target: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One click per image on the larger error: a random pixel of {distance > max / 2}.

    Args:
        probability: (B, H, W).
        target: (B, H, W) of 1, 0, -1.
        generator: where chance comes from.

    Returns:
        (B, 1, 3) int64; padding where nothing is wrong.
    """
    predicted = probability > 0.5
    missed = ops.squared_distance((target == 1) & ~predicted)
    extra = ops.squared_distance((target == 0) & predicted)
    depth_missed, depth_extra = missed.flatten(1).amax(1), extra.flatten(1).amax(1)
    positive = depth_missed > depth_extra
    depth = torch.where(positive.view(-1, 1, 1), missed, extra)
    candidates = (depth > 0) & (4 * depth > torch.maximum(depth_missed, depth_extra).view(-1, 1, 1))
    return _draw(candidates, positive.long(), torch.ones(len(positive), 1, dtype=torch.bool), generator)
