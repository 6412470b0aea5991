"""Learnable half spectra: where their weights come from, and how they follow a change of resolution.

A half spectrum is stored as (..., 2), real and imaginary part last. A *full* axis holds the frequencies 0 ... n-1 of
`fft`, a *half* axis the frequencies 0 ... n//2 of `rfft`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from activefreq.nn.inverted_depthwise import InvertedDepthwise

__all__ = ["AxisKind", "FullSpectrum", "GeneratedSpectrum", "LowRankSpectrum", "Resample", "resample_spectrum"]

AxisKind = Literal["channel", "full", "half"]
Resample = Literal["cycles-per-pixel", "cycles-per-image"]


def _spectrum_size(size: int, kind: AxisKind) -> int:
    return size // 2 + 1 if kind == "half" else size


def _resample_axis(
    spectrum: torch.Tensor, axis: int, kind: AxisKind, old: int, new: int, resample: Resample
) -> torch.Tensor:
    """One axis of a half spectrum, from a signal of `old` samples to one of `new` samples."""
    stored = spectrum.shape[axis]
    index = torch.arange(_spectrum_size(new, kind), device=spectrum.device)
    if resample == "cycles-per-image":  # mode k stays mode k; modes that were never learned are cut off
        frequency = torch.where(index > new // 2, index - new, index) if kind == "full" else index
        known = frequency.abs() <= (old - 1) // 2
        source = frequency.remainder(old) if kind == "full" else frequency
        picked = spectrum.index_select(axis, torch.where(known, source, 0))
        shape = [1] * spectrum.dim()
        shape[axis] = -1
        return picked * known.to(spectrum.dtype).view(shape)
    # Cycles per pixel: k / new = position / old. The full axis is periodic, the half axis ends at its last sample.
    position = index.to(torch.float64) * old / new
    low = position.floor().to(torch.int64)
    fraction = (position - low).to(spectrum.dtype)
    high = low + 1
    low, high = (
        (low % stored, high % stored) if kind == "full" else (low.clamp(max=stored - 1), high.clamp(max=stored - 1))
    )
    shape = [1] * spectrum.dim()
    shape[axis] = -1
    fraction = fraction.view(shape)
    return spectrum.index_select(axis, low) * (1 - fraction) + spectrum.index_select(axis, high) * fraction


def resample_spectrum(
    spectrum: torch.Tensor,
    kinds: Sequence[AxisKind],
    old: Sequence[int],
    new: Sequence[int],
    resample: Resample = "cycles-per-pixel",
) -> torch.Tensor:
    """A half spectrum for signals of another size.

    Args:
        spectrum: (n_1, ..., n_k, 2), one dimension per entry of `kinds`.
        kinds: what each dimension is: "channel" (never resampled), "full" or "half".
        old: sizes in samples that the spectrum was made for, one per dimension.
        new: sizes in samples that it is wanted for.
        resample: "cycles-per-pixel" interpolates linearly at equal frequency per pixel, so that a filter for
            texture stays one (MEW-UNet, GFNet); "cycles-per-image" keeps the low modes and cuts off what is above
            them, so that a filter for shape stays one (FNO).

    Returns:
        The resampled spectrum, differentiable; the argument itself where no size changes.
    """
    for axis, (kind, before, after) in enumerate(zip(kinds, old, new, strict=True)):
        if kind != "channel" and before != after:
            spectrum = _resample_axis(spectrum, axis, kind, before, after, resample)
    return spectrum


class FullSpectrum(nn.Module):
    """A free complex weight for every frequency: 1 + 0i plus normal noise of deviation 0.02 at the start.

    Attributes:
        weight: (sizes of the half spectrum ..., 2).
    """

    def __init__(self, kinds: Sequence[AxisKind], size: Sequence[int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(_near_one([_spectrum_size(n, kind) for n, kind in zip(size, kinds, strict=True)]))

    def forward(self) -> torch.Tensor:
        """The spectrum at the size it was made for."""
        return self.weight


class LowRankSpectrum(nn.Module):
    """One plus a sum of `rank` separable terms: W(c, u, v) = 1 + Σ_r a_r(c, u) · b_r(c, v), complex.

    Far fewer weights than `FullSpectrum` on large planes: (H + W/2) · rank instead of H · W/2 per channel.

    Attributes:
        first: (rank, C, H, 2), `second`: (rank, C, W//2 + 1, 2).
    """

    def __init__(self, kinds: Sequence[AxisKind], size: Sequence[int], rank: int = 4) -> None:
        super().__init__()
        channels, height, width = (_spectrum_size(n, kind) for n, kind in zip(size, kinds, strict=True))
        deviation = math.sqrt(0.02)
        self.first = nn.Parameter(torch.randn(rank, channels, height, 2) * deviation / rank)
        self.second = nn.Parameter(torch.randn(rank, channels, width, 2) * deviation)

    def forward(self) -> torch.Tensor:
        """The spectrum at the size it was made for."""
        # Written out in real numbers, so that nothing complex is left for a compiler to fall back on.
        a_re, a_im = self.first.unbind(-1)
        b_re, b_im = self.second.unbind(-1)
        real = torch.einsum("rch,rcw->chw", a_re, b_re) - torch.einsum("rch,rcw->chw", a_im, b_im)
        imag = torch.einsum("rch,rcw->chw", a_re, b_im) + torch.einsum("rch,rcw->chw", a_im, b_re)
        return torch.stack([1 + real, imag], dim=-1)


class GeneratedSpectrum(nn.Module):
    """A free spectrum sent through three inverted depth-wise convolutions over frequency (MEW-UNet, Ruan et al. 2022).

    The generator runs on the weights, not on features: its cost does not depend on the batch, and in eval its
    result is prepared once. Real and imaginary parts are the 2 · C channels.
    """

    def __init__(self, kinds: Sequence[AxisKind], size: Sequence[int]) -> None:
        super().__init__()
        sizes = [_spectrum_size(n, kind) for n, kind in zip(size, kinds, strict=True)]
        self.weight = nn.Parameter(_near_one(sizes))
        self.generator = nn.Sequential(
            *(InvertedDepthwise(2 * sizes[0], 2 * sizes[0], len(sizes) - 1) for _ in range(3))
        )

    def forward(self) -> torch.Tensor:
        """The spectrum at the size it was made for."""
        channels, *spatial, _ = self.weight.shape
        planes = self.weight.movedim(-1, 0).reshape(1, 2 * channels, *spatial)
        generated: torch.Tensor = self.generator(planes)
        return generated.reshape(2, channels, *spatial).movedim(0, -1)


def _near_one(sizes: Sequence[int]) -> torch.Tensor:
    weight = 0.02 * torch.randn(*sizes, 2)
    weight[..., 0] += 1
    return weight
