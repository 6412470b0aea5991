"""pytest-benchmark entries: every operator beside its plain torch twin.

Run with `pytest bench --benchmark-only -c bench/pytest.ini`; the tables of the project come from the other files here,
which interleave the candidates. These are for comparing two commits (`--benchmark-autosave`, `--benchmark-compare`).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import activefreq as af

torch.set_num_threads(1)


def _filter_arguments() -> tuple[torch.Tensor, ...]:
    x = torch.randn(4, 64, 28, 28)
    return x, torch.randn(16, 1, 3, 3), torch.randn(16), torch.randn(16, 28, 15, 2), *torch.randn(2, 16, 15, 2)


FILTER = _filter_arguments()
PROB, TARGET = torch.rand(4, 224, 224), (torch.rand(4, 224, 224) > 0.5).to(torch.int8)
MASK = torch.nn.functional.avg_pool2d(torch.rand(4, 1, 224, 224), 9, 1, 4)[:, 0] > 0.5
POINTS = torch.cat([torch.randint(0, 224, (4, 10, 2)), torch.randint(0, 2, (4, 10, 1))], dim=-1)
PLANES = torch.randn(4, 32, 56, 56)
BOXES = torch.tensor([[0.0, 0.0, 56.0, 56.0]] * 4)
VOLUME = torch.randn(1, 8, 40, 56, 40)
BANDS = af.reference.band_split(VOLUME)
SPECTRUM = torch.randn(1, 32, 56, 29, 2)

CALLS: dict[str, Callable[[object], object]] = {
    "freq_mix": lambda module: module.freq_mix(*FILTER),
    "spectral_filter": lambda module: module.spectral_filter(PLANES, SPECTRUM, (2, 3)),
    "haar_dwt2": lambda module: module.haar_dwt2(PLANES),
    "band_split": lambda module: module.band_split(VOLUME),
    "band_merge": lambda module: module.band_merge(*BANDS),
    "roi_align": lambda module: module.roi_align(PLANES, BOXES, torch.arange(4), (64, 64)),
    "label": lambda module: module.label(MASK),
    "squared_distance": lambda module: module.squared_distance(MASK),
    "click_maps": lambda module: module.click_maps(POINTS, (224, 224), 5.0),
}


@pytest.mark.parametrize("operator", CALLS)
@pytest.mark.parametrize("side", ["ops", "reference"])
def test_operator(benchmark, operator, side):
    """One operator, ours and its twin."""
    benchmark.group = operator
    benchmark(CALLS[operator], getattr(af, side))


def test_select_click(benchmark):
    """The default selection; its twin is too slow to wait for."""
    benchmark.group = "select_click"
    benchmark(af.ops.select_click, PROB, TARGET)
