"""The kernel bodies of haar_dwt2 and haar_idwt2 on the host: the bits of the operator."""

import pytest
import torch
from host_kernels import GROUPS, run

import activefreq as af

ELEMENTS = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
SHAPES = [(1, 2, 2), (1, 1, 1), (3, 1, 7), (3, 9, 1), (2, 5, 6), (4, 7, 3), (2, 8, 33), (2, 65, 66)]


def on_host(kernels, inverse, plane, bands, repeat, how):
    planes, height, width = plane.shape
    kernels("haar", int(inverse), plane, *bands, planes, height, width, ELEMENTS[plane.dtype], int(repeat), how)


@pytest.mark.parametrize("dtype", ELEMENTS, ids=str)
@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_equals_operator(host_kernels, group, dtype):
    kernels, how = host_kernels("haar"), run(**group)
    for shape in SHAPES:
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
        for repeat in (True, False):
            expected = torch.ops.activefreq.haar_dwt2(x, repeat)
            bands = [torch.full_like(band, float("nan")) for band in expected]
            on_host(kernels, False, x, bands, repeat, how)
            assert all(torch.equal(a, b) for a, b in zip(bands, expected, strict=True)), (shape, repeat)
            y = torch.full_like(x, float("nan"))
            on_host(kernels, True, y, bands, repeat, how)
            assert torch.equal(y, torch.ops.activefreq.haar_idwt2(*bands, *shape[1:], repeat)), (shape, repeat)


def test_rows_that_are_not_aligned(host_kernels):
    x = torch.randn(2 * 4 * 6 + 1, generator=torch.Generator().manual_seed(1))[1:].view(2, 4, 6)
    assert x.data_ptr() % 8
    bands = [torch.full((2, 2, 3), float("nan")) for _ in range(4)]
    on_host(host_kernels("haar"), False, x, bands, True, run())
    assert all(torch.equal(a, b) for a, b in zip(bands, af.ops.haar_dwt2(x), strict=True))
