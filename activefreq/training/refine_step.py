"""One training step of stage two: the refine layer on a focus crop, alone or with the network below it."""

from __future__ import annotations

import torch

from activefreq import crops
from activefreq.models.freqformer import FreqFormer
from activefreq.models.network_input import network_input
from activefreq.models.refinement import refine
from activefreq.nn.enlarge import enlarge
from activefreq.training.chance import Chance
from activefreq.training.configuration import TrainingConfig
from activefreq.training.losses import click_loss, correct_region_weight
from activefreq.training.steps import CoarseStep
from activefreq.training.trimap import refinement_loss

__all__ = ["RefineStep", "training_focus_boxes"]

_SMALLEST = 0.1  # side of a focus box, as a share of the image's longer one


class RefineStep(CoarseStep):
    """The clicks of stage one, then the refine layer on one focus crop of each image.

    With config.stage = "refine" the network below is frozen: no gradient, running statistics, no stochastic depth.
    With "both" its loss is added. Images may be larger than the network's input, to which they are resized for it; the
    focus crop is cut from them as they are, which is what refinement is for.

    Args:
        network: with a refine layer.
        config: as for `CoarseStep`.
    """

    network: FreqFormer

    def __init__(self, network: FreqFormer, config: TrainingConfig) -> None:
        super().__init__(network, config)
        if network.refine_layer is None:
            raise ValueError(f"train: stage {config.stage} needs a network with a refine layer")
        self._refine_layer = network.refine_layer.requires_grad_(True)
        self._joint = config.stage == "both"
        if not self._joint:
            network.requires_grad_(False)
            network.refine_layer.requires_grad_(True)

    def train(self, mode: bool = True) -> RefineStep:
        """As in any module, but that a frozen network stays in eval mode."""
        super().train(mode)
        if not self._joint:
            self.network.eval()
            self._refine_layer.train(mode)
        return self

    def forward(self, images: torch.Tensor, masks: torch.Tensor, chance: Chance) -> torch.Tensor:
        """The loss of (B, 3, H, W) images in [0, 1] and (B, H, W) masks, both on the network's device: a scalar."""
        config = self.config
        clicks, previous = self._interact(images, masks, chance)
        with torch.set_grad_enabled(self._joint and torch.is_grad_enabled()):
            features, small = self._features_and_logits(images, clicks, previous)
            logits = enlarge(small.float(), masks.shape[-2:]).squeeze(1)
        weight = None
        if config.correct_weight != 1.0:
            weight = correct_region_weight(previous, masks, config.correct_weight)
        boxes = training_focus_boxes(previous, logits.detach().sigmoid(), masks, clicks, chance)
        with self._arithmetic(images.device):
            refined = refine(self.network, images, clicks, features, small, boxes, crops.whole_boxes(images))
        size = refined.logits.shape[-2:]
        loss = refinement_loss(
            refined.logits.float().squeeze(1),
            refined.trimap.float().squeeze(1),
            _cropped_target(masks, boxes, size),
            None if weight is None else crops.crop(weight.unsqueeze(1), boxes, size).squeeze(1),
        )
        if self._joint:
            loss = loss + click_loss(logits, masks, previous, config.dice_weight, config.correct_weight)
        return loss

    def _logits(self, images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        _, small = self._features_and_logits(images, clicks, previous)
        return enlarge(small.float(), images.shape[-2:]).squeeze(1)

    def _features_and_logits(
        self, images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        size = (self.network.config.input_size,) * 2
        frames = crops.whole_boxes(images)
        pixels = torch.cat([images, previous.unsqueeze(1)], dim=1)
        if tuple(images.shape[-2:]) != size:
            samples = max(1, round(max(images.shape[-2:]) / size[0]))  # against aliasing, as the predictor does
            pixels, clicks = crops.crop(pixels, frames, size, samples), crops.clicks_within(clicks, frames, size)
        with self._arithmetic(images.device):
            x = network_input(pixels[:, :3], clicks, pixels[:, 3])
            return self.network.features_and_logits(x.contiguous(memory_format=torch.channels_last))


def training_focus_boxes(
    previous: torch.Tensor, probability: torch.Tensor, target: torch.Tensor, clicks: torch.Tensor, chance: Chance
) -> torch.Tensor:
    """Focus boxes as a predictor will choose them, and around whole objects, half of the time each, both shaken.

    Args:
        previous: (B, H, W) probabilities before the newest click.
        probability: (B, H, W) after it.
        target: (B, H, W) of 1, 0, -1.
        clicks: (B, K, 3) of (y, x, label).
        chance: of these images, on their device.

    Returns:
        (B, 4) boxes inside the image: 1.1 to 1.8 times the box of the change, or of object and prediction together,
        moved by up to a tenth of their sides. The box is the image where there is nothing.

    Source: FocalClick's random crops in training; the shares and ranges are ours.
    """
    whole = crops.whole_boxes(previous)
    changed = crops.focus_boxes(previous, probability, clicks, expansion=1.0, minimum_side=1.0)
    both, some = crops.boxes_of_masks((target == 1) | (probability > 0.5))
    boxes = torch.where((chance.uniform(0, 1) < 0.5).view(-1, 1) & some.view(-1, 1), both, changed)
    side = boxes[:, 2:] - boxes[:, :2]
    shift = side * chance.uniform(-0.1, 0.1, 2)
    half = side * chance.uniform(1.1, 1.8, 1) / 2
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + shift
    smallest = _SMALLEST * max(previous.shape[-2:])
    return crops.expand_boxes(torch.cat([centre - half, centre + half], dim=1), 1.0, smallest, whole)


def _cropped_target(masks: torch.Tensor, boxes: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """(B, *size) of 1, 0, -1: ignored wherever an ignored pixel takes part."""
    planes = torch.stack([masks == 1, masks == -1], dim=1).float()
    inside, ignored = crops.crop(planes, boxes, size).unbind(dim=1)
    return torch.where(ignored > 0, -1, (inside > 0.5).long())
