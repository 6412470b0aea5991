"""The band along an object's outline where refinement works, and the losses of the refine layer."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from activefreq.training.losses import normalised_focal_loss

__all__ = ["refinement_loss", "trimap_loss", "trimap_target"]

_COARSENESS = 8


def trimap_target(target: torch.Tensor) -> torch.Tensor:
    """Where detail is lost: a mask differs from itself brought to an eighth of its size and back; 2 pixels around.

    Reducing and enlarging are bilinear, above 0.5 is object. The difference is dilated twice by 3 × 3, which is once
    by 5 × 5.

    Args:
        target: (B, H, W) of 1, 0, -1; ignored pixels count as background here and take no part in the losses.

    Returns:
        (B, H, W) bool.

    Source: FocalClick (Chen et al. 2022).
    """
    height, width = target.shape[-2:]
    mask = (target == 1).unsqueeze(1)
    small = (max(1, height // _COARSENESS), max(1, width // _COARSENESS))
    reduced = F.interpolate(mask.float(), size=small, mode="bilinear", align_corners=False)
    coarse = F.interpolate(reduced, size=(height, width), mode="bilinear", align_corners=False) > 0.5
    return F.max_pool2d((mask ^ coarse).float(), 5, stride=1, padding=2).squeeze(1) > 0.5


def trimap_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy of the trimap head against `trimap_target(target)`, meaned over valid pixels: (B,).

    Args:
        logits: (B, H, W) of the trimap.
        target: (B, H, W) of 1, 0, -1, the mask.
    """
    valid = (target >= 0).to(logits.dtype)
    band = trimap_target(target).to(logits.dtype)
    entropy = F.binary_cross_entropy_with_logits(logits, band, reduction="none")
    return (entropy * valid).sum((1, 2)) / valid.sum((1, 2)).clamp(min=1)


def refinement_loss(
    refined: torch.Tensor,
    trimap: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    band_share: float = 0.5,
) -> torch.Tensor:
    """L = (1 - s) NFL(refined) + s NFL_band(refined) + BCE(trimap), meaned over images: a scalar.

    NFL is the normalised focal loss over all valid pixels; NFL_band weighs them by `trimap_target`, so that the
    outline has a say of its own however small it is.

    Args:
        refined: (B, H, W) logits that the refine layer made of the coarse ones.
        trimap: (B, H, W) logits of its trimap head.
        target: (B, H, W) of 1, 0, -1.
        weight: (B, H, W) non-negative, for example `correct_region_weight`; None is one everywhere.
        band_share: s.

    Source: FocalClick's losses, with their weights as the defaults.
    """
    band = trimap_target(target).to(refined.dtype)
    everywhere = normalised_focal_loss(refined, target, weight)
    outline = normalised_focal_loss(refined, target, band if weight is None else band * weight)
    return ((1 - band_share) * everywhere + band_share * outline + trimap_loss(trimap, target)).mean()
