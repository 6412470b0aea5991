"""click_maps against plain torch and cv2: `python -m bench.click_maps [--json FILE]`."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch

import activefreq as af
from bench.race import Cell, main

RADIUS = 5


def random_clicks(batch: int, count: int, size: int) -> torch.Tensor:
    """(batch, count, 3) of y, x, label; half positive, half negative."""
    generator = torch.Generator().manual_seed(size)
    places = torch.randint(0, size, (batch, count, 2), generator=generator)
    return torch.cat([places, torch.randint(0, 2, (batch, count, 1), generator=generator)], dim=-1)


def with_cv2(points: torch.Tensor, size: int, radius: int = RADIUS) -> torch.Tensor:
    """Filled circles, image by image; cv2 fills slightly other disks, so pixels are not compared."""
    maps = np.zeros((len(points), 2, size, size), np.float32)
    for image, clicks in zip(maps, points.tolist(), strict=True):
        for y, x, label in clicks:
            cv2.circle(image[1 - label], (x, y), radius, 1.0, -1)
    return torch.from_numpy(maps)


def cells(batch: int, sizes: list[int]) -> Iterator[Cell]:
    """One cell per number of clicks and image size."""
    for count in (1, 20):
        for size in sizes:
            points = random_clicks(batch, count, size)

            def ours(points=points, size=size):
                return af.ops.click_maps(points, (size, size), RADIUS)

            def plain(points=points, size=size):
                return af.reference.click_maps(points, (size, size), RADIUS)

            def circles(points=points, size=size):
                return with_cv2(points, size)

            yield Cell({"clicks": count, "size": size}, batch, ours, {"plain torch": plain, "cv2": circles})


if __name__ == "__main__":
    main("click_maps", cells)
