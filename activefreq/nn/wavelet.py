"""The wavelet variant of a FreqModule plane (paper, Table 7)."""

from __future__ import annotations

import torch
from torch import nn

from activefreq import ops

__all__ = ["WaveletFilter"]

# The two axes of (B, C, H, W) that a pair transforms.
_AXES = {"hw": (2, 3), "hc": (1, 2), "wc": (1, 3)}


class WaveletFilter(nn.Module):
    """x' = IDWT(w · DWT(x)) over one axis pair, one-level Haar, with a learnable weight per channel and band.

    For the pairs that transform the channel axis a weight belongs to a band alone, since their bands mix channels.

    Args:
        channels: channels of the input.
        pair: "hw", "hc" or "wc".
    """

    def __init__(self, channels: int, pair: str) -> None:
        super().__init__()
        self.axes = _AXES[pair]
        self.weight = nn.Parameter(1 + 0.02 * torch.randn(4, channels if pair == "hw" else (channels + 1) // 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Filter (B, C, H, W)."""
        planes = x.movedim(self.axes, (-2, -1))
        ll, lh, hl, hh = ops.haar_dwt2(planes)
        # The channel axis is axis 1 of the planes, or the first of the two that were transformed.
        weight = self.weight.to(x.dtype)[..., None, None] if self.axes == (2, 3) else self.weight.to(x.dtype)[..., None]
        scaled = (ll * weight[0], lh * weight[1], hl * weight[2], hh * weight[3])
        return ops.haar_idwt2(scaled, planes.shape[-2:]).movedim((-2, -1), self.axes)
