"""The second stage: the refine layer on focus crops (paper, section 3.3)."""

from __future__ import annotations

import torch

from activefreq.crops import boxes_within, clicks_within, crop
from activefreq.models.freqformer import FreqFormer
from activefreq.models.network_input import network_input
from activefreq.nn.refine_layer import Refined

__all__ = ["refine"]


def refine(
    network: FreqFormer,
    images: torch.Tensor,
    clicks: torch.Tensor,
    features: torch.Tensor,
    logits: torch.Tensor,
    boxes: torch.Tensor,
    frames: torch.Tensor,
    size: int | None = None,
) -> Refined:
    """Redraw one box of each image with the network's refine layer.

    Image and logits are cut at `size` × `size`, the features at their own resolution; the clicks move along.
    Differentiable in the refine layer, in features and in logits. Takes many images, waits for nothing.

    Args:
        network: with a refine layer.
        images: (B, 3, H, W) float in [0, 1].
        clicks: (B, K, 3) of (y, x, label) in pixels of these images.
        features: (B, C, h, w) and
        logits: (B, 1, h, w): what `network.features_and_logits` answered on the crops that show `frames`.
        boxes: (B, 4) focus boxes in pixel edges of the images, from `activefreq.crops.focus_boxes`.
        frames: (B, 4) target boxes, or `activefreq.crops.whole_boxes(images)`.
        size: side of the crops; None is the network's input_size.

    Returns:
        `Refined`: logits and trimap (B, 1, size, size) of the boxes; `activefreq.crops.place` brings them back.

    Raises:
        ValueError: the network has no refine layer.
    """
    if network.refine_layer is None:
        raise ValueError("refine: the network has no refine layer; FreqFormer(refine_width=32) has one")
    side = (size or network.config.input_size,) * 2
    shape = features.shape[-2:]
    within = boxes_within(boxes, frames, shape)
    coarse = crop(logits.float(), within, side)
    x = network_input(crop(images, boxes, side), clicks_within(clicks, boxes, side), coarse.squeeze(1).sigmoid())
    refined: Refined = network.refine_layer(x, crop(features.float(), within, shape), coarse)
    return refined
