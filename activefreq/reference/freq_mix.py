"""freq_mix in plain torch: the specification."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from activefreq.reference.spectral_filter import spectral_filter

__all__ = ["freq_mix"]


def freq_mix(
    x: torch.Tensor,
    conv_weight: torch.Tensor,
    conv_bias: torch.Tensor | None = None,
    weight_hw: torch.Tensor | None = None,
    weight_hc: torch.Tensor | None = None,
    weight_wc: torch.Tensor | None = None,
) -> torch.Tensor:
    """As `activefreq.ops.freq_mix`: four quarters, a depth-wise convolution and three spectral filters."""
    quarter = x.shape[1] // 4
    real = x.to(torch.promote_types(x.dtype, torch.float32))
    x1, x2, x3, x4 = real.split(quarter, dim=1)
    bias = None if conv_bias is None else conv_bias.to(real.dtype)
    y1 = F.conv2d(x1, conv_weight.to(real.dtype), bias, padding=1, groups=quarter)  # Eq. 8
    y2 = x2 if weight_hw is None else spectral_filter(x2, weight_hw.unsqueeze(0), (2, 3))  # Eq. 9, 12, 13
    # Eq. 10: one spectrum (C/4, H/2 + 1) for all columns; Eq. 11: one (C/4, W/2 + 1) for all rows.
    y3 = x3 if weight_hc is None else spectral_filter(x3, weight_hc[None, :, :, None], (1, 2))
    y4 = x4 if weight_wc is None else spectral_filter(x4, weight_wc[None, :, None], (1, 3))
    return torch.cat([y1, y2, y3, y4], dim=1).to(x.dtype)
