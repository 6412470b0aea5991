"""roi_align against grid_sample and plain torch: `python -m bench.roi_align [--json FILE] [--passes …] …`.

Crops as a click takes them: of images and click maps (six channels) to the network's input, and of features at stride 4
to the refine layer's. The alternative is `grid_sample` on its grid of the boxes, with the images gathered first, or a
product with the two interpolation matrices; the faster of the two counts, point by point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from rich.table import Table

import activefreq as af
from activefreq import _cpu
from bench.measure import Summary, copies_beyond_cache, geometric_mean, interleaved, ratio, summarise
from bench.passes import main

# Features (batch, channels, height, width), and side of the crops.
POINTS = [
    ((16, 6, 256, 256), 224),
    ((1, 6, 1024, 1024), 224),
    ((16, 1, 224, 224), 256),
    ((1, 128, 56, 56), 128),
    ((16, 128, 56, 56), 64),
    ((16, 256, 64, 64), 64),
]
BASELINES = ("grid_sample", "matrices")
Crop = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def with_grid_sample(features: torch.Tensor, boxes: torch.Tensor, index: torch.Tensor, side: int) -> torch.Tensor:
    """The same crop of boxes that lie inside: torch's sampler, whose coordinates run from -1 to 1 over the image."""
    height, width = features.shape[-2:]
    scale = boxes.new_tensor([2 / height, 2 / width, 2 / height, 2 / width])
    y0, x0, y1, x1 = (boxes * scale - 1).unbind(dim=1)
    zero = torch.zeros_like(y0)
    rows = [torch.stack([(x1 - x0) / 2, zero, (x0 + x1) / 2], 1), torch.stack([zero, (y1 - y0) / 2, (y0 + y1) / 2], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), [len(boxes), features.shape[1], side, side], align_corners=False)
    images = features if len(index) == len(features) else features[index]
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def candidates(side: int) -> dict[str, Crop]:
    """Ours and its alternatives."""
    return {
        "ours": lambda x, boxes, index: af.ops.roi_align(x, boxes, index, (side, side)),
        "grid_sample": lambda x, boxes, index: with_grid_sample(x, boxes, index, side),
        "matrices": lambda x, boxes, index: af.reference.roi_align(x, boxes, index, (side, side)),
    }


def measure_point(
    shape: tuple[int, int, int, int], side: int, backward: bool, cold: bool, seconds: float
) -> dict[str, Summary | str]:
    """Seconds of each candidate, the faster alternative, and `ratio`: how many times faster ours is than that one."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(shape, generator=generator)
    corners = torch.rand(shape[0], 2, 2, generator=generator) * 0.4  # of the image, from two opposite corners
    size = torch.tensor(shape[2:], dtype=torch.float32)
    boxes = torch.cat([corners[:, 0] * size, (1 - corners[:, 1]) * size], dim=1)
    index = torch.arange(shape[0])
    crops = candidates(side)
    expected = crops["ours"](features, boxes, index)
    for name in BASELINES:
        torch.testing.assert_close(crops[name](features, boxes, index), expected, rtol=1e-3, atol=1e-3)
    gradient = torch.ones_like(expected)

    def caller(crop: Crop) -> Callable[[torch.Tensor], object]:
        if not backward:
            return lambda x: crop(x, boxes, index)
        return lambda x: torch.autograd.grad(crop(x, boxes, index), x, gradient)

    copies = copies_beyond_cache(features.nbytes) if cold else 1
    inputs = [features.clone().requires_grad_(backward) for _ in range(copies)]
    times = interleaved({name: caller(crop) for name, crop in crops.items()}, inputs, seconds=seconds)
    result = {name: summarise(values) for name, values in times.items()}
    best = min(BASELINES, key=lambda name: result[name].median)
    return {**result, "faster": best, "ratio": ratio(times[best], times["ours"])}


def run(passes: list[str], caches: list[str], seconds: float) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All rows, and per pass and cache the geometric mean and the least of the median ratios."""
    rows: list[dict[str, Any]] = []
    summary = {}
    for pass_ in passes:
        for cache in caches:
            ratios = []
            for shape, side in POINTS:
                backward = pass_ == "forward+backward"
                with torch.set_grad_enabled(backward):
                    point = measure_point(shape, side, backward, cache == "cold", seconds)
                rows.append({"pass": pass_, "cache": cache, "shape": list(shape), "side": side, **point})
                ratios.append(point["ratio"].median)
            summary[f"{pass_}, {cache}"] = {"geometric_mean": geometric_mean(ratios), "least": min(ratios)}
    return rows, summary


def show(rows: list[dict[str, Any]]) -> Table:
    """Medians in milliseconds, the ratio to the faster alternative with its quartiles."""
    title = f"roi_align, {_cpu.instruction_set()}, {torch.get_num_threads()} thread(s), ms"
    table = Table("pass", "cache", "features", "crop", "ours", *BASELINES, "ratio", "quartiles", title=title)
    for row in rows:
        speed = row["ratio"]
        table.add_row(
            row["pass"],
            row["cache"],
            "×".join(str(n) for n in row["shape"]),
            str(row["side"]),
            *(f"{row[name].median * 1e3:.3f}" for name in ("ours", *BASELINES)),
            f"{speed.median:.2f}",
            f"{speed.low:.2f} to {speed.high:.2f}",
        )
    return table


if __name__ == "__main__":
    main("roi_align", "roi_align against grid_sample and interpolation matrices", run, show)
