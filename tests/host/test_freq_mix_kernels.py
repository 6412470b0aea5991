"""The kernel bodies of freq_mix on the host: equal to the twin, and in need of their syncs."""

import pytest
import torch
from filter_cases import ELEMENTS, GENERAL, LAYERS, random_mix
from host_kernels import GROUPS, run
from tolerances import relative_error, transform_tolerance

import activefreq as af

FUSED, FIXED, CLUSTERS = 7, 8, 16
PATHS = {"auto": 0, "fused": 1, "cufft": 2}
H200 = {"processors": 132, "shared_bytes": 227 << 10}
FEW = {**H200, "processors": 4}  # too few for clusters


def on_host(kernels, x, weights, how, grad=None, machine=H200, fixed=True, path="auto"):
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
        PATHS[path],
        how,
    )
    return fused, [out] if grad is None else [out, *grads]


def check(kernels, shape, how, dtype=torch.float32, fused=FUSED, absent=(), clusters=0, **options):
    x, weights, grad = random_mix(shape)
    x, grad = x.to(dtype), grad.to(dtype)
    weights = [None if i in absent else w for i, w in enumerate(weights)]
    doubles = [None if t is None else t.double().requires_grad_() for t in (x, *weights)]
    expected = af.reference.freq_mix(*doubles)
    present = [t for t in doubles if t is not None]
    oracles = [expected, *torch.autograd.grad(expected, present, grad.double())]
    done, forward = on_host(kernels, x, weights, how, **options)
    assert done == fused + clusters
    done, backward = on_host(kernels, x, weights, how, grad, **options)
    assert done == fused
    batch, channels, height, width = shape
    tolerance = transform_tolerance(torch.float32, batch * max(channels, height) * max(channels, width))
    for i, (value, oracle) in enumerate(zip([*forward, *(t for t in backward if t is not None)], oracles, strict=True)):
        rounding = torch.finfo(dtype).eps if i < 2 and dtype != torch.float32 else 0.0
        assert relative_error(value, oracle) <= tolerance + rounding, (shape, i)
    again = on_host(kernels, x, weights, how, grad, **options)[1]
    assert all(torch.equal(a, b) for a, b in zip(backward, again, strict=True) if a is not None)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_layers_of_the_network(host_kernels, layer):
    check(host_kernels("freq_mix"), (3, *layer), run(), fused=FUSED + FIXED, machine=FEW)


@pytest.mark.parametrize("shape", [(3, 64, 28, 28), (2, 256, 7, 7)], ids=str)
def test_the_general_kernel_does_them_too(host_kernels, shape):
    check(host_kernels("freq_mix"), shape, run(), fixed=False)


@pytest.mark.parametrize("shape", GENERAL, ids=str)
def test_any_size_of_small_factors(host_kernels, shape):
    check(host_kernels("freq_mix"), shape, run())


def test_planes_of_448_pixels(host_kernels):
    """The largest layer: its planes fill half a processor's memory, and backward their products stay outside."""
    check(host_kernels("freq_mix"), (1, 32, 112, 112), run(), fused=FUSED + FIXED, machine=FEW)


@pytest.mark.parametrize("shape", [(1, 32, 56, 56), (3, 32, 56, 56), (2, 64, 56, 56), (1, 32, 112, 112)], ids=str)
def test_planes_of_small_batches_take_clusters(host_kernels, shape):
    kernels = host_kernels("freq_mix")
    check(kernels, shape, run(), fused=FUSED + FIXED, clusters=CLUSTERS)
    x, weights, _ = random_mix(shape)
    alone = on_host(kernels, x, weights, run())[1][0]
    for group in GROUPS[1:]:
        assert torch.equal(on_host(kernels, x, weights, run(**group, seed=1))[1][0], alone), group
    for dtype in (torch.bfloat16, torch.float16):
        halved = x.to(dtype)
        single = on_host(kernels, halved.float(), weights, run())[1][0]
        assert torch.equal(on_host(kernels, halved, weights, run())[1][0], single.to(dtype))
    for missing in ((2,), (3, 4)):  # no (H, W) filter, no clusters
        left = [None if i in missing else w for i, w in enumerate(weights)]
        done, (y,) = on_host(kernels, x, left, run())
        assert bool(done & CLUSTERS) == (2 not in missing)
        expected = af.reference.freq_mix(x.double(), *(None if w is None else w.double() for w in left))
        assert relative_error(y, expected) <= transform_tolerance(torch.float32, shape[2] * shape[3])


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_any_group(host_kernels, group):
    for shape, fused in (((3, 12, 9, 10), FUSED), ((2, 256, 7, 7), FUSED + FIXED)):
        check(host_kernels("freq_mix"), shape, run(**group, seed=1), fused=fused)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(3, 64, 28, 28), (2, 24, 21, 10)], ids=str)
def test_half_precision(host_kernels, shape, dtype):
    kernels = host_kernels("freq_mix")
    fixed = FIXED if shape[2] == 28 else 0
    check(kernels, shape, run(), dtype, fused=FUSED + fixed)
    x, weights, _ = random_mix(shape)
    single = on_host(kernels, x.to(dtype).float(), weights, run())[1][0]
    assert torch.equal(on_host(kernels, x.to(dtype), weights, run())[1][0], single.to(dtype))


@pytest.mark.parametrize("absent", [(1,), (2,), (3, 4), (1, 2, 3, 4)])
def test_absent_weights(host_kernels, absent):
    """Quarters without a spectrum are copied, in either kernel; the convolution may have no bias."""
    fused = FUSED & ~sum(1 << (i - 2) for i in absent if i >= 2)
    for dtype in ELEMENTS:
        check(host_kernels("freq_mix"), (3, 64, 28, 28), run(), dtype, fused + FIXED, absent)
    check(host_kernels("freq_mix"), (2, 12, 54, 60), run(), torch.float32, fused, absent)  # more than one piece


@pytest.mark.parametrize("shape", [(3, 8, 7, 6), (2, 12, 13, 9), (2, 44, 6, 5)], ids=str)
def test_a_library_transforms_what_does_not_fit(host_kernels, shape):
    kernels = host_kernels("freq_mix")
    check(kernels, shape, run(), fused=0, path="cufft")
    quarter_fits, height_fits = shape[1] != 44, shape[2] != 13
    fused = height_fits + 2 * (height_fits and quarter_fits) + 4 * quarter_fits
    check(kernels, shape, run(), fused=fused)


def test_little_shared_memory(host_kernels):
    """A plane's products leave shared memory first, then the plane itself: that of (16, 28) takes 3.7 KB."""
    for kilobytes, fused in ((64, FUSED), (12, FUSED), (5, FUSED - 1), (2, 0)):
        machine = {"processors": 4, "shared_bytes": kilobytes << 10}
        check(host_kernels("freq_mix"), (3, 64, 28, 28), run(), fixed=False, machine=machine, fused=fused)


def test_no_race_among_threads(host_kernels):
    assert host_kernels("freq_mix").races(ranks=3) == ""


@pytest.mark.parametrize("skipped", range(11))
def test_a_missing_sync_is_noticed(host_kernels, skipped):
    """Backward a block of two stages per axis meets eleven times: its tables, three passes and a middle for each of
    two tensors, the products, two passes back."""
    assert host_kernels("freq_mix").differs(run(kind="fibers", ranks=7, skipped=skipped))


def test_no_sync_no_difference(host_kernels):
    assert not host_kernels("freq_mix").differs(run(kind="fibers", ranks=7))


def test_a_missing_sync_is_a_race(host_kernels):
    assert "data race" in host_kernels("freq_mix").races(ranks=3, skipped=2)
