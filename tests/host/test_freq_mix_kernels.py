"""The kernel bodies of freq_mix on the host: equal to the twin, and in need of their syncs."""

import pytest
import torch
from host_kernels import GROUPS, run
from tolerances import relative_error, transform_tolerance

import activefreq as af

FUSED, FIXED = 7, 8
ELEMENTS = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
H200 = {"processors": 132, "shared_bytes": 227 << 10}
# Layers of FreqFormer at 224, 384 and 448 pixels, odd and even sizes of all factors, batches that do not fill pairs.
LAYERS = [(32, 56, 56), (64, 28, 28), (128, 14, 14), (256, 7, 7), (64, 56, 56), (128, 28, 28), (256, 14, 14)]
GENERAL = [
    (3, 8, 7, 6),
    (2, 12, 9, 15),
    (5, 20, 21, 10),
    (3, 24, 35, 49),
    (2, 4, 1, 5),
    (1, 8, 5, 1),
    (1, 4, 1, 1),
    (2, 32, 96, 96),
    (1, 64, 48, 48),
    (3, 128, 24, 24),
    (2, 256, 12, 12),
    (1, 28, 63, 64),
    (2, 8, 160, 128),
    (33, 4, 7, 7),
]


def random_case(shape, seed=0):
    _, channels, height, width = shape
    quarter, h, w = channels // 4, height // 2 + 1, width // 2 + 1
    generator = torch.Generator().manual_seed(seed)
    sizes = [(quarter, 1, 3, 3), (quarter,), (quarter, height, w, 2), (quarter, h, 2), (quarter, w, 2)]
    normal = [torch.randn(size, generator=generator) for size in (shape, *sizes, shape)]
    return normal[0], normal[1:-1], normal[-1]


def on_host(kernels, x, weights, how, grad=None, machine=H200, fixed=True):
    """What was fused, then y, or the gradients of x and the weights."""
    out = torch.full_like(x, float("nan"))
    grads = [None if w is None or grad is None else torch.full_like(w, float("nan")) for w in weights]
    fused = kernels(
        "freq_mix",
        x,
        grad,
        out,
        ELEMENTS[x.dtype],
        *x.shape,
        *weights,
        *grads,
        machine["processors"],
        machine["shared_bytes"],
        int(fixed),
        how,
    )
    return fused, [out] if grad is None else [out, *grads]


def check(kernels, shape, how, dtype=torch.float32, fused=FUSED, absent=(), **options):
    x, weights, grad = random_case(shape)
    x, grad = x.to(dtype), grad.to(dtype)
    weights = [None if i in absent else w for i, w in enumerate(weights)]
    doubles = [None if t is None else t.double().requires_grad_() for t in (x, *weights)]
    expected = af.reference.freq_mix(*doubles)
    present = [t for t in doubles if t is not None]
    oracles = [expected, *torch.autograd.grad(expected, present, grad.double())]
    done, forward = on_host(kernels, x, weights, how, **options)
    assert done == fused
    done, backward = on_host(kernels, x, weights, how, grad, **options)
    assert done == fused
    batch, channels, height, width = shape
    tolerance = transform_tolerance(torch.float32, batch * max(channels, height) * max(channels, width))
    for i, (value, oracle) in enumerate(
        zip([*forward, *(t for t in backward if t is not None)], oracles, strict=True)
    ):
        if i < 2 and dtype != torch.float32:  # one rounding
            allowed = 2 * torch.finfo(dtype).eps
        else:
            allowed = tolerance
        assert relative_error(value, oracle) <= allowed, (shape, i)
    again = on_host(kernels, x, weights, how, grad, **options)[1]
    assert all(torch.equal(a, b) for a, b in zip(backward, again, strict=True) if a is not None)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_layers_of_the_network(host_kernels, layer):
    check(host_kernels("freq_mix"), (3, *layer), run(), fused=FUSED + FIXED)


@pytest.mark.parametrize("shape", [(3, 64, 28, 28), (2, 256, 7, 7)], ids=str)
def test_the_general_kernel_does_them_too(host_kernels, shape):
    check(host_kernels("freq_mix"), shape, run(), fixed=False)


@pytest.mark.parametrize("shape", GENERAL, ids=str)
def test_any_size_of_small_factors(host_kernels, shape):
    check(host_kernels("freq_mix"), shape, run())


def test_planes_of_448_pixels(host_kernels):
    """The largest layer: its planes fill half a processor's memory, and backward their products stay outside."""
    check(host_kernels("freq_mix"), (1, 32, 112, 112), run(), fused=FUSED + FIXED)
