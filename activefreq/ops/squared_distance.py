"""The exact squared Euclidean distance transform of a batch of masks."""

from __future__ import annotations

import torch

from activefreq.ops._direct import runs_past_dispatcher
from activefreq.ops._library import LIBRARY, check_shape
from activefreq.ops._native import cpu, cuda, launch_arguments, pointer
from activefreq.ops.label import check_mask

__all__ = ["squared_distance"]

LIBRARY.define("squared_distance(Tensor mask) -> Tensor")


def squared_distance(mask: torch.Tensor) -> torch.Tensor:
    """Squared distance of each pixel to the nearest background pixel; pixels outside the image are background.

    Args:
        mask: (B, H, W) bool, H and W up to 32767.

    Returns:
        (B, H, W) int32 on the device of `mask`, exact, 0 on the background, at most 16384². CUDA takes 2 bytes per
        pixel of workspace and never synchronises with the host.

    Raises:
        TypeError: `mask` is not a tensor.
        ValueError: wrong shape or dtype, or an image that is too large.
    """
    check_shape("squared_distance", "mask", mask, ("B", "H", "W"))
    check_mask("squared_distance", mask)
    if runs_past_dispatcher(mask):
        return _squared_distance_cpu(mask)
    squared: torch.Tensor = torch.ops.activefreq.squared_distance(mask)
    return squared


@torch.library.impl(LIBRARY, "squared_distance", "CPU")
def _squared_distance_cpu(mask: torch.Tensor) -> torch.Tensor:
    pixels = mask.contiguous()
    squared = torch.empty_like(pixels, dtype=torch.int32)
    if mask.numel():
        cpu.squared_distance(pointer(pixels), pointer(squared), *mask.shape, torch.get_num_threads())
    return squared


@torch.library.impl(LIBRARY, "squared_distance", "CUDA")
def _squared_distance_cuda(mask: torch.Tensor) -> torch.Tensor:
    pixels = mask.contiguous()
    squared = torch.empty(mask.shape, dtype=torch.int32, device=mask.device)
    if mask.numel():
        batch, height, width = mask.shape
        size = batch * cuda().squared_distance_workspace(height, width)
        workspace = torch.empty(size, dtype=torch.uint8, device=mask.device)
        cuda().squared_distance(
            pointer(pixels), pointer(squared), pointer(workspace), *mask.shape, *launch_arguments(pixels)
        )
    return squared


@torch.library.register_fake("activefreq::squared_distance", lib=LIBRARY)
def _squared_distance_fake(mask: torch.Tensor) -> torch.Tensor:
    return mask.new_empty(mask.shape, dtype=torch.int32)
