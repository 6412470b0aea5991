"""The training step as the field's code bases write theirs, to say beside `activefreq train` what it gains.

Samples are decoded from their files with PIL for every step, augmented one by one with numpy and cv2, and clicked one
by one with cv2's distance transform; arithmetic is float32. The network, the batches and the loss are those of
`activefreq.training.loop.train`. Needs cv2 (opencv-python-headless), which nothing else here does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from statistics import fmean

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from activefreq.data.samples import Dataset, Sample
from activefreq.models.network_input import network_input
from activefreq.training.configuration import TrainingConfig
from activefreq.training.losses import click_loss

__all__ = ["plain_epoch_seconds", "plain_step"]


def plain_epoch_seconds(network: nn.Module, dataset: Dataset, config: TrainingConfig) -> float:
    """Seconds that an epoch of the plain loop would take here, without validation and checkpoints.

    One step for each number of passes without gradient that config.iterations allows, after one that is not counted;
    their mean times the steps of an epoch.

    Args:
        network: on the device to be measured; a copy of it is trained.
        dataset: at least a batch of samples.
        config: of a run with stage "coarse". Bfloat16, crops around the object, other colours, AcSelect's clicks,
            weight decay, the shortening of gradients and the running mean are left out, which makes it a little faster.
    """
    cv2.setNumThreads(torch.get_num_threads())
    network = deepcopy(network).train()
    for parameter in network.parameters():  # of which ours keeps some with channels last
        parameter.data = parameter.data.contiguous()
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    step = plain_step(network, dataset, config)
    generator = np.random.default_rng(config.seed)
    times = []
    for number in range(-1, config.iterations + 1):
        indices = generator.permutation(len(dataset))[: config.batch_size]
        started = time.perf_counter()
        loss = step(indices, max(0, number))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()  # waits for a GPU
        times.append(time.perf_counter() - started)
    return fmean(times[1:]) * (len(dataset) // config.batch_size)


def plain_step(
    network: nn.Module, samples: Dataset, config: TrainingConfig
) -> Callable[[NDArray[np.int64], int], torch.Tensor]:
    """One step, one image after the other: positions of the samples and passes without gradient → loss."""
    side, device = config.crop, next(network.parameters()).device

    def answer(images: torch.Tensor, clicks: list[list[tuple[int, int, int]]], previous: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = network(network_input(images, _padded(clicks).to(device), previous)).squeeze(1)
        return logits

    def run(indices: NDArray[np.int64], passes: int) -> torch.Tensor:
        generator = np.random.default_rng(int(indices[0]))
        pairs = [_augmentation(samples[int(index)], side, generator) for index in indices]
        images = torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image, _ in pairs]).to(device)
        masks = torch.stack([torch.from_numpy(mask) for _, mask in pairs]).to(device)
        clicks = [_first_clicks(mask, config, generator) for _, mask in pairs]
        previous = torch.zeros(masks.shape, device=device)
        for _ in range(passes):
            with torch.no_grad():
                previous = answer(images, clicks, previous).sigmoid()
            for (_, mask), probability, made in zip(pairs, previous.cpu().numpy(), clicks, strict=True):
                made += _corrective_click(probability, mask, generator)
        logits = answer(images, clicks, previous)
        return click_loss(logits, masks, previous, config.dice_weight, config.correct_weight)

    return run


def _augmentation(
    sample: Sample, side: int, generator: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    image = np.array(Image.fromarray(sample.image).resize((side, side), Image.Resampling.BILINEAR))
    mask = np.array(Image.fromarray((sample.mask == 1).astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST))
    if generator.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    centre = (side / 2, side / 2)
    matrix = cv2.getRotationMatrix2D(centre, generator.uniform(-180, 180), generator.uniform(0.75, 1.25))
    matrix[:, 2] = matrix[:, 2] + generator.uniform(-0.1, 0.1, 2) * side
    size = (side, side)
    image = cv2.warpAffine(np.ascontiguousarray(image), matrix, size, borderMode=cv2.BORDER_REFLECT)
    mask = cv2.warpAffine(
        np.ascontiguousarray(mask), matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT
    )
    pixels = image.astype(np.float32) / 255
    average = pixels.mean()
    pixels = (pixels - average) * generator.uniform(0.8, 1.2) + average + generator.uniform(-0.1, 0.1)
    return np.clip(pixels, 0, 1).astype(np.float32), mask.astype(np.int8)


def _first_clicks(
    mask: NDArray[np.int8], config: TrainingConfig, generator: np.random.Generator
) -> list[tuple[int, int, int]]:
    odds = config.click_decay ** np.arange(config.most_clicks)
    positive = 1 + generator.choice(config.most_clicks, p=odds / odds.sum())
    negative = generator.choice(config.most_clicks, p=odds / odds.sum())
    depth = _depth(mask == 1)
    near = cv2.dilate((mask == 1).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=round(0.08 * len(mask)))
    clicks = _pick(depth > depth.max() / 1.7, 1, 1, generator) + _pick(mask == 1, positive - 1, 1, generator)
    border = generator.binomial(negative, 0.5)
    return (
        clicks
        + _pick((near == 1) & (mask == 0), border, 0, generator)
        + _pick(mask == 0, negative - border, 0, generator)
    )


def _corrective_click(
    probability: NDArray[np.float32], mask: NDArray[np.int8], generator: np.random.Generator
) -> list[tuple[int, int, int]]:
    missed, extra = _depth((mask == 1) & (probability <= 0.5)), _depth((mask == 0) & (probability > 0.5))
    positive = bool(missed.max() > extra.max())
    depth = missed if positive else extra
    return _pick(depth > depth.max() / 2, 1, int(positive), generator)


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    padded = np.pad(mask.astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 0)[1:-1, 1:-1], dtype=np.float32)


def _pick(
    candidates: NDArray[np.bool_], count: int, label: int, generator: np.random.Generator
) -> list[tuple[int, int, int]]:
    places = np.argwhere(candidates)
    if not len(places):
        return []
    return [(int(y), int(x), label) for y, x in places[generator.integers(len(places), size=count)]]


def _padded(clicks: list[list[tuple[int, int, int]]]) -> torch.Tensor:
    longest = max(1, *(len(made) for made in clicks))
    return torch.tensor([made + [(-1, -1, -1)] * (longest - len(made)) for made in clicks])
