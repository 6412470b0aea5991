"""Connected components of a batch of masks."""

from __future__ import annotations

import torch

from activefreq.ops._direct import runs_past_dispatcher
from activefreq.ops._library import LIBRARY, check_shape
from activefreq.ops._native import cpu, cuda, launch_arguments, pointer

__all__ = ["label"]

LIBRARY.define("label(Tensor mask, int connectivity) -> (Tensor, Tensor)")


def label(mask: torch.Tensor, connectivity: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Number the connected components of each mask.

    Args:
        mask: (B, H, W) bool, H and W up to 32767.
        connectivity: 4 (pixels join by their edges) or 8 (by corners too).

    Returns:
        Labels (B, H, W) int32: 0 is background, components count from 1 within their image, in raster order of their
        first pixels. Counts (B,) int32: how many components each image has. Both on the device of `mask`. CUDA takes
        4 bytes of workspace for each 32 pixels of a row, and for each row, and never synchronises with the host.

    Raises:
        TypeError: `mask` is not a tensor.
        ValueError: wrong shape, dtype or connectivity, or an image that is too large.
    """
    check_shape("label", "mask", mask, ("B", "H", "W"))
    check_mask("label", mask)
    if connectivity not in (4, 8):
        raise ValueError(f"label: connectivity must be 4 or 8, got {connectivity}")
    if runs_past_dispatcher(mask):
        return _label_cpu(mask, connectivity)
    labels, counts = torch.ops.activefreq.label(mask, connectivity)
    return labels, counts


def check_mask(operator: str, mask: torch.Tensor) -> None:
    """Raise unless `mask` is bool and its images small enough for 32-bit positions and distances."""
    if mask.dtype != torch.bool:
        raise ValueError(f"{operator}: mask must be bool, got {mask.dtype}")
    check_image_size(operator, "mask", mask)


def check_image_size(operator: str, name: str, images: torch.Tensor) -> None:
    """Raise unless H, W <= 32767."""
    _, height, width = images.shape
    if height > 32767 or width > 32767:  # so H W < 2³¹ as well
        raise ValueError(f"{operator}: {name} images may have at most 32767 rows and columns, got {height} × {width}")


@torch.library.impl(LIBRARY, "label", "CPU")
def _label_cpu(mask: torch.Tensor, connectivity: int) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = mask.contiguous()
    labels = torch.empty_like(pixels, dtype=torch.int32)
    if not mask.numel():
        return labels, mask.new_zeros(mask.shape[0], dtype=torch.int32)
    counts = mask.new_empty(mask.shape[0], dtype=torch.int32)
    cpu.label(pointer(pixels), pointer(labels), pointer(counts), *mask.shape, connectivity, torch.get_num_threads())
    return labels, counts


@torch.library.impl(LIBRARY, "label", "CUDA")
def _label_cuda(mask: torch.Tensor, connectivity: int) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = mask.contiguous()
    labels = torch.empty(mask.shape, dtype=torch.int32, device=mask.device)
    if not mask.numel():
        return labels, torch.zeros(mask.shape[0], dtype=torch.int32, device=mask.device)
    counts = torch.empty(mask.shape[0], dtype=torch.int32, device=mask.device)
    batch, height, width = mask.shape
    size = (batch, cuda().label_workspace(height, width))
    workspace = torch.empty(size, dtype=torch.int32, device=mask.device)
    cuda().label(
        *map(pointer, (pixels, labels, counts, workspace)), *mask.shape, connectivity, *launch_arguments(pixels)
    )
    return labels, counts


@torch.library.register_fake("activefreq::label", lib=LIBRARY)
def _label_fake(mask: torch.Tensor, connectivity: int) -> tuple[torch.Tensor, torch.Tensor]:
    return mask.new_empty(mask.shape, dtype=torch.int32), mask.new_empty(mask.shape[0], dtype=torch.int32)
