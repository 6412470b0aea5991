"""Multi-head attention from one sequence to another."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["CrossAttention"]


class CrossAttention(nn.Module):
    """CA(x W_Q, c W_K, c W_V) W_O: every token of x asks the tokens of a context c.

    Args:
        channels: channels of x and of the answer.
        context_channels: channels of the context.
        width: channels of queries, keys and values; a multiple of `heads`.
        heads: attention heads.
        start_at_zero: W_O begins at zero, so that a residual branch begins as the identity.

    Source: Vaswani et al. 2017.
    """

    def __init__(
        self, channels: int, context_channels: int, width: int, heads: int, start_at_zero: bool = False
    ) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"CrossAttention: heads must divide width ({width}), got {heads}")
        self.heads = heads
        self.query = nn.Linear(channels, width)
        self.key = nn.Linear(context_channels, width)
        self.value = nn.Linear(context_channels, width)
        self.out = nn.Linear(width, channels)
        if start_at_zero:
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)

    def forward(self, x: torch.Tensor, context: torch.Tensor, padding: torch.Tensor | None = None) -> torch.Tensor:
        """Answer x from the context.

        Args:
            x: (B, N, channels).
            context: (B, M, context_channels).
            padding: (B, M) bool, true where the context holds nothing; at least one token of each row is false.

        Returns:
            (B, N, channels), without the residual.
        """
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(x), self.key(context), self.value(context))
        )
        mask = None if padding is None else ~padding[:, None, None, :]
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out: torch.Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out
