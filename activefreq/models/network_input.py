"""The six channels a click network sees: normalised RGB, previous probability, two click maps."""

from __future__ import annotations

import functools

import torch

from activefreq import ops

__all__ = ["CLICK_RADIUS", "IMAGE_DEVIATION", "IMAGE_MEAN", "network_input", "normalise"]

CLICK_RADIUS = 5.0
"""Radius of a click's disk, in pixels of the network's input."""

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_DEVIATION = (0.229, 0.224, 0.225)


def normalise(images: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) in [0, 1] → zero mean and unit deviation by ImageNet's figures."""
    figures = _figures if torch.compiler.is_compiling() else _kept_figures
    mean, deviation = figures(images.dtype, images.device)
    return (images - mean) / deviation


def _figures(dtype: torch.dtype, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation, (1, 3, 1, 1) each."""
    with torch.inference_mode(False):  # training may meet what an evaluation left here
        mean, deviation = (torch.tensor(values, dtype=dtype, device=device) for values in (IMAGE_MEAN, IMAGE_DEVIATION))
        return mean.view(1, 3, 1, 1), deviation.view(1, 3, 1, 1)


# Kept, because a copy from the host would make it wait, which a CUDA graph forbids.
_kept_figures = functools.lru_cache(maxsize=8)(_figures)


def network_input(images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
    """Put the six channels together.

    Args:
        images: (B, 3, H, W) float in [0, 1].
        clicks: (B, K, 3) of (y, x, label) in pixels of these images, possibly fractional.
        previous: (B, H, W) probabilities, zero before the first click.

    Returns:
        (B, 6, H, W) float32.
    """
    maps = ops.click_maps(clicks, (images.shape[-2], images.shape[-1]), CLICK_RADIUS)
    return torch.cat([normalise(images), previous.unsqueeze(1).to(images.dtype), maps.to(images.dtype)], dim=1)
