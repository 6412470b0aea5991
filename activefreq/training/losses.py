"""Losses for click-based segmentation. Targets are 1 object, 0 background, -1 ignore."""

from __future__ import annotations

import torch
import torch.nn.functional as F

__all__ = ["click_loss", "correct_region_weight", "dice_loss", "normalised_focal_loss"]


def normalised_focal_loss(
    logits: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    alpha: float = 0.5,
    gamma: float = 2.0,
) -> torch.Tensor:
    """Focal loss whose focal factors are scaled to mean one: L = -α Σ k β_i w_i log p_i / Σ w_i, k = Σ 1 / Σ β_i.

    β_i = (1 - p_i)^γ with p_i the probability of the true class. The scale k follows the image, so that the loss does
    not fade as the network becomes confident. It counts as a constant for the gradient.

    Args:
        logits: (B, H, W).
        target: (B, H, W) of 1, 0, -1; ignored pixels take no part.
        weight: (B, H, W) non-negative, for example `correct_region_weight`; None is one everywhere.
        alpha: weight of either class.
        gamma: how strongly easy pixels are discounted.

    Returns:
        (B,) one loss per image.

    Source: Sofiiuk et al. 2019 (AdaptIS), used by RITM and FocalClick with these constants.
    """
    valid = (target >= 0).to(logits.dtype)
    sign = torch.where(target == 1, 1.0, -1.0).to(logits.dtype)
    log_probability = F.logsigmoid(sign * logits)
    with torch.no_grad():
        focal = (1 - log_probability.exp()).pow(gamma) * valid
        scale = valid.sum((1, 2)) / focal.sum((1, 2)).clamp(min=1e-6)
        focal = focal * scale.view(-1, 1, 1)
        shares = valid if weight is None else valid * weight
    return -alpha * (focal * shares * log_probability).sum((1, 2)) / shares.sum((1, 2)).clamp(min=1e-6)


def dice_loss(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    """1 - (2 Σ p g + 1) / (Σ p + Σ g + 1) over the pixels that are not ignored, (B,)."""
    shares = (target >= 0).to(logits.dtype)
    if weight is not None:
        shares = shares * weight
    probability, truth = logits.sigmoid() * shares, (target == 1).to(logits.dtype) * shares
    overlap = (probability * truth).sum((1, 2))
    return 1 - (2 * overlap + 1) / (probability.sum((1, 2)) + truth.sum((1, 2)) + 1)


def correct_region_weight(previous: torch.Tensor, target: torch.Tensor, weight: float) -> torch.Tensor:
    """A map that is `weight` where the previous mask was already right and 1 where it was wrong (paper, 3.3).

    Images without a previous mask (all zero: before the first prediction) get 1 everywhere.

    Args:
        previous: (B, H, W) probabilities.
        target: (B, H, W) of 1, 0, -1.
        weight: in [0, 1]; 0 leaves correct regions out of the loss.
    """
    right = (previous > 0.5) == (target == 1)
    started = previous.flatten(1).any(dim=1).view(-1, 1, 1)
    return torch.where(right & started, weight, 1.0)


def click_loss(
    logits: torch.Tensor,
    target: torch.Tensor,
    previous: torch.Tensor,
    dice_weight: float = 1.0,
    correct_weight: float = 1.0,
) -> torch.Tensor:
    """Normalised focal loss plus `dice_weight` times the Dice loss, meaned over images: a scalar.

    The paper names no loss; FocalClick, whose training it follows, has the focal one. Dice is our addition.
    """
    weight = None if correct_weight == 1.0 else correct_region_weight(previous, target, correct_weight)
    loss = normalised_focal_loss(logits, target, weight)
    if dice_weight:
        loss = loss + dice_weight * dice_loss(logits, target, weight)
    return loss.mean()
