"""Error masks to select clicks from: realistic ones, one large region, and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SCENES = ("realistic", "blob", "noise")


def scene(kind: str, batch: int, size: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Probabilities and targets, (batch, size, size) each."""
    generator = np.random.default_rng([seed, size])
    pairs = [_SCENES[kind](generator, size) for _ in range(batch)]
    prob, target = (np.stack(parts) for parts in zip(*pairs, strict=True))
    return prob.astype(np.float32), target


def _field(generator: np.random.Generator, size: int, sigma: float) -> NDArray[np.float32]:
    values = generator.standard_normal((size, size)).astype(np.float32)
    smooth = ndimage.gaussian_filter(values, sigma, mode="reflect")
    return (smooth - smooth.mean()) / smooth.std()


def _realistic(generator: np.random.Generator, size: int) -> tuple[NDArray, NDArray]:
    """A lesion with an irregular border, predicted with errors of several scales along it."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    height = _field(generator, size, size / 10) + 0.6 - 6 * (y**2 + x**2)
    error = 0.25 * _field(generator, size, size / 28) + 0.1 * _field(generator, size, size / 75)
    speckle = 0.02 * generator.standard_normal((size, size))
    return 1 / (1 + np.exp(-6 * (height + error + speckle))), height > 0


def _blob(generator: np.random.Generator, size: int) -> tuple[NDArray, NDArray]:
    """One missed disk of radius 0.35 of the image."""
    y, x = np.mgrid[:size, :size]
    cy, cx = size / 2 + generator.normal(0, size / 50, 2)
    texture = ndimage.gaussian_filter(generator.standard_normal((size, size)), 3)
    return np.clip(0.25 + 0.5 * texture, 0.01, 0.49), (y - cy) ** 2 + (x - cx) ** 2 < (0.35 * size) ** 2


def _noise(generator: np.random.Generator, size: int) -> tuple[NDArray, NDArray]:
    """A quarter of the pixels missed, a quarter wrong, each on its own."""
    return generator.random((size, size)), generator.random((size, size)) < 0.5


_SCENES = {"realistic": _realistic, "blob": _blob, "noise": _noise}
