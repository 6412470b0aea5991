"""haar_dwt2 and haar_idwt2 in plain torch: the specification."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

__all__ = ["Bands", "haar_dwt2", "haar_idwt2"]

Bands = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def haar_dwt2(x: torch.Tensor, repeat: bool = True) -> Bands:
    """As `activefreq.ops.haar_dwt2`: one level of the orthonormal Haar transform of the last two axes.

    Args:
        x: (..., H, W), floating point.
        repeat: an odd size replicates its last sample; False: it is followed by zero, the gradient of `haar_idwt2`.

    Returns:
        Four bands (..., ceil(H/2), ceil(W/2)), named by the filter along H, then along W (low, high): low-low
        (a + b + c + d) / 2, low-high (a - b + c - d) / 2, high-low (a + b - c - d) / 2, high-high (a - b - c + d) / 2
        of each block [[a, b], [c, d]].
    """
    height, width = x.shape[-2:]
    real = x.to(torch.promote_types(x.dtype, torch.float32))
    if repeat:
        real = real[..., _repeated(height, x.device), :][..., _repeated(width, x.device)]
    else:
        real = F.pad(real, (0, width % 2, 0, height % 2))
    a, b, c, d = real[..., ::2, ::2], real[..., ::2, 1::2], real[..., 1::2, ::2], real[..., 1::2, 1::2]
    ll, lh, hl, hh = (a + b + c + d) / 2, (a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2
    return ll.to(x.dtype), lh.to(x.dtype), hl.to(x.dtype), hh.to(x.dtype)


def _repeated(size: int, device: torch.device) -> torch.Tensor:
    """0, 1, ..., and the last index twice where the size is odd."""
    return torch.arange(size + size % 2, device=device).clamp(max=size - 1)


def haar_idwt2(bands: Bands, size: Sequence[int], repeat: bool = False) -> torch.Tensor:
    """As `activefreq.ops.haar_idwt2`: the inverse of `haar_dwt2`, cropped to `size` = (H, W).

    With `repeat` what would be cropped is added to the last sample instead: the gradient of `haar_dwt2`.
    """
    dtype = bands[0].dtype
    ll, lh, hl, hh = (band.to(torch.promote_types(dtype, torch.float32)) for band in bands)
    top = torch.stack([ll + lh + hl + hh, ll - lh + hl - hh], dim=-1)
    bottom = torch.stack([ll + lh - hl - hh, ll - lh - hl + hh], dim=-1)
    x = torch.stack([top.flatten(-2), bottom.flatten(-2)], dim=-2).flatten(-3, -2) / 2
    height, width = size
    if repeat and height % 2:
        x = torch.cat([x[..., : height - 1, :], x[..., height - 1 :, :].sum(-2, keepdim=True)], dim=-2)
    if repeat and width % 2:
        x = torch.cat([x[..., : width - 1], x[..., width - 1 :].sum(-1, keepdim=True)], dim=-1)
    return x[..., :height, :width].to(dtype)
