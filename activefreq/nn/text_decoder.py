"""A decoder that hears a phrase at every stage (FreqMedCLIP, section 3.7)."""

from __future__ import annotations

import torch
from torch import nn

from activefreq.nn.conv_block import conv_block
from activefreq.nn.enlarge import enlarge
from activefreq.nn.text_conditioning import FiLM

__all__ = ["TextDecoder"]


class TextDecoder(nn.Module):
    """From a bottleneck at stride 16 to stride 2 (Eq. 13 and 15 to 17).

    Each stage enlarges by two, joins the skip of that resolution, convolves twice and hears the phrase.

    Args:
        channels: of the bottleneck.
        skips: channels of the skips, coarse to fine.
        widths: channels of the stages.
        text_channels: of the phrase; 0: the stages do not hear it.
    """

    def __init__(self, channels: int, skips: tuple[int, ...], widths: tuple[int, ...], text_channels: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(conv_block(before + skip, width), conv_block(width, width))
            for before, skip, width in zip((channels, *widths), skips, widths, strict=False)
        )
        self.film = nn.ModuleList(FiLM(width, text_channels) for width in widths if text_channels)

    def forward(self, x: torch.Tensor, skips: list[torch.Tensor], pooled: torch.Tensor) -> torch.Tensor:
        """(B, channels, h, w) and skips at 2, 4 and 8 times its size → (B, widths[-1], 8 h, 8 w)."""
        for number, (block, skip) in enumerate(zip(self.blocks, skips, strict=True)):
            x = block(torch.cat([enlarge(x, skip.shape[-2:]), skip], dim=1))
            if self.film:
                x = self.film[number](x, pooled)
        return x
