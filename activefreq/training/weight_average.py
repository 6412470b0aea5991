"""The running mean of a network's weights: steadier than the last step's, and often better."""

from __future__ import annotations

import copy

import torch
from torch import nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """An exponential moving average: after step n, a ← a + (1 - d) (w - a) with d = min(decay, (1 + n) / (10 + n)).

    The smaller d of the first steps lets the average forget where it started. Buffers (the running statistics of
    normalisation layers) are averaged like weights; those that count are copied.

    Args:
        network: what is averaged, not changed.
        decay: d in the long run, in [0, 1). 0: `network` is the answer as it is, and nothing is copied.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False).eval() if decay else network
        """The averaged network."""

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after `step`, counted from 0 over the whole run."""
        if not self.decay:
            return
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for mean, value in zip(self._tensors(self.network), self._tensors(network), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, share)
            else:
                mean.copy_(value)

    @staticmethod
    def _tensors(network: nn.Module) -> list[torch.Tensor]:
        return [*network.parameters(), *network.buffers()]
