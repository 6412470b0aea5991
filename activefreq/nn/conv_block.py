"""A convolution with what usually follows it."""

from __future__ import annotations

import math

from torch import nn

__all__ = ["conv_block"]


def conv_block(before: int, after: int) -> nn.Sequential:
    """3×3 convolution, group norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.GroupNorm(math.gcd(8, after), after), nn.ReLU()
    )
