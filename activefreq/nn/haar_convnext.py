"""A ConvNeXt over the four bands of a Haar transform (FreqMedCLIP, section 3.5)."""

from __future__ import annotations

import torch
from torch import nn
from transformers import ConvNextConfig, ConvNextModel

from activefreq import ops
from activefreq.nn.published import published

__all__ = ["HaarConvNeXt"]

_LAYER_SCALE = 0.1  # ConvNeXt's own 1e-6 is for hundreds of epochs


class HaarConvNeXt(nn.Module):
    """Image → features at strides 2, 4, 8 and 16, from its low and high frequencies (Eq. 8 and 9).

    One level of the orthonormal Haar transform halves the image and gives four bands per channel. They are
    concatenated and enter a ConvNeXt whose stem has stride 1, so that its four stages stay at the resolutions 112, 56,
    28 and 14 that the paper names for an image of 224: F_stem is the first stage's answer, F_1 to F_3 the others'.

    Args:
        widths: channels of the four stages; (96, 192, 384, 768) is ConvNeXt-Tiny.
        depths: blocks of the four stages; (3, 3, 9, 3) is ConvNeXt-Tiny.
        further: channels beside the image's three that enter through a convolution of their own, which starts at zero.
        drop_path: largest rate of stochastic depth, in training.
        source: name or folder of a ConvNeXt whose stages begin the training; its stem, made for RGB at stride 4, is
            left out. Empty: random weights.

    Raises:
        ValueError: the source has other widths or depths.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (96, 192, 384, 768),
        depths: tuple[int, ...] = (3, 3, 9, 3),
        further: int = 0,
        drop_path: float = 0.0,
        source: str = "",
    ) -> None:
        super().__init__()
        model = ConvNextModel(
            ConvNextConfig(
                num_channels=4 * 3,
                patch_size=1,
                hidden_sizes=list(widths),
                depths=list(depths),
                drop_path_rate=drop_path,
                layer_scale_init_value=_LAYER_SCALE,
            )
        )
        self.stem: nn.Module = model.embeddings
        self.stages: nn.ModuleList = model.encoder.stages
        if source:
            self._begin_from(source, list(widths), list(depths))
        self.further = nn.Conv2d(4 * further, widths[0], 1) if further else None
        if self.further is not None:
            nn.init.zeros_(self.further.weight)
            nn.init.zeros_(self.further.bias)  # type: ignore[arg-type]

    def _begin_from(self, source: str, widths: list[int], depths: list[int]) -> None:
        trained = published(ConvNextModel, source)
        there = list(trained.config.hidden_sizes), list(trained.config.depths)
        if there != (widths, depths):
            raise ValueError(
                f"HaarConvNeXt: {source} has widths {there[0]} and depths {there[1]}, not {widths} and {depths}"
            )
        self.stages.load_state_dict(trained.encoder.stages.state_dict())

    def forward(self, images: torch.Tensor, further: torch.Tensor | None = None) -> list[torch.Tensor]:
        """Features of (B, 3, H, W); H and W are multiples of 16.

        Args:
            images: zero mean, unit deviation.
            further: (B, further, H, W), where the encoder has further channels.

        Returns:
            F_stem, F_1, F_2 and F_3: (B, widths[i], H / 2^(i+1), W / 2^(i+1)).
        """
        x = self.stem(_bands(images))
        if self.further is not None and further is not None:
            x = x + self.further(_bands(further))
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


def _bands(x: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) → (B, 4 C, H/2, W/2): LL, LH, HL, HH."""
    return torch.cat(ops.haar_dwt2(x), dim=1)
