"""click_maps in plain torch: the specification."""

from __future__ import annotations

import torch

__all__ = ["click_maps"]


def click_maps(clicks: torch.Tensor, size: tuple[int, int], radius: float = 5.0) -> torch.Tensor:
    """As `activefreq.ops.click_maps`, by testing every pixel against every click."""
    height, width = size
    centre = clicks.to(torch.float32)
    # The radius is rounded to float32 first: the kernels square the float32 value.
    limit = torch.tensor(radius, dtype=torch.float32, device=clicks.device) ** 2
    rows = torch.arange(height, dtype=torch.float32, device=clicks.device)
    columns = torch.arange(width, dtype=torch.float32, device=clicks.device)
    dy = rows.view(1, 1, height, 1) - centre[:, :, 0].view(*centre.shape[:2], 1, 1)
    dx = columns.view(1, 1, 1, width) - centre[:, :, 1].view(*centre.shape[:2], 1, 1)
    inside = dy * dy + dx * dx <= limit  # (B, K, H, W)
    planes = [(inside & (centre[:, :, 2] == label).view(*centre.shape[:2], 1, 1)).any(dim=1) for label in (1, 0)]
    return torch.stack(planes, dim=1).to(torch.float32)
