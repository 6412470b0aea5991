"""Frequency-disentangled learning: two bands of the spectrum, learned apart (Fu et al. 2024)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from activefreq import ops
from activefreq.nn.unet3d import Unet3d

__all__ = ["FrequencyDisentangled", "FrequencyDisentangledConfig"]

_FUSIONS = ("none", "early", "late")
_BANDS = ("border", "centre")


@dataclass(frozen=True)
class FrequencyDisentangledConfig:
    """Everything that decides the network's shape. The defaults are those of the authors' code."""

    in_channels: int = 1
    """Channels of the volume."""
    classes: int = 2
    """Foreground classes; the logits have one map more, the background, first."""
    fusion: str = "early"
    """none: the plain network; early: the bands meet in place of its first convolution; late: after its last
    enlargement."""
    theta: float = 0.1
    """The centre block's share of the first two spatial axes."""
    shift: bool = False
    """False: the centre block holds the highest frequencies; True: the lowest."""
    unet_band: str = "border"
    """The band that runs through the network in late fusion: border or centre. The authors' code sends the border; the
    paper says the high frequencies, which its Eq. 1 puts into the centre and its Figure 2 into the border."""
    widths: tuple[int, ...] = (8, 16, 32)
    """Channels of the U-Net's levels; each band's convolution gives the first number."""
    dropout: float = 0.6
    """Of whole channels in the U-Net, in training."""

    def __post_init__(self) -> None:
        if self.fusion not in _FUSIONS:
            raise ValueError(f"FrequencyDisentangled: fusion must be one of {_FUSIONS}, got {self.fusion!r}")
        if self.unet_band not in _BANDS:
            raise ValueError(f"FrequencyDisentangled: unet_band must be one of {_BANDS}, got {self.unet_band!r}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FrequencyDisentangledConfig:
        """From JSON, where tuples are lists. Unknown keys are an error: they would be silently lost otherwise."""
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(
                f"FrequencyDisentangledConfig: unknown keys {unknown}; this checkpoint is from a newer version?"
            )
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)


class FrequencyDisentangled(nn.Module):
    """A volume → one logit per class and voxel, its two frequency bands convolved apart.

    `ops.band_split` takes a small block of bins out of the volume's spectrum: the block's image is the centre, on a
    grid of 1/θ fewer voxels along two axes, the rest is the border. Each goes through its own 3×3×3 convolution
    without bias, and `ops.band_merge` writes the centre's spectrum back into the border's:

        none    network(conv(x))
        early   network(merge(conv_c(centre), conv_b(border)))
        late    one band through its convolution and the network, merged with the other band's convolution

    Late fusion of the border through the U-Net merges after the last enlargement, before the first skip is joined, as
    the authors' code does; otherwise (the centre through the network, or a network of your own) what the network
    returns is merged and a 1×1×1 convolution makes the logits.

    Args:
        config: the shape; keyword arguments override single fields, as in `FrequencyDisentangled(fusion="late")`.
        network: any module from (B, widths[0], H, W, D) to classes + 1 maps of the same size (late fusion:
            widths[0] maps) in place of the U-Net. A checkpoint holds its weights, not its shape, so such a network
            is loaded with `load_state_dict`.

    Example:
        >>> network = FrequencyDisentangled(fusion="late")
        >>> network(torch.rand(1, 1, 40, 56, 40)).shape
        torch.Size([1, 3, 40, 56, 40])
    """

    def __init__(
        self,
        config: FrequencyDisentangledConfig | None = None,
        network: nn.Module | None = None,
        **settings: Any,  # noqa: ANN401 (fields of the configuration)
    ) -> None:
        super().__init__()
        start = config or FrequencyDisentangledConfig()
        self.config = config = dataclasses.replace(start, **settings)
        width, logits = config.widths[0], config.classes + 1

        def convolution() -> nn.Conv3d:
            return nn.Conv3d(config.in_channels, width, 3, padding=1, bias=False)

        self.first = convolution() if config.fusion == "none" else None
        self.centre = None if config.fusion == "none" else convolution()
        self.border = None if config.fusion == "none" else convolution()
        inside = network is None and config.unet_band == "border"
        self.head = nn.Conv3d(width, logits, 1) if config.fusion == "late" and not inside else None
        self.network = network or Unet3d(width, width if self.head else logits, config.widths, config.dropout)

    @classmethod
    def small(cls, **settings: Any) -> FrequencyDisentangled:  # noqa: ANN401
        """A narrow one for tests and first tries; keyword arguments override."""
        return cls(**{"widths": (4, 8, 8), "dropout": 0.0, **settings})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of volumes.

        Args:
            x: (B, in_channels, H, W, D), floating point, any range; the recipe has [0, 1].

        Returns:
            (B, classes + 1, H, W, D); map 0 is the background. A softmax over them makes probabilities.

        Raises:
            ValueError: x has another shape, or θ leaves no bin on an axis.
        """
        channels = self.config.in_channels
        if x.dim() != 5 or x.shape[1] != channels:
            raise ValueError(f"FrequencyDisentangled: x must have shape (B, {channels}, H, W, D), got {tuple(x.shape)}")
        logits: torch.Tensor
        if self.first is not None:
            logits = self.network(self.first(x))
            return logits
        assert self.centre is not None
        assert self.border is not None
        theta, shift = self.config.theta, self.config.shift
        centre_image, border_image = ops.band_split(x, theta, shift)
        centre, border = self.centre(centre_image), self.border(border_image)
        if self.config.fusion == "early":
            logits = self.network(ops.band_merge(centre, border, theta, shift))
        elif self.head is None:
            logits = self.network(border, fuse=lambda upper: ops.band_merge(centre, upper, theta, shift))
        elif self.config.unet_band == "border":
            logits = self.head(ops.band_merge(centre, self.network(border), theta, shift))
        else:
            logits = self.head(ops.band_merge(self.network(centre), border, theta, shift))
        return logits
