"""Seconds per training epoch beside a plain loop's: `python -m bench.training_epoch --data path/to/isic2017`.

Both train the same network on the same batches with the same loss. The plain loop
(`activefreq/training/plain_loop.py`) is written as the field's code bases write theirs; ours is `activefreq train`'s
step: pixels held in memory, augmentation and clicks for the whole batch at once, in float32 and in bfloat16.

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
from torch.utils.data import Subset

from activefreq.data import open_dataset
from activefreq.models import FreqFormer
from activefreq.training.augmentation import augment
from activefreq.training.chance import Chance
from activefreq.training.configuration import TrainingConfig
from activefreq.training.pixels import load_pixels
from activefreq.training.plain_loop import plain_step
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
        ("plain loop, float32", plain_step, config),
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
