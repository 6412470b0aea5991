"""The refine layer: a small network that redraws the mask inside a crop (paper, section 3.3, Eq. 15)."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import nn

from activefreq.nn.enlarge import enlarge

__all__ = ["RefineLayer", "Refined"]

_TRUST_IN_COARSE = -2.0  # an untrained layer says little, so the trimap starts low and the coarse answer nearly stays


class Refined(NamedTuple):
    """What a refine layer answers."""

    logits: torch.Tensor
    """(N, 1, H, W): detail · σ(trimap) + coarse · (1 − σ(trimap))."""
    trimap: torch.Tensor
    """(N, 1, H, W) logits of where the detail counts: the object's border, once trained."""


def _conv_block(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def _x_conv_block(channels: int) -> nn.Sequential:
    """Depth-wise 3×3 and 1×1 convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


class RefineLayer(nn.Module):
    """A crop of the image, of the features and of the coarse logits → the logits of that crop, redrawn.

    The image branch is a ConvBlock of stride 2 and two XConvBlocks, the feature branch a 1×1 ConvBlock (Eq. 15); their
    sum goes through two more XConvBlocks. Two 3×3 heads give *detail* and *trimap*, enlarged to the crop's size, and

        output = detail · σ(trimap) + coarse · (1 − σ(trimap)).

    Args:
        features: channels of the network's features.
        width: channels inside. With 32 and 256 features it has 16.1 k parameters, with 128 features 12.0 k.

    Source: FocalClick (Chen et al. 2022), whose sizes these are; the paper's ConvBlock is Conv + BN + ReLU, its
    XConvBlock 3×3 Conv + 1×1 Conv + BN + ReLU.
    """

    def __init__(self, features: int, width: int = 32) -> None:
        super().__init__()
        self.image_branch = nn.Sequential(
            _conv_block(6, width, 3, stride=2), _x_conv_block(width), _x_conv_block(width)
        )
        self.feature_branch = _conv_block(features, width, 1)
        self.fusion = nn.Sequential(_x_conv_block(width), _x_conv_block(width))
        self.detail = nn.Conv2d(width, 1, 3, padding=1)
        self.trimap = nn.Conv2d(width, 1, 3, padding=1)
        nn.init.constant_(cast("torch.Tensor", self.trimap.bias), _TRUST_IN_COARSE)

    def forward(self, x: torch.Tensor, features: torch.Tensor, coarse: torch.Tensor) -> Refined:
        """Redraw crops.

        Args:
            x: (N, 6, H, W), as the network's input of the crop: RGB normalised, the coarse probability in place of the
                previous one, positive and negative click map.
            features: (N, features, h, w) of the same crop, at any resolution.
            coarse: (N, 1, H, W) logits of the same crop.

        Returns:
            `Refined` logits and trimap. Differentiable in all inputs.
        """
        image = self.image_branch(x)
        fused = self.fusion(image + enlarge(self.feature_branch(features), image.shape[-2:]))
        detail, trimap = (enlarge(head(fused), x.shape[-2:]) for head in (self.detail, self.trimap))
        weight = trimap.sigmoid()
        return Refined(detail * weight + coarse * (1 - weight), trimap)
