"""Clicks drawn as disks, the two input channels of a click-based network."""

from __future__ import annotations

import math

import torch

from activefreq.ops._direct import runs_past_dispatcher
from activefreq.ops._library import LIBRARY, check_shape, require
from activefreq.ops._native import cpu, cuda, launch_arguments, pointer

__all__ = ["click_maps"]

LIBRARY.define("click_maps(Tensor clicks, int height, int width, float radius) -> Tensor")


def click_maps(clicks: torch.Tensor, size: tuple[int, int], radius: float = 5.0) -> torch.Tensor:
    """Draw clicks as disks: `map[b, c, y, x] = 1` where some click of class c has (y - y_k)² + (x - x_k)² <= radius².

    Args:
        clicks: (B, K, 3) of (y, x, label), any real dtype, centres in pixels and possibly fractional. Label 1 is
            positive, 0 negative; every other label (-1 by custom) is padding and draws nothing.
        size: (H, W) of the maps.
        radius: in pixels, finite and not negative.

    Returns:
        (B, 2, H, W) float32 of 0 and 1 on the device of `clicks`; channel 0 positive, channel 1 negative clicks.
        Not differentiable. No host synchronisation on CUDA.

    Raises:
        TypeError: `clicks` is not a tensor.
        ValueError: wrong shape, a negative size, or a radius that is negative or not finite.

    Source: the disk encoding of click-based networks since RITM (Sofiiuk et al. 2021), radius 5.
    """
    height, width = size
    if not (
        isinstance(clicks, torch.Tensor)
        and (clicks.dim() == 3 and clicks.shape[2] == 3 and height >= 0 and width >= 0 and 0 <= radius < math.inf)
    ):
        _refuse(clicks, height, width, radius)
    if runs_past_dispatcher(clicks) and not clicks.is_complex():
        return _click_maps_cpu(clicks, height, width, radius)
    require(not clicks.is_complex(), f"click_maps: clicks must be real, got {clicks.dtype}")
    maps: torch.Tensor = torch.ops.activefreq.click_maps(clicks, int(height), int(width), float(radius))
    return maps


def _refuse(clicks: torch.Tensor, height: int, width: int, radius: float) -> None:
    """Say what is wrong. Apart, because on a small tensor the messages would take longer than the drawing."""
    check_shape("click_maps", "clicks", clicks, ("B", "K", "3"))
    require(clicks.shape[2] == 3, f"click_maps: clicks must have shape (B, K, 3), got {tuple(clicks.shape)}")
    require(height >= 0 and width >= 0, f"click_maps: size must not be negative, got {(height, width)}")
    raise ValueError(f"click_maps: radius must be finite and >= 0, got {radius}")


@torch.library.impl(LIBRARY, "click_maps", "CPU")
def _click_maps_cpu(clicks: torch.Tensor, height: int, width: int, radius: float) -> torch.Tensor:
    points = clicks.to(torch.float32).contiguous()
    batch, count, _ = points.shape
    maps = points.new_empty((batch, 2, height, width))
    if maps.numel():
        cpu.click_maps(pointer(points), pointer(maps), batch, count, height, width, radius, torch.get_num_threads())
    return maps


@torch.library.impl(LIBRARY, "click_maps", "CUDA")
def _click_maps_cuda(clicks: torch.Tensor, height: int, width: int, radius: float) -> torch.Tensor:
    points = clicks.to(torch.float32).contiguous()
    maps = torch.empty((clicks.shape[0], 2, height, width), dtype=torch.float32, device=clicks.device)
    if maps.numel():
        cuda().click_maps(
            pointer(points), pointer(maps), *points.shape[:2], height, width, radius, *launch_arguments(points)
        )
    return maps


@torch.library.register_fake("activefreq::click_maps", lib=LIBRARY)
def _click_maps_fake(clicks: torch.Tensor, height: int, width: int, radius: float) -> torch.Tensor:
    return clicks.new_empty((clicks.shape[0], 2, height, width), dtype=torch.float32)
