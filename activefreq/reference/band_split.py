"""band_split and band_merge in plain torch: the specification."""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["band_axis", "band_merge", "band_split", "merge_block", "split_block"]

AXES = (-3, -2)
"""The transformed axes. The block has full depth on the third, so there and back changes nothing there."""


def band_axis(size: int, theta: float, shift: bool) -> tuple[int, int, int]:
    """The block on an axis of `size` bins: m, and the frequencies of its first bin on the large and the centre's grid.

    m = int(size θ) bins from int(size/2 - m/2) on. Without `shift` bin k has frequency k, and the block starts the
    centre's grid. With it bin k has frequency k - size // 2, and keeps it on the centre's grid, modulo m.
    """
    count = int(size * theta)
    first = int(size / 2 - count / 2)
    if not shift or not count:
        return count, first, 0
    return count, (first - size // 2) % size, (first - size // 2) % count


def band_split(x: torch.Tensor, theta: float = 0.1, shift: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """As `activefreq.ops.band_split`: (..., H, W, D) → centre (..., m_h, m_w, D) and border (..., H, W, D)."""
    height, width = (band_axis(x.shape[axis], theta, shift) for axis in AXES)
    return split_block(x, height, width)


def band_merge(centre: torch.Tensor, border: torch.Tensor, theta: float = 0.1, shift: bool = False) -> torch.Tensor:
    """As `activefreq.ops.band_merge`: (..., m_h, m_w, D) and (..., H, W, D) → (..., H, W, D)."""
    height, width = (band_axis(border.shape[axis], theta, shift) for axis in AXES)
    return merge_block(centre, border, height, width)


def split_block(
    x: torch.Tensor, height: Sequence[int], width: Sequence[int], scale: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """`band_split` of a block that `band_axis` gives, the centre times `scale`."""
    spectrum = torch.fft.fftn(x.to(torch.promote_types(x.dtype, torch.float32)), dim=AXES)
    rows, columns = _bins(height, x.shape[-3], 1, x), _bins(width, x.shape[-2], 1, x)
    small_rows, small_columns = _bins(height, height[0], 2, x), _bins(width, width[0], 2, x)
    block = spectrum.new_empty((*x.shape[:-3], height[0], width[0], x.shape[-1]))
    block[..., small_rows[:, None], small_columns, :] = spectrum[..., rows[:, None], columns, :]
    outside = spectrum.clone()
    outside[..., rows[:, None], columns, :] = 0
    centre = scale * torch.fft.ifftn(block, dim=AXES).real
    return centre.to(x.dtype), torch.fft.ifftn(outside, dim=AXES).real.to(x.dtype)


def merge_block(
    centre: torch.Tensor, border: torch.Tensor, height: Sequence[int], width: Sequence[int], scale: float = 1.0
) -> torch.Tensor:
    """`band_merge` of a block that `band_axis` gives, the centre times `scale`."""
    small, large = (t.to(torch.promote_types(t.dtype, torch.float32)) for t in (centre, border))
    rows, columns = _bins(height, border.shape[-3], 1, border), _bins(width, border.shape[-2], 1, border)
    small_rows, small_columns = _bins(height, height[0], 2, border), _bins(width, width[0], 2, border)
    block = scale * torch.fft.fftn(small, dim=AXES)
    spectrum = torch.fft.fftn(large, dim=AXES).clone()
    spectrum[..., rows[:, None], columns, :] = block[..., small_rows[:, None], small_columns, :]
    return torch.fft.ifftn(spectrum, dim=AXES).real.to(border.dtype)


def _bins(axis: Sequence[int], size: int, grid: int, like: torch.Tensor) -> torch.Tensor:
    """Where the block's bins are on an unshifted axis of `size`; `grid` is 1 for the large one, 2 for the centre's."""
    return (axis[grid] + torch.arange(axis[0], device=like.device)) % size
