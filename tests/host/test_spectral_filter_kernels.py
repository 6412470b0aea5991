"""The kernel bodies of spectral_filter on the host, both paths: equal to the twin in any layout of axes."""

import pytest
import torch
from filter_cases import ELEMENTS, LIBRARY, TWO_AXES, random_filter
from host_kernels import run
from tolerances import relative_error, transform_tolerance

import activefreq as af
from activefreq.ops.spectral_filter import _axis_table

AUTO, FUSED, CUFFT = 0, 1, 2


def on_host(kernels, x, weight, axes, grad=None, path=AUTO, chunk_points=1 << 20, how=None):
    """Whether it was fused, then y, or the gradients of x and the weight."""
    table = _axis_table(x.shape, weight.shape, tuple(axes))
    rows = torch.tensor([(n, s, w) for n, s, w in table], dtype=torch.int64)
    out = torch.full_like(x, float("nan"))
    grad_weight = None if grad is None else torch.full_like(weight, float("nan"))
    fused = kernels(
        "spectral_filter",
        x,
        grad,
        out,
        ELEMENTS[x.dtype],
        rows,
        len(table),
        weight,
        grad_weight,
        path,
        132,
        227 << 10,
        chunk_points,
        how or run(),
    )
    return fused, [out] if grad is None else [out, grad_weight]


def check(kernels, case, fused, **options):
    x, weight, g, axes = random_filter(case)
    doubles = [t.double().requires_grad_() for t in (x, weight)]
    expected = af.reference.spectral_filter(*doubles, axes)
    oracles = [expected, *torch.autograd.grad(expected, doubles, g.double())]
    done, forward = on_host(kernels, x, weight, axes, **options)
    assert bool(done) == fused
    backward = on_host(kernels, x, weight, axes, g, **options)[1]
    for value, oracle in zip([*forward, *backward], oracles, strict=True):
        assert relative_error(value, oracle) <= transform_tolerance(torch.float32, x.numel())


@pytest.mark.parametrize("case", TWO_AXES, ids=str)
def test_two_axes_are_fused(host_kernels, case):
    check(host_kernels("spectral_filter"), case, fused=True)


@pytest.mark.parametrize("chunk_points", [1, 300, 1 << 20])
@pytest.mark.parametrize("case", [*TWO_AXES[:5], *LIBRARY], ids=str)
def test_pairs_for_a_library(host_kernels, case, chunk_points):
    """Chunks of one pair, of several, of all."""
    check(host_kernels("spectral_filter"), case, fused=False, path=CUFFT, chunk_points=chunk_points)


@pytest.mark.parametrize("case", LIBRARY, ids=str)
def test_what_does_not_fit_goes_to_the_library(host_kernels, case):
    check(host_kernels("spectral_filter"), case, fused=False)
    x, weight, _, axes = random_filter(((1, 240, 128), (0, 0, 0), (1, 2)))  # 245760 bytes a plane
    assert on_host(host_kernels("spectral_filter"), x, weight, axes, path=AUTO)[0] == 0


@pytest.mark.parametrize("path", [AUTO, CUFFT])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_one_rounding(host_kernels, dtype, path):
    kernels = host_kernels("spectral_filter")
    x, weight, g, axes = random_filter(TWO_AXES[0])
    x, g = x.to(dtype), g.to(dtype)
    single = [on_host(kernels, x.float(), weight, axes, grad, path)[1] for grad in (None, g.float())]
    half = [on_host(kernels, x, weight, axes, grad, path)[1] for grad in (None, g)]
    assert torch.equal(half[0][0], single[0][0].to(dtype))
    assert torch.equal(half[1][0], single[1][0].to(dtype))
    assert torch.equal(half[1][1], single[1][1])


def test_half_precision_numbers(host_kernels):
    """Every float16 and bfloat16 there and back by a filter that multiplies with 1 over single points."""
    kernels = host_kernels("spectral_filter")
    for dtype in (torch.float16, torch.bfloat16):
        x = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int32).to(torch.int16).view(dtype)
        x = x[x.isfinite()].view(-1, 1, 1)
        weight = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
        assert torch.equal(on_host(kernels, x, weight, (1, 2))[1][0], x)
        third = torch.tensor([1 / 3, 0.0]).view(1, 1, 1, 2)  # every number rounds, some below the normal ones
        expected = (x.float() * (1 / torch.tensor(3.0))).to(dtype)
        assert torch.equal(on_host(kernels, x, third, (1, 2))[1][0], expected)
        large = x[(x.abs() > 2.0**14).flatten()]  # some overflow
        thrice = torch.tensor([3.0, 0.0]).view(1, 1, 1, 2)
        assert torch.equal(on_host(kernels, large, thrice, (1, 2))[1][0], (large.float() * 3).to(dtype))


def test_neighbouring_planes_need_no_alignment(host_kernels):
    """Planes side by side are read two at a time where that is allowed, and one by one where it is not."""
    kernels = host_kernels("spectral_filter")
    x, weight, _, axes = random_filter(((4, 6, 8), (0, 0, 0), (0, 1)))
    aligned = on_host(kernels, x, weight, axes)[1][0]
    shifted = torch.empty(x.numel() + 1)[1:].view(x.shape).copy_(x)
    assert shifted.data_ptr() % 8
    assert torch.equal(on_host(kernels, shifted, weight, axes)[1][0], aligned)
