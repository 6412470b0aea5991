"""Recurrent memory propagation of HFSTI-Net: what earlier frames looked like, and where their object was."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["Memory", "MemoryFrame", "RecurrentMemory"]


class MemoryFrame(NamedTuple):
    """What is kept of one frame."""

    features: torch.Tensor
    """(B, C, h, w): the coarsest level, before the memory was read."""
    mask: torch.Tensor
    """(B, 1, h, w): the predicted probability, averaged down."""


Memory = tuple[MemoryFrame, ...]
"""Frames, the newest first."""


def _tokens(x: torch.Tensor) -> torch.Tensor:
    return x.flatten(2).mT


class TemporalAlignment(nn.Module):
    """The current frame asks the memory: Q_M = LN(MLP(Z) + Z) + Q, Z = L(Attention(L_q Q, L_k K, L_v V)).

    Tokens (B, n, C) of the current frame and (B, m, C) of the memory → (B, n, C). Multi-head attention is torch's.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))
        self.norm = nn.LayerNorm(channels)

    def forward(self, current: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        """Apply the module."""
        attended, _ = self.attention(current, memory, memory, need_weights=False)
        out: torch.Tensor = self.norm(self.mlp(attended) + attended) + current
        return out


class MaskAffinity(nn.Module):
    """Where the object was: q_v + Attention(q_k, m_k, m_v), with the masks among what the keys and values are made of.

    (q_k, q_v) come from the aligned tokens and the current features, (m_k, m_v) from the memory's features and masks,
    each by a 3×3 convolution. The publication's ⊕ is a sum here.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1)
        self.memory = nn.Conv2d(channels + 1, 2 * channels, 3, padding=1)

    def forward(self, aligned: torch.Tensor, current: torch.Tensor, memory: Memory) -> torch.Tensor:
        """(B, C, h, w) twice and the memory → (B, C, h, w)."""
        query, residual = self.query(torch.cat([aligned, current], dim=1)).chunk(2, dim=1)
        frames = [self.memory(torch.cat([frame.features, frame.mask], dim=1)) for frame in memory]
        key, value = torch.cat([_tokens(frame) for frame in frames], dim=1).chunk(2, dim=2)
        read = F.scaled_dot_product_attention(_tokens(query), key, value)
        out: torch.Tensor = residual + read.mT.view_as(residual)
        return out


class RecurrentMemory(nn.Module):
    """RMP: temporal alignment, then mask affinity, over the frames in memory.

    A frame without a past reads itself, with a mask of zeros: there is no object that is known of.

    Args:
        channels: C.
        heads: of the temporal alignment; they divide C.

    Shape:
        (B, C, h, w) and a memory of frames of that size → (B, C, h, w).

    Source: HFSTI-Net (ICLR 2026).
    """

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.alignment = TemporalAlignment(channels, heads)
        self.affinity = MaskAffinity(channels)
        self.norm = nn.GroupNorm(1, channels)

    def forward(self, features: torch.Tensor, memory: Memory) -> torch.Tensor:
        """Apply the module."""
        memory = memory or (MemoryFrame(features, torch.zeros_like(features[:, :1])),)
        current = self.norm(features)
        normed = tuple(MemoryFrame(self.norm(frame.features), frame.mask) for frame in memory)
        past = torch.cat([_tokens(frame.features) for frame in normed], dim=1)
        aligned = self.alignment(_tokens(current), past).mT.reshape(features.shape)
        out: torch.Tensor = features + self.affinity(aligned, current, normed)
        return out
