"""Masks to be corrected: the truth with discs added and cut out, until its IoU lies between .75 and .85.

DAVIS-585, the field's data set for editing (FocalClick, Chen et al. 2022), draws such masks in the same range of IoU.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from activefreq.data import Sample

__all__ = ["Damaged", "damage", "overlap"]

LEAST, MOST = 0.75, 0.85
TRIES = 400


class Damaged:
    """A data set whose samples have a damaged copy of their truth to start from, drawn from their names."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.name, self.split, self.names = dataset.name, dataset.split, dataset.names

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Sample:
        sample: Sample = self._dataset[index]
        given = damage(sample.mask == 1, np.random.default_rng(zlib.crc32(sample.name.encode())))
        return dataclasses.replace(sample, given=given.astype(np.int8))


def damage(truth: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.bool_]:
    """Discs around pixels of the truth's edge are added or cut out, those that would overshoot are taken back.

    Their radii are 10 to 30 % of the side of a square of the truth's area. Where no draw ends in the range, as with
    objects of a few pixels, what came nearest is taken.
    """
    inner = np.pad(truth, 1)
    inside = inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    edge = np.argwhere(truth & ~inside)
    rows, columns = np.indices(truth.shape)
    side, mask = math.sqrt(truth.sum()), truth.copy()
    for _ in range(TRIES):
        if overlap(mask, truth) <= MOST:
            break
        y, x = edge[generator.integers(len(edge))]
        disc = np.hypot(rows - y, columns - x) <= generator.uniform(0.1, 0.3) * side
        tried = mask | disc if generator.random() < 0.5 else mask & ~disc
        if overlap(tried, truth) >= LEAST:
            mask = tried
    return mask


def overlap(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """IoU of two masks of which one has a pixel."""
    return float((mask & truth).sum() / (mask | truth).sum())
