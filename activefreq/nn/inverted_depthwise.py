"""Inverted depth-wise convolution: expand, filter each channel, contract."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["InvertedDepthwise"]


class InvertedDepthwise(nn.Module):
    """1×1 to twice the channels, depth-wise 3 (or 3×3), 1×1 to `channels_out`, each with group norm.

    Where `channels_out` equals `channels_in` the result is added to the input, and the block starts as the identity.
    The building block of MEW-UNet (Ruan et al. 2022), for maps and for spectra; its parameters have the names they
    have there.

    Args:
        channels_in: channels of the input.
        channels_out: channels of the output, a multiple of `groups`.
        dimensions: 2 for (B, C, H, W), 1 for (B, C, L).
        expand: inner channels, in multiples of channels_in; the product is a multiple of `groups`.
        groups: groups of every group norm.
    """

    def __init__(
        self, channels_in: int, channels_out: int, dimensions: int = 2, expand: int = 2, groups: int = 2
    ) -> None:
        super().__init__()
        convolution = nn.Conv2d if dimensions == 2 else nn.Conv1d
        hidden = channels_in * expand
        self.residual = channels_in == channels_out
        norm = nn.GroupNorm(groups, channels_out)
        if self.residual:
            nn.init.zeros_(norm.weight)
        self.conv = nn.Sequential(
            nn.Sequential(convolution(channels_in, hidden, 1, bias=False), nn.GroupNorm(groups, hidden), nn.GELU()),
            nn.Sequential(
                convolution(hidden, hidden, 3, padding=1, groups=hidden, bias=False),
                nn.GroupNorm(groups, hidden),
                nn.GELU(),
            ),
            convolution(hidden, channels_out, 1, bias=False),
            norm,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block; see the class for shapes."""
        out: torch.Tensor = self.conv(x)
        return x + out if self.residual else out
