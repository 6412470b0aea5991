"""roi_align in plain torch: the specification."""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["roi_align"]


def roi_align(
    features: torch.Tensor, boxes: torch.Tensor, index: torch.Tensor, size: Sequence[int], samples: int = 1
) -> torch.Tensor:
    """As `activefreq.ops.roi_align`: each crop is its image between two interpolation matrices.

    Differentiable in the features and, unlike the operator, in the boxes.
    """
    dtype = torch.promote_types(features.dtype, torch.float32)
    height, width = features.shape[-2:]
    y0, x0, y1, x1 = boxes.to(dtype).unbind(dim=1)
    rows = _interpolation(y0, y1, size[0], height, samples)
    columns = _interpolation(x0, x1, size[1], width, samples)
    crops = rows.unsqueeze(1) @ features.to(dtype)[index.long()] @ columns.mT.unsqueeze(1)
    return crops.to(features.dtype)


def _interpolation(start: torch.Tensor, end: torch.Tensor, bins: int, pixels: int, samples: int) -> torch.Tensor:
    """(N, bins, pixels): what each pixel counts in each bin of [start, end), along one axis."""
    step = (end - start) / (bins * samples)
    points = torch.arange(bins * samples, dtype=start.dtype, device=start.device)
    at = start[:, None] + (points + 0.5) * step[:, None] - 0.5
    counts = (at >= -1) & (at <= pixels)
    inside = torch.where(counts, at, 0).clamp(0, max(0, pixels - 1))
    centres = torch.arange(pixels, dtype=start.dtype, device=start.device)
    weights = (1 - (inside[..., None] - centres).abs()).clamp(min=0) * counts[..., None]
    return weights.unflatten(1, (bins, samples)).mean(dim=2)
