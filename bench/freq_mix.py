"""freq_mix against eager PyTorch: `python -m bench.freq_mix [--json FILE] [--passes forward forward+backward] …`.

The points are the layers of a FreqFormer at 224 and 448 pixels, at batch 1 and 16. The baseline is the faster of two
eager forms, point by point: the plain-torch definition and one written with `rfft2` and `irfft2`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from rich.table import Table

import activefreq as af
from activefreq import _cpu
from bench.measure import copies_beyond_cache, geometric_mean, interleaved, ratio, summarise
from bench.passes import main

LAYERS = {
    "224": [(32, 56), (64, 28), (128, 14), (256, 7)],
    "448": [(32, 112), (64, 56), (128, 28), (256, 14)],
}  # channels, height = width


def eager_rfft2(
    x: torch.Tensor,
    conv_weight: torch.Tensor,
    conv_bias: torch.Tensor,
    weight_hw: torch.Tensor,
    weight_hc: torch.Tensor,
    weight_wc: torch.Tensor,
) -> torch.Tensor:
    """The module as one would write it by hand; on the CPU `irfft2` drops the same imaginary parts."""
    quarter = x.shape[1] // 4
    x1, x2, x3, x4 = x.split(quarter, dim=1)
    y = [F.conv2d(x1, conv_weight, conv_bias, padding=1, groups=quarter)]
    for part, weight, axes in (
        (x2, torch.view_as_complex(weight_hw), (2, 3)),
        (x3, torch.view_as_complex(weight_hc).unsqueeze(-1), (1, 2)),
        (x4, torch.view_as_complex(weight_wc).unsqueeze(1), (1, 3)),
    ):
        size = [part.shape[axis] for axis in axes]
        y.append(torch.fft.irfft2(torch.fft.rfft2(part, dim=axes) * weight, s=size, dim=axes))
    return torch.cat(y, dim=1)


CANDIDATES = {"ours": af.ops.freq_mix, "definition": af.reference.freq_mix, "rfft2": eager_rfft2}


def make_inputs(batch: int, channels: int, size: int) -> list[torch.Tensor]:
    """Random x and the five weights of one layer."""
    generator = torch.Generator().manual_seed(0)
    quarter, half = channels // 4, size // 2 + 1
    shapes = [
        (batch, channels, size, size),
        (quarter, 1, 3, 3),
        (quarter,),
        (quarter, size, half, 2),
        (quarter, half, 2),
        (quarter, half, 2),
    ]
    return [torch.randn(shape, generator=generator) for shape in shapes]


def measure_point(inputs: list[torch.Tensor], backward: bool, cold: bool, seconds: float) -> dict[str, Any]:
    """Seconds of each candidate, and how many times faster ours is than the faster eager form.

    `ratio` is taken round by round, `ratio_of_minima` between the fastest runs: on a busy machine the steadier figure.
    """
    copies = copies_beyond_cache(sum(t.nbytes for t in inputs)) if cold else 1
    rotation = [[t.clone().requires_grad_(backward) for t in inputs] for _ in range(copies)]
    gradient = torch.randn_like(inputs[0])

    def caller(function: Callable[..., torch.Tensor]) -> Callable[[list[torch.Tensor]], object]:
        if backward:
            return lambda arguments: torch.autograd.grad(function(*arguments), arguments, gradient)
        return lambda arguments: function(*arguments)

    times = interleaved({name: caller(f) for name, f in CANDIDATES.items()}, rotation, seconds=seconds)
    result = {name: summarise(values) for name, values in times.items()}
    best = min(("definition", "rfft2"), key=lambda name: result[name].median)
    least = min(result["definition"].minimum, result["rfft2"].minimum) / result["ours"].minimum
    return {**result, "ratio": ratio(times[best], times["ours"]), "ratio_of_minima": least}


def run(passes: list[str], caches: list[str], seconds: float) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All rows, and per pass and cache the geometric mean and the least of the ratios."""
    rows: list[dict[str, Any]] = []
    for pass_ in passes:
        for cache in caches:
            for batch in (1, 16):
                for image, layers in LAYERS.items():
                    for channels, size in layers:
                        with torch.set_grad_enabled(pass_ == "forward+backward"):
                            inputs = make_inputs(batch, channels, size)
                            point = measure_point(inputs, pass_ == "forward+backward", cache == "cold", seconds)
                        shape = [batch, channels, size, size]
                        rows.append({"pass": pass_, "cache": cache, "image": image, "shape": shape, **point})
    summary = {}
    for pass_ in passes:
        for cache in caches:
            chosen = [row for row in rows if (row["pass"], row["cache"]) == (pass_, cache)]
            for kind, ratios in (
                ("medians", [row["ratio"].median for row in chosen]),
                ("minima", [row["ratio_of_minima"] for row in chosen]),
            ):
                means = {"geometric_mean": geometric_mean(ratios), "least": min(ratios)}
                summary[f"{pass_}, {cache}, {kind}"] = means
    return rows, summary


def show(rows: list[dict[str, Any]]) -> Table:
    """Medians in microseconds, the ratio with its quartiles."""
    title = f"freq_mix, {_cpu.instruction_set()}, {torch.get_num_threads()} thread(s), µs"
    table = Table("pass", "cache", "shape", *CANDIDATES, "ratio", "quartiles", "minima", title=title)
    for row in rows:
        speed = row["ratio"]
        table.add_row(
            row["pass"],
            row["cache"],
            "×".join(str(n) for n in row["shape"]),
            *(f"{row[name].median * 1e6:.1f}" for name in CANDIDATES),
            f"{speed.median:.2f}",
            f"{speed.low:.2f} to {speed.high:.2f}",
            f"{row['ratio_of_minima']:.2f}",
        )
    return table


if __name__ == "__main__":
    main("freq_mix", "freq_mix against eager PyTorch", run, show, passes=["forward"])
