"""What a click strategy is given and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

from activefreq.ops.select_click import Selection

if TYPE_CHECKING:  # only the type: it would load the networks
    from activefreq.predictor import Predictor

__all__ = ["AskingStrategy", "Seed", "Situation", "Strategy"]

Seed = int | torch.Tensor
Strategy = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None, Seed], Selection]
"""f(prob, target, clicked, seed) -> Selection, with the tensors of `activefreq.ops.select_click`."""


@dataclass(frozen=True)
class Situation:
    """A batch of images of one size, each with at least one click, as they stand before the next one."""

    predictor: Predictor
    """The network, in evaluation mode; may be asked as often as a strategy likes."""
    images: torch.Tensor
    """(B, 3, H, W) float in [0, 1]."""
    clicks: torch.Tensor
    """(B, K, 3) int64 of (y, x, label), oldest first, padded by rows of -1: what the predictor was given."""
    prob: torch.Tensor
    """(B, H, W) float32 in [0, 1]: what it answered."""
    target: torch.Tensor
    """(B, H, W) int8: 1 object, 0 background, -1 ignore."""
    clicked: torch.Tensor
    """(B, H, W) bool: the pixels of the clicks."""
    seed: torch.Tensor
    """(B,) int64: differs by object and click, never by batch."""


class AskingStrategy(Protocol):
    """A strategy that asks the network before it chooses. `evaluate` calls `select_with` where a strategy has it."""

    def select_with(self, situation: Situation) -> Selection:
        """The next click of each image. Tensors of the situation are not to be written into."""
        ...
