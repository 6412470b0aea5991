"""Bilinear enlargement whose gradient survives compilation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

__all__ = ["enlarge"]


def enlarge(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """(B, C, h, w) → (B, C, *size), bilinear, corners not aligned.

    Compiled, it is a product with the two interpolation matrices: torch's inductor backend returns zero gradients
    through `interpolate` where a convolution comes before it.
    """
    if not torch.compiler.is_compiling():
        return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)
    rows, columns = (
        F.interpolate(torch.eye(n, dtype=x.dtype, device=x.device)[None], size=m, mode="linear", align_corners=False)[0]
        for n, m in zip(x.shape[-2:], size, strict=True)
    )
    return rows.mT @ x @ columns
