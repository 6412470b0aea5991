"""The kernel bodies of band_split and band_merge on the host: the operator's results, rounded once."""

import pytest
import torch
from host_kernels import GROUPS, run
from tolerances import relative_error

from activefreq.reference.band_split import band_axis

ELEMENTS = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
SHAPES = [(1, 10, 12, 3), (2, 13, 11, 5), (3, 20, 10, 1), (1, 21, 33, 9)]
# One rounding to nearest of the stored type; in float32 sums of at most 33 terms in another order.
TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11}


def on_host(kernels, merge, volume, centre, result, theta, shift, scale, how):
    volumes, rows, columns, depth = volume.shape
    sizes = [torch.tensor((size, *band_axis(size, theta, shift))) for size in (rows, columns)]
    element = ELEMENTS[volume.dtype]
    kernels("band_split", int(merge), volume, centre, result, volumes, *sizes, depth, element, float(scale), how)


@pytest.mark.parametrize("dtype", ELEMENTS, ids=str)
@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_equals_operator(host_kernels, group, dtype):
    kernels, how = host_kernels("band_split"), run(**group)
    for shape in SHAPES:
        for theta, shift, scale in ((0.1, False, 1.0), (0.3, True, 2.5)):
            generator = torch.Generator().manual_seed(0)
            x = torch.randn(shape, generator=generator).to(dtype)
            height, width = (band_axis(size, theta, shift) for size in shape[1:3])
            # In float64, so that the kernel's rounding is the only one.
            centre, border = torch.ops.activefreq.band_split(x.double(), height, width, scale)
            ours = torch.full(centre.shape, float("nan"), dtype=dtype), torch.full_like(x, float("nan"))
            on_host(kernels, False, x, *ours, theta, shift, scale, how)
            assert relative_error(ours[0], centre) <= TOLERANCE[dtype]
            assert relative_error(ours[1], border) <= TOLERANCE[dtype]
            small = torch.randn(centre.shape, generator=generator).to(dtype)
            expected = torch.ops.activefreq.band_merge(small.double(), x.double(), height, width, scale)
            merged = torch.full_like(x, float("nan"))
            on_host(kernels, True, x, small, merged, theta, shift, scale, how)
            assert relative_error(merged, expected) <= TOLERANCE[dtype]


def test_groups_do_not_change_a_bit(host_kernels):
    kernels, results = host_kernels("band_split"), []
    x = torch.randn((2, 21, 13, 5), generator=torch.Generator().manual_seed(1))
    for group in GROUPS:
        results.append((torch.empty(2, 2, 1, 5), torch.empty_like(x)))
        on_host(kernels, False, x, *results[-1], 0.1, False, 1.0, run(**group))
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))
