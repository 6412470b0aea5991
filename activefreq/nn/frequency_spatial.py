"""Frequency-spatial interaction of HFSTI-Net: a filter made from the spectrum itself, and a spatial path beside it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from activefreq import ops

__all__ = [
    "FrequencyFiltering",
    "FrequencyGate",
    "FrequencySpatialInteraction",
    "IntertwinedFusion",
    "SpatialGate",
    "SpatialRefinement",
    "SplitDepthwise",
]


class SplitDepthwise(nn.Module):
    """A 3×3 depth-wise convolution on the first half of the channels, 5×5 on the second: (B, C, H, W) → the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.small = nn.Conv2d(half, half, 3, padding=1, groups=half)
        self.large = nn.Conv2d(channels - half, channels - half, 5, padding=2, groups=channels - half)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply both."""
        half = self.small.in_channels
        return torch.cat([self.small(x[:, :half]), self.large(x[:, half:])], dim=1)


class FrequencyGate(nn.Module):
    """x → IDFT(σ(g(Re X)) ⊙ X) with X = DFT(x) over (H, W): every frequency is passed as far as the spectrum says.

    g is 1×1 → group norm → ReLU → 1×1 over the channels, C/16 wide and at least 4. Transforms are orthonormal, so
    that what g sees does not depend on the resolution.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(4, channels // 16)
        self.gate = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.GroupNorm(1, hidden), nn.ReLU(), nn.Conv2d(hidden, channels, 1)
        )

    def filtered(self, spectrum: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """(B, C, H, W//2 + 1) complex → (B, C, H, W): the inverse of the gated spectrum."""
        gate = self.gate(spectrum.real).sigmoid()
        return ops.irfft2(spectrum, size, gate.float(), norm="ortho")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → the same."""
        return self.filtered(ops.rfft2(x.float(), norm="ortho"), (x.shape[-2], x.shape[-1]))


class FrequencyFiltering(nn.Module):
    """Frequency filtering block: attention between the Fourier transform and its inverse, (B, C, H, W) → the same.

    With X = DFT(norm(x)) over (H, W) and Q, K, V = 1×1 convolutions of X,

        y = x + 1×1(Cat(IDFT(Λ ⊙ V), IDFT(σ(g(Re X)) ⊙ X)))

    attention="elementwise": Λ = τ Q̂ ⊙ K̂, one complex number per channel and frequency, as the publication writes
    it. It names no normalisation; here Q̂ and K̂ have mean square one over the frequencies, and τ is learned per
    channel. attention="channel": Λ = softmax(τ Re⟨Q̂, conj K̂⟩) mixes the channels of a head, the form of FSEL
    (channels of unit length, τ per head). There Λ is real, because the inner product of two real images' spectra is.

    A 1×1 convolution commutes with the transform, so one transform of x serves Q, K, V and the residual branch.

    Args:
        channels: C, in "channel" divisible by `heads`.
        attention: elementwise or channel.
        heads: of "channel".

    Raises:
        ValueError: an unknown attention, or channels that the heads do not share evenly.

    Source: HFSTI-Net (ICLR 2026); FSEL (2024) for the residual branch and "channel".
    """

    def __init__(self, channels: int, attention: str = "elementwise", heads: int = 8) -> None:
        super().__init__()
        if attention not in ("elementwise", "channel"):
            raise ValueError(f"FrequencyFiltering: attention must be elementwise or channel, got {attention!r}")
        if attention == "channel" and channels % heads:
            raise ValueError(f"FrequencyFiltering: heads ({heads}) must divide channels ({channels})")
        self.attention, self.heads = attention, heads
        self.norm = nn.GroupNorm(1, channels)
        self.projections = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.temperature = nn.Parameter(torch.ones(heads if attention == "channel" else channels))
        self.residual = FrequencyGate(channels)
        self.mix = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        size = (x.shape[-2], x.shape[-1])
        spectrum = ops.rfft2(self.norm(x).float(), norm="ortho")
        query, key, value = self._projected(spectrum)
        if self.attention == "elementwise":
            weight = _unit_power(query) * _unit_power(key) * self.temperature.view(-1, 1, 1)
            attended = ops.irfft2(value, size, weight, norm="ortho")
        else:
            attended = ops.irfft2(self._mixed_channels(query, key, value, size[1]), size, norm="ortho")
        out: torch.Tensor = self.mix(torch.cat([attended, self.residual.filtered(spectrum, size)], dim=1))
        return x + out

    def _projected(self, spectrum: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Q, K and V, each (B, C, H, W//2 + 1) complex: real and imaginary parts pass the same real weights."""
        projected = self.projections(torch.view_as_real(spectrum).flatten(-2)).float().contiguous()
        return torch.view_as_complex(projected.unflatten(-1, (-1, 2))).chunk(3, dim=1)

    def _mixed_channels(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, width: int) -> torch.Tensor:
        """Channel attention over whole spectra, of which the halves stand for two frequencies where they mirror."""
        batch, channels, height, frequencies = value.shape
        twice = torch.full((frequencies,), 2.0, device=value.device)
        twice[0] = 1.0
        if width % 2 == 0:
            twice[-1] = 1.0
        heads = (batch, self.heads, channels // self.heads, height * frequencies * 2)
        query, key = (torch.view_as_real(t * twice.sqrt()).reshape(heads) for t in (query, key))
        weight = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).mT * self.temperature.view(-1, 1, 1)
        mixed = weight.softmax(dim=-1) @ torch.view_as_real(value).reshape(heads)
        return torch.view_as_complex(mixed.view(batch, channels, height, frequencies, 2))


def _unit_power(spectrum: torch.Tensor) -> torch.Tensor:
    """Each channel divided by the root of its mean square over the frequencies kept."""
    power = torch.view_as_real(spectrum).square().sum(-1).mean((-2, -1), keepdim=True)
    return spectrum * (power + 1e-6).rsqrt()


class SpatialRefinement(nn.Module):
    """Spatial refinement block: y = x + 1×1(Λ ⊙ V), Λ = softmax(Q ⊙ K) over the positions times their number.

    Q, K, V are 1×1, then 3×3 depth-wise convolutions on half of the channels and 5×5 on the others. The factor makes
    a flat Λ one, whatever the resolution; the publication does not say what its softmax runs over.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, channels)
        self.expand = nn.Conv2d(channels, 3 * channels, 1)
        self.scales = nn.ModuleList(SplitDepthwise(channels) for _ in range(3))
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → the same."""
        parts = self.expand(self.norm(x)).chunk(3, dim=1)
        query, key, value = (scale(part) for scale, part in zip(self.scales, parts, strict=True))
        affinity = (query * key).flatten(2)
        weight = (affinity.softmax(dim=-1) * affinity.shape[-1]).view_as(value)
        out: torch.Tensor = self.mix(weight * value)
        return x + out


class SpatialGate(nn.Module):
    """GELU(a) ⊙ a, a = 3×3 and 5×5 depth-wise convolutions of x, half of the channels each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scales = SplitDepthwise(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → the same."""
        features = self.scales(x)
        return F.gelu(features) * features


class IntertwinedFusion(nn.Module):
    """Intertwined fusion block: the two domains gate each other, and both refine what they agree on.

    From X_c = frequency + spatial + early features: X_fs = FrequencyGate(X_c) ⊙ SpatialGate(X_c), then
    y = early + 1×1(Cat(FrequencyGate(X_fs), SpatialGate(X_fs))).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, channels)
        self.frequency = nn.ModuleList(FrequencyGate(channels) for _ in range(2))
        self.spatial = nn.ModuleList(SpatialGate(channels) for _ in range(2))
        self.shared_norm = nn.GroupNorm(1, channels)
        self.mix = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, frequency: torch.Tensor, spatial: torch.Tensor, early: torch.Tensor) -> torch.Tensor:
        """Three (B, C, H, W) → one."""
        both = self.norm(frequency + spatial + early)
        shared = self.shared_norm(self.frequency[0](both) * self.spatial[0](both))
        out: torch.Tensor = self.mix(torch.cat([self.frequency[1](shared), self.spatial[1](shared)], dim=1))
        return early + out


class FrequencySpatialInteraction(nn.Module):
    """HFSI on one level: `FrequencyFiltering` and `SpatialRefinement` side by side, then `IntertwinedFusion`.

    Args:
        channels: C.
        attention: of `FrequencyFiltering`.

    Shape:
        (B, C, H, W) → the same, any size. Transforms are computed in float32, also under autocast.
    """

    def __init__(self, channels: int, attention: str = "elementwise") -> None:
        super().__init__()
        self.frequency = FrequencyFiltering(channels, attention)
        self.spatial = SpatialRefinement(channels)
        self.fusion = IntertwinedFusion(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the module."""
        out: torch.Tensor = self.fusion(self.frequency(x), self.spatial(x), x)
        return out
