"""Seconds per training epoch beside a plain loop's: `python -m bench.training_epoch --data path/to/isic2017`.

Both train the same network on the same batches with the same loss. The plain loop is written as the field's code bases
write theirs: samples are decoded from disk with PIL for every step, augmented one by one with numpy and cv2, and
clicked one by one with cv2's distance transform; arithmetic is float32. Ours is `activefreq train`'s step: pixels held
in memory, augmentation and clicks for the whole batch at once, in float32 and in bfloat16.

The loops take turns, a step each, with 0, 1, 2, 3 passes without gradient in turn; a ratio is taken within a round.
The seconds of an epoch are the mean step's times the steps of an epoch, without validation and checkpoints.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Subset

from activefreq.data import open_dataset
from activefreq.models import FreqFormer
from activefreq.models.network_input import network_input
from activefreq.training.augmentation import augment
from activefreq.training.chance import Chance
from activefreq.training.configuration import TrainingConfig
from activefreq.training.losses import click_loss
from activefreq.training.pixels import load_pixels
from activefreq.training.steps import CoarseStep
from bench.measure import ratio, summarise, write_json

PASSES = 4  # 0 to 3 without gradient, as many rounds of each


class _Passes(Chance):
    """Chance that fixes how many passes a step makes."""

    def __init__(self, seed: int, batch: int, passes: int) -> None:
        super().__init__(torch.Generator().manual_seed(seed), batch)
        self._passes = passes

    def integer(self, low: int, high: int) -> int:
        return self._passes


def ours(network: FreqFormer, samples: Any, config: TrainingConfig) -> Callable[[NDArray[np.int64], int], torch.Tensor]:
    """A step of `activefreq train`: indices and passes → loss."""
    images, masks = load_pixels(samples, config.crop)
    step = CoarseStep(network, config)

    def run(indices: NDArray[np.int64], passes: int) -> torch.Tensor:
        chance = _Passes(int(indices[0]), len(indices), passes)
        return step(*augment(images[indices].float() / 255, masks[indices], chance), chance)

    return run


def plain(
    network: FreqFormer, samples: Any, config: TrainingConfig
) -> Callable[[NDArray[np.int64], int], torch.Tensor]:
    """The same step, one image after the other."""
    side = config.crop

    def run(indices: NDArray[np.int64], passes: int) -> torch.Tensor:
        generator = np.random.default_rng(int(indices[0]))
        pairs = [_plain_augmentation(samples[int(index)], side, generator) for index in indices]
        images = torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image, _ in pairs])
        masks = torch.stack([torch.from_numpy(mask) for _, mask in pairs])
        clicks = [_plain_first_clicks(mask, config, generator) for _, mask in pairs]
        previous = torch.zeros(masks.shape)
        for _ in range(passes):
            with torch.no_grad():
                previous = network(network_input(images, _padded(clicks), previous)).squeeze(1).sigmoid()
            for (_, mask), answer, made in zip(pairs, previous.numpy(), clicks, strict=True):
                made += _plain_corrective_click(answer, mask, generator)
        logits = network(network_input(images, _padded(clicks), previous)).squeeze(1)
        return click_loss(logits, masks, previous, config.dice_weight, config.correct_weight)

    return run


def _plain_augmentation(
    sample: Any, side: int, generator: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    image = np.array(Image.fromarray(sample.image).resize((side, side), Image.Resampling.BILINEAR))
    mask = np.array(Image.fromarray((sample.mask == 1).astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST))
    if generator.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    centre = (side / 2, side / 2)
    matrix = cv2.getRotationMatrix2D(centre, generator.uniform(-180, 180), generator.uniform(0.75, 1.25))
    matrix[:, 2] += generator.uniform(-0.1, 0.1, 2) * side
    size = (side, side)
    image = cv2.warpAffine(np.ascontiguousarray(image), matrix, size, borderMode=cv2.BORDER_REFLECT)
    mask = cv2.warpAffine(
        np.ascontiguousarray(mask), matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT
    )
    pixels = image.astype(np.float32) / 255
    average = pixels.mean()
    pixels = (pixels - average) * generator.uniform(0.8, 1.2) + average + generator.uniform(-0.1, 0.1)
    return np.clip(pixels, 0, 1).astype(np.float32), mask.astype(np.int8)


def _plain_first_clicks(
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


def _plain_corrective_click(
    answer: NDArray[np.float32], mask: NDArray[np.int8], generator: np.random.Generator
) -> list[tuple[int, int, int]]:
    missed, extra = _depth((mask == 1) & (answer <= 0.5)), _depth((mask == 0) & (answer > 0.5))
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


def measure(samples: Any, config: TrainingConfig, rounds: int, **shape: Any) -> dict[str, list[float]]:
    """Seconds of every step, by loop; the first step of each is not counted."""
    loops: dict[str, Callable[[NDArray[np.int64], int], float]] = {}

    def timed(name: str, step: Callable[[NDArray[np.int64], int], torch.Tensor], network: FreqFormer) -> None:
        optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)

        def once(indices: NDArray[np.int64], passes: int) -> float:
            start = time.perf_counter()
            loss = step(indices, passes)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            loss.item()
            return time.perf_counter() - start

        loops[name] = once

    for name, make, settings in (
        ("activefreq, float32", ours, config),
        ("activefreq, bfloat16", ours, replace(config, autocast=True)),
        ("plain loop, float32", plain, config),
    ):
        torch.manual_seed(0)
        network = FreqFormer(**shape).train()
        if make is ours:
            network.encoder.to(memory_format=torch.channels_last)
        timed(name, make(network, samples, settings), network)
    generator = np.random.default_rng(0)
    times: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(-1, rounds):
        indices = generator.permutation(len(samples))[: config.batch_size]
        for name, once in loops.items():
            seconds = once(indices, number % PASSES)
            if number >= 0:
                times[name].append(seconds)
    return times


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of a data set")
    parser.add_argument("--split", default="train")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2 * PASSES, help="steps of each loop that are timed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(given.threads)
    dataset = open_dataset(given.data, split=given.split)
    config = TrainingConfig(batch_size=given.batch_size)
    steps = len(dataset) // config.batch_size
    held = Subset(dataset, range(min(len(dataset), 8 * config.batch_size)))
    times = measure(held, config, given.rounds)
    slowest = times["plain loop, float32"]
    rows = []
    for name, seconds in times.items():
        faster = ratio(slowest, seconds)
        epoch = steps * mean(seconds)
        rows.append({"loop": name, "step": summarise(seconds), "epoch_seconds": epoch, "times_faster": faster})
        print(
            f"{name:22} {epoch:8.1f} s per epoch of {steps} steps   "
            f"{faster.median:.2f} times as fast as the plain loop ({faster.low:.2f} to {faster.high:.2f})"
        )
    if given.json:
        settings = {"data": dataset.name, "split": given.split, "batch_size": config.batch_size, "side": config.crop}
        write_json(given.json, "training_epoch", rows, {**settings, "rounds": given.rounds, "steps": steps})


if __name__ == "__main__":
    main()
