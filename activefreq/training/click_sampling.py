"""Clicks for training: a random start, then clicks where the network errs (RITM, FocalClick)."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from activefreq import ops

__all__ = ["corrective_clicks", "initial_clicks"]

_BORDER_WIDTH = 0.08  # of the image's longer side: how far outside the object "near its border" reaches


def _one_pixel(candidates: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A uniformly drawn true pixel of each (B, H, W) mask as (B, 2) of (y, x), and (B,) whether there was one."""
    width = candidates.shape[-1]
    noise = torch.rand(candidates.shape, generator=generator)
    best = torch.where(candidates, noise, -1.0).flatten(1).max(dim=1)
    return torch.stack([best.indices // width, best.indices % width], dim=1), best.values >= 0


def _drawn(
    candidates: torch.Tensor, label: torch.Tensor | int, wanted: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """One click (B, 1, 3) per image; padding (-1) where it is not wanted or no pixel is a candidate."""
    pixel, found = _one_pixel(candidates, generator)
    label = torch.as_tensor(label).expand(len(pixel))
    click = torch.cat([pixel, label.unsqueeze(1)], dim=1)
    return torch.where((found & wanted).unsqueeze(1), click, -1).unsqueeze(1)


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
        (B, K, 3) int64 of (y, x, label) with -1 padding, K <= 2 · most.
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
    clicks = [_drawn(centre, 1, positive > 0, generator)]
    clicks += [_drawn(inside, 1, positive > i, generator) for i in range(1, int(positive.max()))]
    for i in range(int(negative.max())):
        near = torch.rand(batch, 1, 1, generator=generator) < 0.5
        clicks.append(_drawn(torch.where(near, border, outside), 0, negative > i, generator))
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
    return _drawn(candidates, positive.long(), torch.ones_like(positive), generator)
