"""One training step: simulated clicks, passes without gradient, the pass with it, the loss."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from activefreq.models.freqformer import FreqFormer
from activefreq.models.network_input import network_input
from activefreq.training.chance import Chance
from activefreq.training.click_sampling import corrective_clicks, initial_clicks
from activefreq.training.configuration import TrainingConfig
from activefreq.training.losses import click_loss

__all__ = ["CoarseStep", "arithmetic"]


class CoarseStep(nn.Module):
    """Stage one: initial clicks, some passes without gradient with a corrective click each, one pass with.

    A module, so that `DistributedDataParallel` can wrap the whole step.

    Args:
        network: what is trained: a FreqFormer, or another that takes its six channels.
        config: clicks, passes, loss weights and arithmetic.
    """

    def __init__(self, network: nn.Module, config: TrainingConfig) -> None:
        super().__init__()
        self.network = network
        self.config = config
        if isinstance(network, FreqFormer) and network.refine_layer is not None:
            network.refine_layer.requires_grad_(False)

    def forward(self, images: torch.Tensor, masks: torch.Tensor, chance: Chance) -> torch.Tensor:
        """The loss of (B, 3, H, W) images in [0, 1] and (B, H, W) masks, both on the network's device: a scalar."""
        clicks, previous = self._interact(images, masks, chance)
        logits = self._logits(images, clicks, previous)
        return click_loss(logits, masks, previous, self.config.dice_weight, self.config.correct_weight)

    def _interact(self, images: torch.Tensor, masks: torch.Tensor, chance: Chance) -> tuple[torch.Tensor, torch.Tensor]:
        """Clicks and the previous mask of a session that has gone on for a while."""
        clicks = initial_clicks(masks, chance, self.config.most_clicks, self.config.click_decay)
        previous = torch.zeros(masks.shape, device=masks.device)
        for _ in range(chance.integer(0, self.config.iterations)):
            with torch.no_grad():
                previous = self._logits(images, clicks, previous).sigmoid()
            corrective = corrective_clicks(previous, masks, chance, self.config.acselect_clicks)
            clicks = torch.cat([clicks, corrective], dim=1)
        return clicks, previous

    def _logits(self, images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        with self._arithmetic(images.device):
            x = network_input(images, clicks, previous)
            out: torch.Tensor = self.network(x.contiguous(memory_format=torch.channels_last)).squeeze(1)
        return out.float()

    def _arithmetic(self, device: torch.device) -> AbstractContextManager[None]:
        return arithmetic(device, self.config.autocast)


def arithmetic(device: torch.device, autocast: bool) -> AbstractContextManager[None]:
    """bfloat16 where `autocast` asks for it, else as the tensors are."""
    return torch.autocast(device.type, torch.bfloat16) if autocast else nullcontext()
