"""label in plain torch: the specification."""

from __future__ import annotations

import torch
import torch.nn.functional as F

__all__ = ["label"]


def label(mask: torch.Tensor, connectivity: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """As `activefreq.ops.label`: every pixel points at a smaller index of its component until all point at the first.

    Each round looks one pixel around, lets the pixel pointed at take the smallest index found, and shortens the chains.
    """
    if mask.numel() == 0:
        return torch.zeros_like(mask, dtype=torch.int32), mask.new_zeros(mask.shape[0], dtype=torch.int32)
    outside = mask.numel()
    index = torch.arange(outside, device=mask.device).view(mask.shape)
    parent = torch.where(mask, index, outside)
    while True:
        smallest = torch.where(mask, _smallest_neighbour(parent, connectivity, outside), outside)
        flat = torch.cat([parent.flatten(), parent.new_tensor([outside])])  # the last entry stands for background
        flat = flat.scatter_reduce(0, parent.flatten(), smallest.flatten(), "amin")
        flat[-1] = outside
        for _ in range(2):
            flat = flat[flat]
        following = torch.minimum(flat[:-1].view(mask.shape), smallest)
        if torch.equal(following, parent):
            break
        parent = following
    first = (parent == index) & mask
    number = first.flatten(1).cumsum(1)  # raster order of first pixels, within each image
    labels = torch.cat([number.flatten(), number.new_zeros(1)])[parent]
    return labels.to(torch.int32), number[:, -1].to(torch.int32)


def _smallest_neighbour(parent: torch.Tensor, connectivity: int, outside: int) -> torch.Tensor:
    """The smallest entry among each pixel and its 4 or 8 neighbours."""
    height, width = parent.shape[1:]
    wide = F.pad(parent, (1, 1, 1, 1), value=outside)
    result = parent
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if connectivity == 8 or dy == 0 or dx == 0:
                result = torch.minimum(result, wide[:, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width])
    return result
