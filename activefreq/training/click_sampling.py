"""Clicks for training: a random start, then clicks where the network errs (RITM, FocalClick)."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from activefreq import ops
from activefreq.training.chance import Chance

__all__ = ["corrective_clicks", "initial_clicks"]

_BORDER_WIDTH = 0.08  # of the image's longer side: how far outside the object "near its border" reaches


def _draw(
    candidates: torch.Tensor, label: torch.Tensor | int, wanted: torch.Tensor, share: torch.Tensor
) -> torch.Tensor:
    """Clicks on uniformly drawn pixels of each mask.

    Of n candidates in raster order, the one numbered floor(share n) is taken: integers, the same on every device.

    Args:
        candidates: (B, H, W) bool.
        label: of the clicks, one number or (B,).
        wanted: (B, N) bool: which of N clicks are wanted.
        share: (B, N) in [0, 1), the draws.

    Returns:
        (B, N, 3) int64; padding (-1) where a click is not wanted or no pixel is a candidate.
    """
    width, rank = candidates.shape[-1], candidates.flatten(1).cumsum(dim=1, dtype=torch.int32)
    count = rank[:, -1:]
    number = (share.double() * count).floor().to(torch.int32) + 1
    pixel = torch.searchsorted(rank, number)
    labels = torch.as_tensor(label, device=candidates.device).view(-1, 1).expand_as(pixel)
    clicks = torch.stack([pixel // width, pixel % width, labels], dim=-1)
    return torch.where((wanted & (count > 0)).unsqueeze(-1), clicks, -1)


def _count(share: torch.Tensor, largest: int, decay: float, smallest: int) -> torch.Tensor:
    """(B,) counts from `smallest` to `largest`, each `decay` times as likely as the one before; draws in [0, 1)."""
    odds = decay ** torch.arange(largest - smallest + 1, dtype=torch.float64, device=share.device)
    return torch.bucketize(share.double(), (odds.cumsum(0) / odds.sum())[:-1], right=True) + smallest


def initial_clicks(target: torch.Tensor, chance: Chance, most: int = 24, decay: float = 0.8) -> torch.Tensor:
    """Random clicks to start from, before the network has said anything.

    The first positive click lies deep in the object (distance over max / 1.7), the others anywhere in it. Negative
    clicks come from near the object's border (half of them) or from anywhere in the background.

    Args:
        target: (B, H, W) of 1, 0, -1.
        chance: of these images, on their device.
        most: most clicks of either label.
        decay: each further click is this much less likely.

    Returns:
        (B, 2 most, 3) int64 of (y, x, label) with -1 padding.
    """
    height, width = target.shape[-2:]
    inside, outside = target == 1, target == 0
    depth = ops.squared_distance(inside)
    centre = inside & (depth.double() > depth.flatten(1).amax(1).view(-1, 1, 1) / 1.7**2)
    reach = max(1, round(_BORDER_WIDTH * max(height, width)))
    # Padded by more than the reach, so that the image's own edge does not count as the object's.
    background = F.pad(~inside, (reach + 1,) * 4, value=True)
    away = ops.squared_distance(background)[:, reach + 1 : -reach - 1, reach + 1 : -reach - 1]
    border = outside & (away <= reach**2)
    positive = _count(chance.uniform(0, 1), most, decay, 1).view(-1, 1)
    negative = _count(chance.uniform(0, 1), most, decay, 0).view(-1, 1)
    order = torch.arange(most, device=target.device)
    first, others = chance.uniform(0, 1, 1), chance.uniform(0, 1, most - 1)
    share, near = chance.uniform(0, 1, most), chance.uniform(0, 1, most) < 0.5
    clicks = [
        _draw(centre, 1, positive > 0, first),
        _draw(inside, 1, positive > order[1:], others),
        torch.where(
            near.unsqueeze(-1),
            _draw(border, 0, negative > order, share),
            _draw(outside, 0, negative > order, share),
        ),
    ]
    return torch.cat(clicks, dim=1)


def corrective_clicks(
    probability: torch.Tensor, target: torch.Tensor, chance: Chance, acselect: float = 0.0
) -> torch.Tensor:
    """One click per image on the larger error: a random pixel of {distance > max / 2}, or AcSelect's click.

    Args:
        probability: (B, H, W).
        target: (B, H, W) of 1, 0, -1.
        chance: of these images, on their device.
        acselect: probability with which an image gets the click of `ops.select_click(strategy="acselect")` instead.

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
    share = chance.uniform(0, 1, 1)
    clicks = _draw(candidates, positive.long(), torch.ones_like(share, dtype=torch.bool), share)
    if not acselect:
        return clicks
    chosen = ops.select_click(probability, target, strategy="acselect")
    placed = torch.stack([chosen.y, chosen.x, chosen.positive.int()], dim=-1).long()
    placed = torch.where(chosen.valid.unsqueeze(-1), placed, -1)
    return torch.where(chance.uniform(0, 1, 1, 1) < acselect, placed.unsqueeze(1), clicks)
