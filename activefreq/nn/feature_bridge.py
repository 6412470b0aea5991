"""FFBI: where a semantic and a frequency stream meet (FreqMedCLIP, section 3.6)."""

from __future__ import annotations

import torch
from torch import nn

from activefreq.nn.cross_attention import CrossAttention
from activefreq.nn.text_conditioning import FiLM

__all__ = ["FeatureBridge"]


class FeatureBridge(nn.Module):
    """Two maps of one size exchange what they know, both ways at once (Eq. 10 to 12).

    Z_s = flat(S) W_s, Z_f = flat(F) W_f; Ẑ_s = Z_s + CA(Z_s, Z_f, Z_f) and Ẑ_f = Z_f + CA(Z_f, Z_s, Z_s), both from
    the streams as they were before; then, where there is a text gate, one γ and one β for both.

    Args:
        semantic: channels of S.
        frequency: channels of F.
        width: channels of both answers.
        heads: attention heads.
        kind: "attention", or "concatenation": each answer is a linear map of [Z_s, Z_f], which the paper's ablation
            puts in its place.
        text_channels: of the text gate's phrase (Eq. 12); 0: there is no gate.
    """

    def __init__(
        self, semantic: int, frequency: int, width: int, heads: int, kind: str = "attention", text_channels: int = 0
    ) -> None:
        super().__init__()
        if kind not in ("attention", "concatenation"):
            raise ValueError(f"FeatureBridge: kind must be attention or concatenation, got {kind!r}")
        self.kind = kind
        self.from_semantic = nn.Linear(semantic, width)
        self.from_frequency = nn.Linear(frequency, width)
        self.to_semantic: nn.Module
        self.to_frequency: nn.Module
        if kind == "attention":
            self.to_semantic = CrossAttention(width, width, width, heads)
            self.to_frequency = CrossAttention(width, width, width, heads)
        else:
            self.to_semantic = nn.Linear(2 * width, width)
            self.to_frequency = nn.Linear(2 * width, width)
        self.gate = FiLM(width, text_channels) if text_channels else None

    def forward(
        self, semantic: torch.Tensor, frequency: torch.Tensor, pooled: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Couple two maps of one size.

        Args:
            semantic: (B, semantic, h, w).
            frequency: (B, frequency, h, w).
            pooled: (B, text_channels), needed by the text gate only.

        Returns:
            Two maps (B, width, h, w): the semantic and the frequency stream, each knowing the other.

        Raises:
            ValueError: maps of different sizes, or a text gate without text.
        """
        size = semantic.shape[-2:]
        if frequency.shape[-2:] != size:
            there = tuple(frequency.shape[-2:])
            raise ValueError(f"FeatureBridge: frequency must have size {tuple(size)} like semantic, got {there}")
        of_semantic = self.from_semantic(semantic.flatten(2).mT)
        of_frequency = self.from_frequency(frequency.flatten(2).mT)
        if self.kind == "attention":
            both = (
                of_semantic + self.to_semantic(of_semantic, of_frequency),
                of_frequency + self.to_frequency(of_frequency, of_semantic),
            )
        else:
            joined = torch.cat([of_semantic, of_frequency], dim=-1)
            both = self.to_semantic(joined), self.to_frequency(joined)
        if self.gate is not None:
            if pooled is None:
                raise ValueError("FeatureBridge: the text gate needs pooled text, got None")
            both = self.gate(both[0], pooled), self.gate(both[1], pooled)
        return both[0].mT.unflatten(2, size), both[1].mT.unflatten(2, size)
