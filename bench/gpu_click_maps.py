"""click_maps on a GPU against its plain torch twin on the same card, for `bench.gpu`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

import activefreq as af
from bench.gpu_timing import within
from bench.measure import interleaved, ratio, summarise


def rows(seconds: float) -> Iterator[dict[str, Any]]:
    """One row per size and batch, in about so many seconds."""
    points = [(size, batch) for size in (224, 448, 1024) for batch in (1, 16)]
    return within(seconds, points, lambda point, share: _row(*point, share))


def _row(size: int, batch: int, seconds: float, clicks: int = 20) -> dict[str, Any]:
    """Microseconds per call of kernel and twin, synchronised, and the ratio."""
    points = (torch.rand(batch, clicks, 3) * torch.tensor([size, size, 2.0])).cuda()
    points[:, :, 2].floor_()
    candidates = {
        "ours": lambda p: af.ops.click_maps(p, (size, size), 5.0),
        "plain torch": lambda p: af.reference.click_maps(p, (size, size), 5.0),
    }
    times = interleaved(candidates, [points], seconds, synchronise=torch.cuda.synchronize)
    row: dict[str, Any] = {"size": size, "batch": batch, "unit": "microseconds"}
    row |= {name: summarise([1e6 * value for value in values]) for name, values in times.items()}
    return row | {"ratio": ratio(times["plain torch"], times["ours"])}
