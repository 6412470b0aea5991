"""One small call of every kernel, launch and element type: what `make gpu` runs under compute-sanitizer, where a call
takes a hundred times as long. What is computed is the other files' matter; here it has to agree with the CPU."""

import importlib

import pytest
import torch
from click_scenes import FIELDS, clicks_on_cpu, variant
from error_scenes import masks, scene
from filter_cases import LIBRARY, TWO_AXES, random_filter, random_mix
from tolerances import REORDERED, ROUNDING, relative_error, transform_tolerance

import activefreq as af

RULES = (
    {},
    {"strategy": "largest", "placement": "distance"},
    {"strategy": "random", "connectivity": 4},
    {"reading": "literal", "placement": "distance_entropy", "min_area": 3},
)
LOOSE = transform_tolerance(torch.float32, 1 << 16)
ERRORS = {torch.float32: LOOSE, **ROUNDING}


@pytest.mark.parametrize("launch", [1, 2], ids=["clusters", "spread"])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_select_click(cuda, rule, launch, monkeypatch):
    if launch == 1 and torch.cuda.get_device_capability()[0] < 9:
        pytest.skip("this device has no clusters")
    monkeypatch.setattr(importlib.import_module("activefreq.ops.select_click"), "_LAUNCH", launch)
    assert_same_clicks(variant(*scene("noise", 2, 40, 70, 1), 1), rule, cuda)


@pytest.mark.parametrize("launch", [1, 2], ids=["clusters", "spread"])
def test_select_click_where_a_sweep_takes_over(cuda, launch, monkeypatch):
    if launch == 1 and torch.cuda.get_device_capability()[0] < 9:
        pytest.skip("this device has no clusters")
    monkeypatch.setattr(importlib.import_module("activefreq.ops.select_click"), "_LAUNCH", launch)
    assert_same_clicks((*scene("checkerboard", 1, 224, 224, 1), None), {}, cuda)


def assert_same_clicks(images, rule, cuda):
    prob, target, clicked = images
    inputs = [None if tensor is None else tensor.to(cuda) for tensor in (prob, target, clicked)]
    selection = af.ops.select_click(*inputs, seed=3, **rule)
    for field, expected in zip(FIELDS, clicks_on_cpu(prob, target, clicked, 3, rule), strict=True):
        assert torch.equal(getattr(selection, field).cpu(), expected), field


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("kind", ["noise", "spiral"])
def test_label_and_squared_distance(cuda, kind, connectivity):
    mask = masks(kind, 2, 40, 70, 1)
    far = torch.ones(1, 140, 140, dtype=torch.bool)
    assert torch.equal(af.ops.squared_distance(far.to(cuda)).cpu(), af.ops.squared_distance(far))
    labels, counts = af.ops.label(mask.to(cuda), connectivity)
    expected = af.ops.label(mask, connectivity)
    assert torch.equal(labels.cpu(), expected[0])
    assert torch.equal(counts.cpu(), expected[1])
    assert torch.equal(af.ops.squared_distance(mask.to(cuda)).cpu(), af.ops.squared_distance(mask))


def test_click_maps(cuda):
    clicks = torch.tensor([[[3.0, 4.0, 1.0], [-1.0, 29.0, 0.0], [40.0, 2.0, 1.0]]])
    maps = af.ops.click_maps(clicks.to(cuda), (21, 30), 5.0)
    assert torch.equal(maps.cpu(), af.ops.click_maps(clicks, (21, 30), 5.0))


def with_gradients(function, inputs, seed=1):
    """Outputs and gradients of all inputs, on the CPU, of one random cotangent each."""
    inputs = [t.detach().requires_grad_() for t in inputs]
    found = function(*inputs)
    outputs = [found] if isinstance(found, torch.Tensor) else list(found)
    generator = torch.Generator().manual_seed(seed)
    cotangents = [torch.randn(y.shape, generator=generator, dtype=torch.float32).to(y) for y in outputs]
    results = [t.detach().cpu() for t in (*outputs, *torch.autograd.grad(outputs, inputs, cotangents))]
    return [torch.view_as_real(t) if t.is_complex() else t for t in results]


def assert_equals_cpu(function, inputs, device, tolerance):
    ours = with_gradients(function, [t.to(device) for t in inputs])
    for value, expected in zip(ours, with_gradients(function, inputs), strict=True):
        assert relative_error(value, expected) <= tolerance


@pytest.mark.parametrize("path", ["fused", "cufft"])
@pytest.mark.parametrize("dtype", ERRORS)
@pytest.mark.parametrize(
    "shape", [(2, 32, 56, 56), (3, 64, 56, 56), (1, 64, 28, 28), (1, 128, 14, 14), (2, 256, 7, 7), (2, 24, 21, 10)]
)
def test_freq_mix(cuda, shape, dtype, path):
    x, weights, grad = random_mix(shape)
    x, grad = x.to(dtype), grad.to(dtype)

    def results(device, **options):
        inputs = [t.detach().to(device).requires_grad_() for t in (x, *weights)]
        y = af.ops.freq_mix(*inputs, **options)
        return [t.detach().cpu() for t in (y, *torch.autograd.grad(y, inputs, grad.to(device)))]

    for value, expected in zip(results(cuda, path=path), results("cpu"), strict=True):
        assert relative_error(value, expected) <= ERRORS[dtype]


@pytest.mark.parametrize("case", [TWO_AXES[0], TWO_AXES[2], LIBRARY[0]], ids=str)
def test_spectral_filter(cuda, case):
    x, weight, _, axes = random_filter(case)
    assert_equals_cpu(lambda x, weight: af.ops.spectral_filter(x, weight, axes), [x, weight], cuda, LOOSE)


@pytest.mark.parametrize("dtype", ERRORS)
@pytest.mark.parametrize("shape", [(2, 3, 7, 9), (2, 3, 8, 66)], ids=str)
def test_haar(cuda, shape, dtype):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    assert_equals_cpu(af.ops.haar_dwt2, [x], cuda, ERRORS[dtype])
    bands = af.ops.haar_dwt2(x)
    assert_equals_cpu(lambda *bands: af.ops.haar_idwt2(bands, shape[-2:]), bands, cuda, ERRORS[dtype])


@pytest.mark.parametrize("dtype", ERRORS)
def test_bands(cuda, dtype):
    x = torch.randn(2, 13, 20, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    assert_equals_cpu(lambda x: af.ops.band_split(x, 0.2), [x], cuda, ERRORS[dtype])
    centre, border = af.ops.band_split(x, 0.2)
    assert_equals_cpu(lambda c, b: af.ops.band_merge(c, b, 0.2), [centre, border], cuda, ERRORS[dtype])


@pytest.mark.parametrize("kind", ["none", "real", "complex"])
def test_gates(cuda, kind):
    generator = torch.Generator().manual_seed(0)
    spectrum, gate = (torch.randn(3, 9, 6, dtype=torch.complex64, generator=generator) for _ in range(2))
    gates = {"none": [], "real": [gate.real.contiguous()], "complex": [gate]}[kind]
    assert_equals_cpu(lambda s, *g: af.ops.irfft2(s, (9, 11), *g), [spectrum, *gates], cuda, LOOSE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_roi_align(cuda, dtype):
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(2, 3, 17, 21, generator=generator).to(dtype)
    boxes, index = torch.rand(4, 4, generator=generator).to(dtype) * 24 - 2, torch.tensor([1, 0, 1, 1])

    def crop(features):
        device = features.device
        return af.ops.roi_align(features, boxes.to(device), index.to(device), (5, 9), 2)

    assert_equals_cpu(crop, [features], cuda, REORDERED)
