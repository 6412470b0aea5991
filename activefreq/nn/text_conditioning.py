"""How a phrase enters a network: feature-wise modulation, and attention from image tokens to text tokens."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from activefreq.nn.cross_attention import CrossAttention

__all__ = ["FiLM", "TextConditionedAdapter", "TextFeatures"]


class TextFeatures(NamedTuple):
    """What a text encoder says of B phrases."""

    tokens: torch.Tensor
    """(B, L, d_t)."""
    pooled: torch.Tensor
    """(B, d_t)."""
    padding: torch.Tensor
    """(B, L) bool, true where a phrase has no token."""

    def rows(self, index: torch.Tensor) -> TextFeatures:
        """The phrases that `index`, (N,) int64, names: the features of N phrases."""
        return TextFeatures(self.tokens[index], self.pooled[index], self.padding[index])


class FiLM(nn.Module):
    """γ ⊙ X + β with [γ, β] = MLP(t̄), one pair per channel (FreqMedCLIP, Eq. 14). Begins as the identity.

    Args:
        channels: of X.
        text_channels: of t̄.

    Source: Perez et al. 2018. The hidden width is `channels`, which the paper leaves open.
    """

    def __init__(self, channels: int, text_channels: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(text_channels, channels)
        self.pair = nn.Linear(channels, 2 * channels)
        nn.init.zeros_(self.pair.weight)
        with torch.no_grad():
            self.pair.bias.copy_(torch.cat([torch.ones(channels), torch.zeros(channels)]))

    def forward(self, x: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
        """Modulate maps (B, C, H, W) or tokens (B, N, C) by (B, d_t)."""
        gain, offset = self.pair(F.gelu(self.hidden(pooled))).chunk(2, dim=-1)
        shape = (*gain.shape, 1, 1) if x.dim() == 4 else (gain.shape[0], 1, gain.shape[1])
        return x * gain.view(shape) + offset.view(shape)


class TextConditionedAdapter(nn.Module):
    """Image tokens ask text tokens, then a small feed-forward network (FreqMedCLIP, Eq. 5 and 6).

    X ← X + CA(X W_Q, T W_K, T W_V), X ← X + FFN(LN(X)). Both branches end in zeros, so that a frozen transformer
    begins as it was trained.

    Args:
        channels: of the image tokens.
        text_channels: of the text tokens.
        width: channels of the attention and of the feed-forward network. The paper leaves it open, and wants the
            adapters below 2 % of what is trained.
        heads: attention heads.
    """

    def __init__(self, channels: int, text_channels: int, width: int, heads: int) -> None:
        super().__init__()
        self.attention = CrossAttention(channels, text_channels, width, heads, start_at_zero=True)
        self.norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, width)
        self.contract = nn.Linear(width, channels)
        nn.init.zeros_(self.contract.weight)
        nn.init.zeros_(self.contract.bias)

    def forward(self, x: torch.Tensor, text: TextFeatures) -> torch.Tensor:
        """(B, N, channels) → the same shape."""
        x = x + self.attention(x, text.tokens, text.padding)
        out: torch.Tensor = x + self.contract(F.gelu(self.expand(self.norm(x))))
        return out
