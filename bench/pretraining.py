"""Masked-image pretraining of a FreqFormer: squares of an image are hidden, the network draws them, no mask is needed.

Source: SimMIM (Xie et al., "SimMIM: a simple framework for masked image modeling", CVPR 2022): random squares, a share
of 0.6, one linear layer as the head, L1 on what was hidden. Theirs are 32 of 192 pixels, the stride of the last stage;
here 16 of 96, which is as many squares. Hidden pixels get ImageNet's mean colour, not a learned one.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from activefreq.data.samples import Dataset
from activefreq.models.checkpoint import read_tensors, write_tensors
from activefreq.models.freqformer import FreqFormer
from activefreq.models.network_input import normalise
from activefreq.training.augmentation import augment
from activefreq.training.chance import Chance
from activefreq.training.configuration import TrainingConfig
from activefreq.training.pixels import load_pixels
from activefreq.training.steps import arithmetic

__all__ = ["SQUARE", "Reconstruction", "hidden_squares", "load_start", "pretrain"]

SQUARE = 16
SHARE = 0.6
_STRIDE = 4


def hidden_squares(chance: Chance, height: int, width: int) -> torch.Tensor:
    """Which pixels are hidden: (B, 1, height, width) bool, whole squares, the same number of them in every image.

    Of n squares round(0.6 n) are hidden, drawn without replacement; the last row and column are cut at the border.
    """
    rows, columns = -(-height // SQUARE), -(-width // SQUARE)
    draws = chance.uniform(0, 1, rows * columns)
    last = draws.kthvalue(max(1, round(SHARE * rows * columns)), dim=1, keepdim=True).values
    squares = (draws <= last).view(-1, 1, rows, columns)
    pixels = squares.repeat_interleave(SQUARE, dim=2).repeat_interleave(SQUARE, dim=3)
    return pixels[:, :, :height, :width]


class Reconstruction(nn.Module):
    """A FreqFormer whose last layer draws the image instead of a mask.

    Args:
        network: all of it but its logit head and refine layer takes part, and is trained in place.
    """

    def __init__(self, network: FreqFormer) -> None:
        super().__init__()
        self.network = network
        self.pixels = nn.Conv2d(network.config.decoder_width, 3 * _STRIDE**2, 1)

    def forward(self, images: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Draw what is hidden; previous mask and clicks are zero.

        Args:
            images: (B, 3, H, W) normalised, H and W multiples of 4.
            hidden: (B, 1, H, W) bool.

        Returns:
            (B, 3, H, W), normalised like `images`.
        """
        seen = images.masked_fill(hidden, 0)  # zero is the mean colour
        x = torch.cat([seen, torch.zeros_like(images)], dim=1)
        features, _ = self.network.features_and_logits(x.contiguous(memory_format=torch.channels_last))
        return F.pixel_shuffle(self.pixels(features), _STRIDE)

    def loss(self, images: torch.Tensor, chance: Chance) -> torch.Tensor:
        """Mean |drawn - image| over hidden pixels and colours of (B, 3, H, W) images in [0, 1]: a scalar."""
        images = normalise(images)
        hidden = hidden_squares(chance, *images.shape[-2:])
        error = (self(images, hidden).float() - images).abs() * hidden
        return error.sum() / (3 * hidden.sum())


def pretrain(network: FreqFormer, dataset: Dataset, out: Path, config: TrainingConfig) -> None:
    """Pretrain in place on the images of `dataset`, its masks unread, and leave weights, losses and seconds in `out`.

    Epochs, batch, learning rate, weight decay, augmentation and arithmetic are those of a training with `config`.
    """
    model = Reconstruction(network).train()
    network.encoder.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    images, _ = load_pixels(dataset, config.crop)
    no_masks = torch.zeros(config.batch_size, config.crop, config.crop, dtype=torch.int8)
    steps = len(images) // config.batch_size
    losses, seconds = [], []
    for epoch in range(config.epochs):
        started, total = time.perf_counter(), 0.0
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + epoch)
        torch.manual_seed(config.seed * 1_000_003 + epoch)  # stochastic depth
        order = torch.randperm(len(images), generator=generator)
        for number in range(steps):
            for parameters in optimizer.param_groups:
                parameters["lr"] = config.rate(epoch * steps + number, steps)
            pick = order[number * config.batch_size : (number + 1) * config.batch_size]
            chance = Chance(generator, config.batch_size)
            batch, _ = augment(images[pick].float() / 255, no_masks, chance)
            with arithmetic(batch.device, config.autocast):
                value = model.loss(batch, chance)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), config.gradient_norm)
            optimizer.step()
            total += value.item()
        losses.append(total / steps)
        seconds.append(round(time.perf_counter() - started, 3))
        print(json.dumps({"pretraining epoch": epoch + 1, "loss": losses[-1], "seconds": seconds[-1]}), flush=True)
    header = {"loss": losses, "seconds": seconds, "training": config.as_dict()}
    write_tensors(out, network.state_dict(), header)


def load_start(network: FreqFormer, path: Path, encoder_alone: bool = False) -> None:
    """Take over what `pretrain` left: the encoder, or all but the logit head, which was not trained."""
    tensors, _ = read_tensors(path)
    taken = {name: tensor for name, tensor in tensors.items() if not name.startswith("head.")}
    if encoder_alone:
        taken = {name: tensor for name, tensor in taken.items() if name.startswith("encoder.")}
    network.load_state_dict(network.state_dict() | taken)
