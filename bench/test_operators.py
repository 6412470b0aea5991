"""pytest-benchmark entries: every operator, forward and backward, beside its plain torch twin.

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
WAVELETS = af.reference.haar_dwt2(PLANES)
SPECTRUM = torch.randn(1, 32, 56, 29, 2)
HALF, GATE = torch.fft.rfft2(PLANES), torch.rand(4, 32, 56, 29)
INDEX = torch.arange(4)

Tensors = tuple[torch.Tensor, ...]

DIFFERENTIABLE: dict[str, tuple[Callable[..., object], Tensors]] = {
    "freq_mix": (lambda module, *tensors: module.freq_mix(*tensors), FILTER),
    "spectral_filter": (lambda module, x, weight: module.spectral_filter(x, weight, (2, 3)), (PLANES, SPECTRUM)),
    "haar_dwt2": (lambda module, x: module.haar_dwt2(x), (PLANES,)),
    "haar_idwt2": (lambda module, *bands: module.haar_idwt2(bands, (56, 56)), tuple(WAVELETS)),
    "rfft2": (lambda module, x: module.rfft2(x), (PLANES,)),
    "irfft2": (lambda module, spectrum, gate: module.irfft2(spectrum, (56, 56), gate), (HALF, GATE)),
    "band_split": (lambda module, x: module.band_split(x), (VOLUME,)),
    "band_merge": (lambda module, centre, border: module.band_merge(centre, border), BANDS),
    "roi_align": (lambda module, x: module.roi_align(x, BOXES, INDEX, (64, 64)), (PLANES,)),
}
"""Calls on a module that has the operators, and their tensors."""
CALLS: dict[str, Callable[[object], object]] = {
    **{name: (lambda module, call=call, tensors=tensors: call(module, *tensors))
       for name, (call, tensors) in DIFFERENTIABLE.items()},
    "label": lambda module: module.label(MASK),
    "squared_distance": lambda module: module.squared_distance(MASK),
    "click_maps": lambda module: module.click_maps(POINTS, (224, 224), 5.0),
}  # fmt: skip


@pytest.mark.parametrize("operator", CALLS)
@pytest.mark.parametrize("side", ["ops", "reference"])
def test_operator(benchmark, operator, side):
    """One operator, ours and its twin."""
    benchmark.group = operator
    benchmark(CALLS[operator], getattr(af, side))


@pytest.mark.parametrize("operator", DIFFERENTIABLE)
@pytest.mark.parametrize("side", ["ops", "reference"])
def test_forward_and_backward(benchmark, operator, side):
    """One operator and the gradients of all its tensors."""
    call, tensors = DIFFERENTIABLE[operator]
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]

    def step():
        made = call(getattr(af, side), *leaves)
        results = (made,) if isinstance(made, torch.Tensor) else tuple(made)
        return torch.autograd.grad(results, leaves, gradients)

    made = call(getattr(af, side), *leaves)
    gradients = [torch.ones_like(one) for one in ((made,) if isinstance(made, torch.Tensor) else made)]
    benchmark.group = f"{operator}, forward and backward"
    benchmark(step)


def test_select_click(benchmark):
    """The default selection; its twin is too slow to wait for."""
    benchmark.group = "select_click"
    benchmark(af.ops.select_click, PROB, TARGET)
