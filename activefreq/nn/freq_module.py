"""The frequency analysis module of ActiveFreq (section 3.2.3), as a drop-in layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from activefreq import ops
from activefreq.nn.prepared_spectra import PreparedSpectra
from activefreq.nn.spectrum import (
    AxisKind,
    FullSpectrum,
    GeneratedSpectrum,
    LowRankSpectrum,
    Resample,
    resample_spectrum,
)
from activefreq.nn.wavelet import WaveletFilter

__all__ = ["AXIS_PAIRS", "FreqModule"]

AXIS_PAIRS = ("hw", "hc", "wc")

Weight = Literal["full", "scalar", "generated", "low-rank"]
Transform = Literal["fourier", "haar", "dft3"]

# Per pair: what the dimensions of its spectrum are. The half axis of the real FFT is the spatial one (the last).
_KINDS: dict[str, tuple[AxisKind, ...]] = {
    "hw": ("channel", "full", "half"),
    "hc": ("channel", "half"),  # the channel axis is transformed too, but its size never changes
    "wc": ("channel", "half"),
}


class FreqModule(nn.Module):
    """Mix a feature map in space and in three frequency planes: (B, C, H, W) → (B, C, H, W).

    The channels are split in four quarters. The first goes through a depth-wise 3×3 convolution (Eq. 8); the others
    through x' = IDFT(w · DFT(x)) over (H, W), (H, C/4) and (W, C/4) (Eq. 9 to 13); the results are concatenated.

    Args:
        channels: C, divisible by 4.
        size: (H, W) that the spectra are made for. Other sizes work: the spectra are resampled (`resample`).
        weight: "full": a learnable complex spectrum, one per channel over (H, W), one shared over W for (H, C) and
            one shared over H for (W, C). "scalar": one number per plane, the paper read literally; since
            IDFT(w · DFT(x)) = w · x, no transform is computed. "generated": a full spectrum sent through
            MEW-UNet's generator. "low-rank": one plus `rank` separable terms for (H, W).
        transform: "fourier"; "haar": a one-level Haar wavelet transform in place of the Fourier transform (paper,
            Table 7); "dft3": one three-axis transform over (3C/4, H, W) in place of the three planes (the paper's
            future work, section 5). The last two know weight "full" and "scalar" only.
        axes: the pairs to filter. A pair left out passes its quarter unchanged (paper, Table 6).
        conv: "depthwise" or "separable" (depth-wise, then 1×1: Eq. 8 read literally).
        rank: terms of weight="low-rank".
        resample: how spectra follow another resolution, see `activefreq.nn.spectrum.resample_spectrum`.

    Shape:
        x (B, C, H, W) float32, float64, bfloat16 or float16; the output has its dtype. Weights stay float32.

    Raises:
        ValueError: channels not divisible by 4, an unknown or contradictory option, a wrong input shape.

    Example:
        >>> layer = FreqModule(32, size=(56, 56))
        >>> layer(torch.randn(2, 32, 56, 56)).shape
        torch.Size([2, 32, 56, 56])
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, int],
        weight: Weight = "full",
        transform: Transform = "fourier",
        axes: Sequence[str] = AXIS_PAIRS,
        conv: Literal["depthwise", "separable"] = "depthwise",
        rank: int = 4,
        resample: Resample = "cycles-per-pixel",
    ) -> None:
        super().__init__()
        _check_options(channels, size, weight, transform, axes, conv, resample)
        if not isinstance(rank, int) or rank < 1:
            raise ValueError(f"FreqModule: rank must be at least 1, got {rank!r}")
        self.channels, self.size, self.weight, self.transform = channels, tuple(size), weight, transform
        self.axes, self.resample = tuple(pair for pair in AXIS_PAIRS if pair in axes), resample
        quarter, (height, width) = channels // 4, size
        self.conv = nn.Conv2d(quarter, quarter, 3, padding=1, groups=quarter)
        self.pointwise = nn.Conv2d(quarter, quarter, 1) if conv == "separable" else None
        self.scale = nn.Parameter(torch.ones(3)) if weight == "scalar" else None
        self.spectra = nn.ModuleDict()
        if weight != "scalar" and transform == "fourier":
            sizes = {"hw": (quarter, height, width), "hc": (quarter, height), "wc": (quarter, width)}
            for pair in self.axes:
                self.spectra[pair] = _make_spectrum(weight, _KINDS[pair], sizes[pair], rank)
        elif weight != "scalar" and transform == "dft3":
            self.spectra["chw"] = FullSpectrum(("full", "full", "half"), (3 * quarter, height, width))
        elif weight != "scalar":
            for pair in self.axes:
                self.spectra[pair] = WaveletFilter(quarter, pair)
        self._prepared = PreparedSpectra()

    def extra_repr(self) -> str:
        """What `print(module)` shows beside the submodules."""
        return f"{self.channels}, size={self.size}, weight={self.weight}, transform={self.transform}, axes={self.axes}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Filter (B, C, H, W); see the class."""
        if x.dim() != 4 or x.shape[1] != self.channels:
            raise ValueError(f"FreqModule: x must have shape (B, {self.channels}, H, W), got {tuple(x.shape)}")
        spectra: dict[str, torch.Tensor] = {}
        if self.scale is None and self.transform != "haar":
            spectra = self.spectra_for(x.shape[-2], x.shape[-1])
        if self.transform == "fourier":
            y = ops.freq_mix(
                x, self.conv.weight, self.conv.bias, spectra.get("hw"), spectra.get("hc"), spectra.get("wc")
            )
        else:
            y = ops.freq_mix(x, self.conv.weight, self.conv.bias)
        if self.scale is None and self.transform == "fourier" and self.pointwise is None:
            return y
        first, *rest = y.chunk(4, dim=1)
        if self.pointwise is not None:
            first = self.pointwise(first)
        if self.scale is not None:
            rest = [
                part * self.scale[i].to(part.dtype) if pair in self.axes else part
                for i, (pair, part) in enumerate(zip(AXIS_PAIRS, rest, strict=True))
            ]
        elif self.transform == "dft3":
            rest = [ops.spectral_filter(torch.cat(rest, dim=1), spectra["chw"].unsqueeze(0), (1, 2, 3))]
        elif self.transform == "haar":
            rest = [
                self.spectra[pair](part) if pair in self.spectra else part
                for pair, part in zip(AXIS_PAIRS, rest, strict=True)
            ]
        return torch.cat([first, *rest], dim=1)

    def spectra_for(self, height: int, width: int) -> dict[str, torch.Tensor]:
        """The spectra at a resolution: {"hw": (C/4, H, W//2+1, 2), "hc": (C/4, H//2+1, 2), "wc": (C/4, W//2+1, 2)}.

        Without gradients (eval under `no_grad` or `inference_mode`) they are prepared once and kept until a
        parameter changes or moves. On the CPU any change counts. On a GPU, where values cannot be compared without
        waiting, writes into `parameter.data` and steps of fused optimisers are seen only after a forward pass with
        gradients; `parameter.copy_` under `no_grad`, other optimisers and `load_state_dict` are seen at once.
        """
        return self._prepared.get(height, width, self.spectra.parameters(), self._resampled)

    def _resampled(self, height: int, width: int) -> dict[str, torch.Tensor]:
        old_height, old_width = self.size
        quarter = self.channels // 4
        spectra: dict[str, torch.Tensor] = {}
        for pair, module in self.spectra.items():
            if pair == "chw":
                kinds: tuple[AxisKind, ...] = ("full", "full", "half")
                old: tuple[int, ...] = (3 * quarter, old_height, old_width)
                new: tuple[int, ...] = (3 * quarter, height, width)
            else:
                kinds = _KINDS[pair]
                old = {"hw": (quarter, *self.size), "hc": (quarter, old_height), "wc": (quarter, old_width)}[pair]
                new = {"hw": (quarter, height, width), "hc": (quarter, height), "wc": (quarter, width)}[pair]
            spectra[pair] = resample_spectrum(module(), kinds, old, new, self.resample)
        return spectra


def _make_spectrum(weight: Weight, kinds: tuple[AxisKind, ...], size: tuple[int, ...], rank: int) -> nn.Module:
    if weight == "generated":
        return GeneratedSpectrum(kinds, size)
    if weight == "low-rank" and len(size) == 3:  # the other two pairs are vectors per channel already
        return LowRankSpectrum(kinds, size, rank)
    return FullSpectrum(kinds, size)


def _check_options(
    channels: int, size: Sequence[int], weight: str, transform: str, axes: Sequence[str], conv: str, resample: str
) -> None:
    if not isinstance(channels, int) or channels <= 0 or channels % 4:
        raise ValueError(f"FreqModule: channels must be a positive multiple of 4 (four quarters), got {channels}")
    if not isinstance(size, Sequence) or len(size) != 2 or not all(isinstance(n, int) and n >= 1 for n in size):
        raise ValueError(f"FreqModule: size must be (H, W) with H, W >= 1, got {size}")
    choices = {
        "weight": (weight, ("full", "scalar", "generated", "low-rank")),
        "transform": (transform, ("fourier", "haar", "dft3")),
        "conv": (conv, ("depthwise", "separable")),
        "resample": (resample, ("cycles-per-pixel", "cycles-per-image")),
    }
    for name, (value, allowed) in choices.items():
        if value not in allowed:
            raise ValueError(f"FreqModule: {name} must be one of {', '.join(allowed)}, got {value!r}")
    unknown = [pair for pair in axes if pair not in AXIS_PAIRS]
    if unknown or isinstance(axes, str):
        raise ValueError(f"FreqModule: axes must be a sequence of pairs from {AXIS_PAIRS}, got {axes!r}")
    if transform != "fourier" and weight not in ("full", "scalar"):
        raise ValueError(f"FreqModule: transform={transform!r} knows weight full and scalar only, got {weight!r}")
    if transform == "dft3" and set(axes) != set(AXIS_PAIRS):
        raise ValueError(f"FreqModule: transform='dft3' filters all axes at once, so axes cannot be {tuple(axes)}")
