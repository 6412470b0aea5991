"""The paper's augmentation (section 4.1): scale, flip, rotation, brightness, crop; one call for a whole batch."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

__all__ = ["augment"]


def augment(
    images: torch.Tensor,
    masks: torch.Tensor,
    generator: torch.Generator,
    scale: tuple[float, float] = (0.75, 1.25),
    rotation: float = math.pi,
    brightness: float = 0.2,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random similarity transform, mirror and brightness for each image of a batch.

    Scaling, rotating and shifting happen in one resampling, whose window is the crop: an image scaled up is cropped
    at a random place, one scaled down is continued by reflection.

    Args:
        images: (B, 3, H, W) float in [0, 1].
        masks: (B, H, W) int8 of 1, 0, -1.
        generator: where chance comes from.
        scale: range of the magnification.
        rotation: largest angle either way, radians. Dermoscopy has no upright, so the default is any angle.
        brightness: brightness and contrast change by at most this fraction.

    Returns:
        Images in [0, 1] and masks of the same shapes.
    """
    batch = images.shape[0]

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.rand(batch, generator=generator) * (high - low) + low

    factor, angle = uniform(*scale), uniform(-rotation, rotation)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    # The window has side 1 / factor of the image; it may move while it stays inside, or by 10 % where it is larger.
    room = (1 - 1 / factor).clamp(min=0.1)
    shift_x, shift_y = uniform(-1, 1) * room, uniform(-1, 1) * room
    cosine, sine = angle.cos() / factor, angle.sin() / factor
    matrix = torch.stack(
        [
            torch.stack([cosine * mirror, -sine, shift_x], dim=1),
            torch.stack([sine * mirror, cosine, shift_y], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(matrix, [batch, 1, *images.shape[-2:]], align_corners=False)

    def resample(planes: torch.Tensor, mode: str) -> torch.Tensor:
        return F.grid_sample(planes, grid, mode=mode, padding_mode="reflection", align_corners=False)

    object_share = resample((masks == 1).unsqueeze(1).to(images.dtype), "bilinear").squeeze(1)
    ignored = resample((masks == -1).unsqueeze(1).to(images.dtype), "nearest").squeeze(1)
    moved_masks = torch.where(ignored > 0.5, -1, (object_share > 0.5).to(torch.int8)).to(torch.int8)

    moved = resample(images, "bilinear")
    gain = uniform(1 - brightness, 1 + brightness).view(-1, 1, 1, 1)
    offset = uniform(-brightness, brightness).view(-1, 1, 1, 1) / 2
    mean = moved.mean((1, 2, 3), keepdim=True)
    return ((moved - mean) * gain + mean + offset).clamp(0, 1), moved_masks
