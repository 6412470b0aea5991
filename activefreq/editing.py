"""What an answer may change of the mask before it: rules between two probability maps and the newest click."""

from __future__ import annotations

import torch

from activefreq.clicks import NEGATIVE, POSITIVE
from activefreq.crops import component_at, last_clicks

__all__ = ["monotone", "progressive_merge"]


def monotone(previous: torch.Tensor, probability: torch.Tensor, clicks: torch.Tensor) -> torch.Tensor:
    """A positive click never removes area, a negative click never adds any, at whatever threshold.

    max(previous, probability) where the newest click is positive, min(previous, probability) where it is negative.

    Args:
        previous: (B, H, W) probabilities before the click.
        probability: (B, H, W) the network's answer.
        clicks: (B, K, 3) of (y, x, label), label -1 padding; images without a click keep the answer.

    Returns:
        (B, H, W) probabilities.
    """
    label = last_clicks(clicks)[0][:, 2].view(-1, 1, 1)
    grown, shrunk = torch.maximum(previous, probability), torch.minimum(previous, probability)
    bounded = torch.where(label == POSITIVE, grown, probability)
    return torch.where(label == NEGATIVE, shrunk, bounded)


def progressive_merge(
    previous: torch.Tensor,
    probability: torch.Tensor,
    clicks: torch.Tensor,
    threshold: float = 0.5,
    radius: float = 0.0,
) -> torch.Tensor:
    """Edit a given mask one region at a time: of what the answer changes, only the region at the click counts.

    A positive click adds the 8-connected component, of the pixels that the answer adds, that holds it; a negative click
    removes the component, of those that it removes, that holds it. Everything else keeps its previous probability, so
    that what was right in the given mask stays right. Where the answer did not flip the clicked pixel to what the click
    says there is no such component: then the mask stays as it was, or takes a disk around the click (`radius`). An
    image without a previous mask, or without a click, takes the answer whole.

    Args:
        previous: (B, H, W) probabilities of the mask to edit.
        probability: (B, H, W) the network's answer.
        clicks: (B, K, 3) of (y, x, label) in pixels, label -1 padding; the newest one counts.
        threshold: of both masks.
        radius: where the clicked pixel was not flipped though it should have been, pixels up to so far from the click
            become 1 (positive) or 0 (negative). 0 changes nothing there: such a click has no effect.

    Returns:
        (B, H, W) probabilities.

    Source: FocalClick (Chen et al. 2022), section 3.3, where such a click takes the component of the unchanged
    background and loses the mask.
    """
    newest, count = last_clicks(clicks)
    positive = (newest[:, 2] == POSITIVE).view(-1, 1, 1)
    before, after = previous > threshold, probability > threshold
    taken = component_at((before ^ after) & (after == positive), newest)
    merged = torch.where(taken, probability, previous)
    if radius > 0:
        rows, columns = (torch.arange(n, dtype=torch.float32, device=before.device) for n in before.shape[1:])
        y, x = (newest[:, i].to(torch.float32).view(-1, 1, 1) for i in (0, 1))
        disk = (rows[:, None] - y).square() + (columns - x).square() <= radius * radius
        images = torch.arange(len(before), device=before.device)
        wrong = (before ^ positive)[images, newest[:, 0].long(), newest[:, 1].long()]
        refused = wrong & ~taken.flatten(1).any(dim=1)
        merged = torch.where(refused.view(-1, 1, 1) & disk, positive.to(merged.dtype), merged)
    started = before.flatten(1).any(dim=1) & (count > 0)
    return torch.where(started.view(-1, 1, 1), merged, probability)
