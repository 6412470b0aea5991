"""A decoder that goes from the coarsest level to the finest and predicts at each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from activefreq.nn.enlarge import enlarge

__all__ = ["MultiScaleEnhancement", "ProgressiveDecoder", "convolution_block"]


def convolution_block(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Convolution, group norm, ReLU: (B, inputs, H, W) → (B, outputs, H, W).

    Group norm, where the field has batch norm: the frames of a clip are too much alike for statistics of a batch.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.GroupNorm(4 if outputs % 4 == 0 else 1, outputs),
        nn.ReLU(),
    )


class MultiScaleEnhancement(nn.Module):
    """MFE of HFSTI-Net: 1×1, 3×3 and 5×5 convolutions side by side, concatenated, 1×1, residual.

    (B, C, H, W) → the same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(convolution_block(channels, channels, kernel) for kernel in (1, 3, 5))
        self.mix = nn.Conv2d(3 * channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the module."""
        out: torch.Tensor = self.mix(torch.cat([scale(x) for scale in self.scales], dim=1))
        return x + out


class ProgressiveDecoder(nn.Module):
    """Levels of one width → logits at each level, each the refinement of the coarser one.

    The coarsest level predicts by a 1×1 convolution. Every finer one is concatenated with the enlarged features of
    the one before, mixed by two 3×3 convolutions, and its 1×1 convolution adds to the enlarged logits.

    Args:
        channels: C of every level.
        levels: how many.
    """

    def __init__(self, channels: int, levels: int = 4) -> None:
        super().__init__()
        self.merge = nn.ModuleList(
            nn.Sequential(convolution_block(2 * channels, channels, 3), convolution_block(channels, channels, 3))
            for _ in range(levels - 1)
        )
        self.heads = nn.ModuleList(nn.Conv2d(channels, 1, 1) for _ in range(levels))

    def forward(self, levels: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """(B, C, h_i, w_i), the finest first → logits (B, 1, h_i, w_i), the finest first."""
        features = levels[-1]
        predictions = [self.heads[-1](features)]
        for level in reversed(range(len(levels) - 1)):
            size = levels[level].shape[-2:]
            features = self.merge[level](torch.cat([levels[level], enlarge(features, size)], dim=1))
            predictions.append(self.heads[level](features) + enlarge(predictions[-1], size))
        return predictions[::-1]
