"""A small 3-D U-Net with residual blocks (Fu et al. 2024, section 3.1; after Çiçek et al. 2016)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["Unet3d"]


def _norm(x: torch.Tensor) -> torch.Tensor:
    """Instance norm without parameters, leaky ReLU."""
    return F.leaky_relu(F.instance_norm(x))


class _Residual(nn.Module):
    """x + c(norm(drop(c(norm(x))))): one convolution applied twice."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.drop = nn.Dropout3d(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(_norm(self.drop(self.conv(_norm(x)))))


class Unet3d(nn.Module):
    """Features → one map per output, at the same size.

    Going down, each level is a 3×3×3 convolution of stride 2 and a residual block, whose convolution is applied
    twice. Going up, each level enlarges to the size of its skip (nearest), convolves, concatenates the skip and
    convolves again. The level under the finest adds its own output, a 1×1×1 side head. Instance norm and leaky ReLU
    throughout. Any size works, also one that two does not divide, as long as the coarsest level, which rounds up, keeps
    more than one voxel to normalise.

    Args:
        channels: of the input; the finest level goes on with as many, so `channels == widths[0]`.
        outputs: maps of the result.
        widths: channels of the levels, finest first; at least two.
        dropout: rate of whole channels inside the residual blocks, in training.

    Source: three levels of 8, 16 and 32 channels, dropout 0.6, shared convolutions and the side head as in the code
    of Fu et al. 2024; where the second convolution of a level stands is our choice.
    """

    def __init__(self, channels: int, outputs: int, widths: Sequence[int] = (8, 16, 32), dropout: float = 0.6) -> None:
        super().__init__()
        if len(widths) < 2 or channels != widths[0]:
            raise ValueError(f"Unet3d: widths must be at least two, the first {channels} as channels, got {widths}")
        pairs = list(itertools.pairwise(widths))
        self.blocks = nn.ModuleList(_Residual(width, dropout) for width in widths)
        self.down = nn.ModuleList(nn.Conv3d(a, b, 3, stride=2, padding=1, bias=False) for a, b in pairs)
        self.up = nn.ModuleList(nn.Conv3d(b, a, 3, padding=1, bias=False) for a, b in pairs)
        self.join = nn.ModuleList(nn.Conv3d(2 * a, a, 3, padding=1, bias=False) for a, _ in pairs)
        self.side = nn.Conv3d(widths[1], outputs, 1) if len(widths) > 2 else None
        self.head = nn.Conv3d(widths[0], outputs, 1)

    def forward(self, x: torch.Tensor, fuse: Callable[[torch.Tensor], torch.Tensor] | None = None) -> torch.Tensor:
        """Outputs of (B, channels, H, W, D).

        Args:
            x: the features.
            fuse: what happens to the `channels` maps after the last enlargement, before the first skip joins them.

        Returns:
            (B, outputs, H, W, D).
        """
        skips = []
        for block, down in zip(self.blocks, self.down, strict=False):
            skips.append(block(x))
            x = down(_norm(skips[-1]))
        x = _norm(self.blocks[-1](x))
        side = None
        for level in reversed(range(len(skips))):
            x = self.up[level](F.interpolate(x, size=skips[level].shape[2:], mode="nearest"))
            if level == 0 and fuse is not None:
                x = fuse(x)
            x = _norm(self.join[level](torch.cat([_norm(x), _norm(skips[level])], dim=1)))
            if level == 1 and self.side is not None:
                side = self.side(x)
        logits: torch.Tensor = self.head(x)
        return logits if side is None else logits + F.interpolate(side, size=logits.shape[2:], mode="nearest")
