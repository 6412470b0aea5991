"""The Freq block of the FreqNet decoder (section 3.2.2, Figure 3e)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from activefreq.nn.freq_module import FreqModule
from activefreq.nn.inverted_depthwise import InvertedDepthwise

__all__ = ["FeedForward", "FreqBlock"]


class FeedForward(nn.Module):
    """1×1 convolution to `expand` times the channels, GELU, 1×1 back: (B, C, H, W) → (B, C, H, W)."""

    def __init__(self, channels: int, expand: int = 4) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, expand * channels, 1)
        self.contract = nn.Conv2d(expand * channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        out: torch.Tensor = self.contract(nn.functional.gelu(self.expand(x)))
        return out


class FreqBlock(nn.Module):
    """GN → FreqModule → residual → GN → FFN → residual: (B, C, H, W) → (B, C, H, W).

    Args:
        channels: C, divisible by 4.
        size: (H, W) that the spectra are made for.
        groups: groups of both group norms.
        expand: width of the feed-forward network, in multiples of C.
        feed_forward: "plain": two 1×1 convolutions (8 C² weights at expand 4). "inverted-depthwise": MEW-UNet's, two
            inverted depth-wise convolutions (50 C² weights).
        freq_module: further options of `FreqModule`.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, int],
        groups: int = 8,
        expand: int = 4,
        feed_forward: str = "plain",
        **freq_module: Any,  # noqa: ANN401 (passed on as they are)
    ) -> None:
        super().__init__()
        if groups < 1 or channels % groups:
            raise ValueError(f"FreqBlock: groups must divide channels ({channels}), got {groups}")
        self.norm1 = nn.GroupNorm(groups, channels)
        self.freq_module = FreqModule(channels, size, **freq_module)
        self.norm2 = nn.GroupNorm(groups, channels)
        self.ffn: nn.Module
        if feed_forward == "plain":
            self.ffn = FeedForward(channels, expand)
        elif feed_forward == "inverted-depthwise":
            self.ffn = nn.Sequential(
                InvertedDepthwise(channels, expand * channels),
                InvertedDepthwise(expand * channels, channels),
                nn.GELU(),
            )
        else:
            raise ValueError(f"FreqBlock: feed_forward must be plain or inverted-depthwise, got {feed_forward!r}")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        x = x + self.freq_module(self.norm1(x))
        out: torch.Tensor = x + self.ffn(self.norm2(x))
        return out
