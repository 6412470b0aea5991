"""Objects for TensorBoard: the image with outlines and clicks, beside the mask before the last click."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from activefreq import ops
from activefreq.models.network_input import CLICK_RADIUS, network_input
from activefreq.training.chance import Chance
from activefreq.training.click_sampling import corrective_clicks, initial_clicks

__all__ = ["click_pictures", "draw_clicks"]

_TRUE = (1.0, 1.0, 1.0)
_PREDICTED = (1.0, 0.82, 0.12)
_POSITIVE = (0.09, 0.64, 0.29)
_NEGATIVE = (0.86, 0.18, 0.24)


def draw_clicks(
    images: torch.Tensor,
    masks: torch.Tensor,
    clicks: torch.Tensor,
    previous: torch.Tensor,
    probability: torch.Tensor,
) -> torch.Tensor:
    """Two panels per object: image, true outline (white), predicted one (yellow), clicks (green, red); `previous`.

    Args:
        images: (B, 3, H, W) in [0, 1].
        masks: (B, H, W) of 1, 0, -1.
        clicks: (B, K, 3) of (y, x, label) with -1 padding.
        previous: (B, H, W) probabilities that went into the network.
        probability: (B, H, W) that came out.

    Returns:
        (B, 3, H, 2 W) in [0, 1].
    """
    picture = images.clone()

    def paint(where: torch.Tensor, colour: tuple[float, float, float]) -> None:
        ink = torch.tensor(colour, dtype=picture.dtype, device=picture.device).view(1, 3, 1, 1)
        picture.copy_(torch.where(where.unsqueeze(1), ink, picture))

    paint(_outline(masks == 1), _TRUE)
    paint(_outline(probability > 0.5), _PREDICTED)
    disks = ops.click_maps(clicks, (images.shape[-2], images.shape[-1]), CLICK_RADIUS) > 0
    paint(disks[:, 0], _POSITIVE)
    paint(disks[:, 1], _NEGATIVE)
    return torch.cat([picture, previous.unsqueeze(1).expand_as(picture)], dim=-1)


@torch.no_grad()
def click_pictures(network: nn.Module, images: torch.Tensor, masks: torch.Tensor, corrections: int = 2) -> torch.Tensor:
    """Let a network in eval mode answer the same simulated clicks each time, and draw its last answer.

    Args:
        network: on the device of `images`.
        images: (B, 3, H, W) uint8.
        masks: (B, H, W) int8.
        corrections: clicks after the first.

    Returns:
        (B, 3, H, 2 W) in [0, 1], see `draw_clicks`.
    """
    chance = Chance(torch.Generator().manual_seed(0), len(images), device=images.device)
    pixels = images.float() / 255
    clicks = initial_clicks(masks, chance, most=1)[:, :1]
    probability = torch.zeros(masks.shape, device=images.device)
    for correction in range(corrections + 1):
        if correction:
            clicks = torch.cat([clicks, corrective_clicks(probability, masks, chance)], dim=1)
        previous = probability
        probability = network(network_input(pixels, clicks, previous)).squeeze(1).float().sigmoid()
    return draw_clicks(pixels, masks, clicks, previous, probability)


def _outline(mask: torch.Tensor) -> torch.Tensor:
    """Pixels of (B, H, W) masks with a neighbour outside them, or outside the image."""
    outside = F.pad((~mask).unsqueeze(1).float(), (1, 1, 1, 1), value=1.0)
    return mask & (F.max_pool2d(outside, 3, stride=1).squeeze(1) > 0)
