"""The loss of polyp segmentation: cross-entropy and IoU, weighted towards boundaries and small objects."""

from __future__ import annotations

import torch
import torch.nn.functional as F

__all__ = ["boundary_weight", "weighted_bce_iou"]

_WINDOW = 31
_FACTOR = 5.0


def boundary_weight(target: torch.Tensor) -> torch.Tensor:
    """1 + 5 |mean of the 31 × 31 window - target|: up to 6 where a pixel differs from its surroundings.

    (N, 1, H, W) of 0 and 1 → the same shape. Outside the image the window counts zeros, as published.
    """
    mean = F.avg_pool2d(target, _WINDOW, stride=1, padding=_WINDOW // 2)
    return 1 + _FACTOR * (mean - target).abs()


def weighted_bce_iou(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Weighted cross-entropy plus weighted soft IoU, meaned over images: a scalar.

    With w = `boundary_weight`, p = σ(logits) and sums over an image's pixels:
    Σ w BCE / Σ w  +  1 - (Σ w p g + 1) / (Σ w (p + g - p g) + 1).

    Args:
        logits: (N, 1, H, W).
        target: (N, 1, H, W) float of 0 and 1.

    Source: F3Net (Wei et al. 2020), PraNet (Fan et al. 2020).
    """
    weight = boundary_weight(target)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    entropy = (weight * entropy).sum((2, 3)) / weight.sum((2, 3))
    probability = logits.sigmoid()
    overlap = (weight * probability * target).sum((2, 3))
    union = (weight * (probability + target)).sum((2, 3)) - overlap
    return (entropy + 1 - (overlap + 1) / (union + 1)).mean()
