"""haar_dwt2 and haar_idwt2 in plain torch: the specification."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

__all__ = ["haar_dwt2", "haar_idwt2"]

Bands = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def haar_dwt2(x: torch.Tensor) -> Bands:
    """One level of the orthonormal Haar transform of the last two axes.

    Args:
        x: (..., H, W), floating point. An odd size replicates its last sample.

    Returns:
        Four bands (..., ceil(H/2), ceil(W/2)), named by the filter along H, then along W (low, high): low-low
        (a + b + c + d) / 2, low-high (a - b + c - d) / 2, high-low (a + b - c - d) / 2, high-high (a - b - c + d) / 2
        of each block [[a, b], [c, d]].
    """
    height, width = x.shape[-2:]
    if height % 2 or width % 2:
        flat = F.pad(x.reshape(-1, 1, height, width), (0, width % 2, 0, height % 2), mode="replicate")
        x = flat.reshape(*x.shape[:-2], height + height % 2, width + width % 2)
    a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
    return (a + b + c + d) / 2, (a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2


def haar_idwt2(bands: Bands, size: Sequence[int]) -> torch.Tensor:
    """The inverse of `haar_dwt2`, cropped to `size` = (H, W)."""
    ll, lh, hl, hh = bands
    top = torch.stack([ll + lh + hl + hh, ll - lh + hl - hh], dim=-1)
    bottom = torch.stack([ll + lh - hl - hh, ll - lh - hl + hh], dim=-1)
    x = torch.stack([top.flatten(-2), bottom.flatten(-2)], dim=-2).flatten(-3, -2) / 2
    return x[..., : size[0], : size[1]]
