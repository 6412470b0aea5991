"""Clicks worth trying: where the error regions, or the network's doubts, are."""

from __future__ import annotations

import torch

from activefreq.ops.label import label
from activefreq.ops.select_click import select_click
from activefreq.reference.region_table import draw

__all__ = ["doubtful_pixels", "error_pixels"]

_CENTRES = 4


def error_pixels(
    prob: torch.Tensor, target: torch.Tensor, clicked: torch.Tensor, seed: int, count: int, threshold: float
) -> torch.Tensor:
    """Unclicked error pixels of one image: the clicks of the four best regions, then pixels drawn at random.

    The first is the click of "acselect" with its defaults; each further centre is that of the image without the
    regions before it. Every remaining error pixel is as likely as any other, so a region's share is its area.

    Args:
        prob: (H, W) float32.
        target: (H, W) int8.
        clicked: (H, W) bool.
        seed: of the draw.
        count: at most so many, at least 1.
        threshold: pixels above it are predicted object.

    Returns:
        (n,) int64 of y W + x, n <= count, without repetition; empty where there is no such pixel.
    """
    limit = torch.tensor(threshold, dtype=torch.float32, device=prob.device)
    errors = ((prob > limit) != (target == 1)) & (target != -1) & ~clicked
    centres = _centres(prob, target, clicked, min(count, _CENTRES), threshold)
    rest = errors.flatten().nonzero().squeeze(1)
    rest = rest[~torch.isin(rest, centres)]
    drawn = rest[draw(seed, rest).argsort(descending=True, stable=True)]
    return torch.cat([centres, drawn[: count - len(centres)]])


def _centres(
    prob: torch.Tensor, target: torch.Tensor, clicked: torch.Tensor, count: int, threshold: float
) -> torch.Tensor:
    """(n,) int64: the clicks of "acselect", each region left out once it had its turn."""
    found: list[int] = []
    left = target.clone()
    limit = torch.tensor(threshold, dtype=torch.float32, device=prob.device)
    for _ in range(count):
        click = select_click(prob[None], left[None], clicked[None], threshold=threshold)
        if not bool(click.valid):
            break
        y, x = int(click.y), int(click.x)
        found.append(y * prob.shape[1] + x)
        left[_region(((prob > limit) != (left == 1)) & (left != -1), left, y, x)] = -1
    return torch.tensor(found, dtype=torch.int64, device=prob.device)


def _region(errors: torch.Tensor, target: torch.Tensor, y: int, x: int) -> torch.Tensor:
    """(H, W) bool: the connected error region that holds a pixel."""
    same = errors & ((target == 1) == (target[y, x] == 1))
    labels, _ = label(same[None])
    return labels[0] == labels[0, y, x]


def doubtful_pixels(
    prob: torch.Tensor, clicked: torch.Tensor, ignored: torch.Tensor, seed: int, count: int
) -> torch.Tensor:
    """Unclicked pixels of one image drawn by the network's doubt, 1 - max(p, 1 - p); the truth is not asked.

    Weighted drawing without replacement: the largest log(u) / weight, u uniform (Efraimidis and Spirakis 2006).

    Args:
        prob: (H, W) float32.
        clicked: (H, W) bool.
        ignored: (H, W) bool, pixels of which nobody knows what they are.
        seed: of the draw.
        count: at most so many.

    Returns:
        (n,) int64 of y W + x, n <= count. Where there is no doubt at all, as in a mask that was given, every pixel
        counts alike.
    """
    doubt = torch.minimum(prob, 1 - prob).flatten().double()
    allowed = ~(clicked | ignored).flatten()
    if not (doubt[allowed] > 0).any():
        doubt = torch.ones_like(doubt)
    open_pixels = ((doubt > 0) & allowed).nonzero().squeeze(1)
    uniform = (draw(seed, open_pixels).double() + 2.0**-25).log()
    keys = uniform / doubt[open_pixels]
    return open_pixels[keys.argsort(descending=True, stable=True)[:count]]
