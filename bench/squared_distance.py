"""squared_distance against cv2's precise transform, edt and scipy: `python -m bench.squared_distance [--json FILE]`.

The peers get their masks with a border of zeros already around them where they need one.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import torch
from scipy import ndimage

import activefreq as af
from bench.race import Cell, main
from bench.scenes import SCENES, scene


def masks(kind: str, batch: int, size: int) -> np.ndarray:
    """`target`: the objects; `errors`: the wrong pixels; `scattered`: all but one pixel in ten thousand."""
    if kind == "scattered":
        return np.random.default_rng(size).random((batch, size, size)) < 0.9999
    name, part = kind.split(" ")
    prob, target = scene(name, batch, size)
    return target if part == "target" else (prob > 0.5) != target


def transforms() -> dict[str, Callable[[np.ndarray], object]]:
    """Functions of one mask with a border of zeros, as uint8."""
    functions: dict[str, Callable[[np.ndarray], object]] = {
        "cv2": lambda wide: cv2.distanceTransform(wide, cv2.DIST_L2, cv2.DIST_MASK_PRECISE),
        "scipy": ndimage.distance_transform_edt,
    }
    if importlib.util.find_spec("edt"):
        import edt

        functions["edt"] = lambda wide: edt.edtsq(wide, parallel=1)
    return functions


def cells(batch: int, sizes: list[int]) -> Iterator[Cell]:
    """One cell per kind of mask and image size."""
    kinds = [f"{name} {part}" for name in SCENES for part in ("target", "errors")]
    for kind in (*kinds, "scattered"):
        for size in sizes:
            mask = masks(kind, batch, size)
            wide, tensor = list(np.pad(mask, ((0, 0), (1, 1), (1, 1))).view(np.uint8)), torch.from_numpy(mask)

            def ours(tensor=tensor):
                return af.ops.squared_distance(tensor)

            def peer(function: Callable[[np.ndarray], object], wide=wide):
                return lambda: [function(image) for image in wide]

            peers = {name: peer(function) for name, function in transforms().items()}
            yield Cell({"mask": kind, "size": size}, batch, ours, peers)


if __name__ == "__main__":
    main("squared_distance", cells)
