"""A pyramid from a vision transformer, whose layers all have one resolution (FreqMedCLIP, section 3.4)."""

from __future__ import annotations

import torch
from torch import nn

from activefreq.nn.conv_block import conv_block
from activefreq.nn.enlarge import enlarge

__all__ = ["FeaturePyramid"]


class FeaturePyramid(nn.Module):
    """Four maps of one resolution → four levels, each twice as fine as the one before (Eq. 7).

    S_1 = φ(U_12), S_k+1 = φ(Up(S_k) + ψ(U)): ψ a 1×1 convolution, enlarged to the level; φ a 3×3 convolution block.

    Args:
        channels: of the maps.
        widths: C_1 to C_4.
    """

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.align = nn.ModuleList(nn.Conv2d(channels, width, 1) for width in widths[:-1])
        self.refine = nn.ModuleList(
            conv_block(before, after) for before, after in zip((channels, *widths), widths, strict=False)
        )

    def forward(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        """Maps (B, channels, h, w), shallow to deep → S_1 to S_4, (B, C_k, 2^(k-1) h, 2^(k-1) w)."""
        deepest, *others = maps[::-1]
        levels = [self.refine[0](deepest)]
        for features, align, refine in zip(others, self.align, self.refine[1:], strict=True):
            size = [2 * side for side in levels[-1].shape[-2:]]
            levels.append(refine(enlarge(levels[-1], size) + enlarge(align(features), size)))
        return levels
