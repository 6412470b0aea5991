import pytest
import torch
from tolerances import ROUNDING, relative_error, transform_tolerance

from activefreq.ops import band_merge, band_split

SHAPES = [(2, 1, 40, 56, 40), (3, 13, 20, 5), (1, 8, 33, 47, 35), (0, 10, 12, 3)]
DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reading", [(0.1, False), (0.3, True)], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_cpu(cuda, shape, reading, dtype):
    """Forward and gradients, against float64 on the CPU."""
    tolerance = ROUNDING.get(dtype, transform_tolerance(dtype, shape[-3] * shape[-2]))
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    ours, exact = x.to(cuda).requires_grad_(), x.double().requires_grad_()
    pairs = list(zip(band_split(ours, *reading), band_split(exact, *reading), strict=True))
    given, g = [t.detach() for t, _ in pairs], [t.detach().cpu().double() for t, _ in pairs]
    for a, b in pairs:
        assert relative_error(a.cpu(), b) <= tolerance
    (ours_x,) = torch.autograd.grad([a for a, _ in pairs], ours, given)
    (exact_x,) = torch.autograd.grad([b for _, b in pairs], exact, g)
    assert relative_error(ours_x.cpu(), exact_x) <= tolerance
    given, g = [t.requires_grad_() for t in given], [t.requires_grad_() for t in g]
    y, expected = band_merge(*given, *reading), band_merge(*g, *reading)
    assert relative_error(y.cpu(), expected) <= tolerance
    mine, theirs = torch.autograd.grad(y, given, ours.detach()), torch.autograd.grad(expected, g, exact.detach())
    for a, b in zip(mine, theirs, strict=True):
        assert relative_error(a.cpu(), b) <= tolerance


def test_layouts_and_graph(cuda):
    x = torch.randn(1, 4, 20, 13, 6, device=cuda)
    expected = band_split(x)
    for same in (x.to(memory_format=torch.channels_last_3d), torch.cat([x, x], 1)[:, 4:]):
        assert all(torch.equal(a, b) for a, b in zip(band_split(same), expected, strict=True))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        merged = band_merge(*band_split(x))
    x.mul_(3)
    graph.replay()
    assert torch.equal(merged, band_merge(*band_split(x)))


def test_schema(cuda):
    x = torch.randn(2, 10, 13, 3, device=cuda)
    axes = [2, 4, 0], [2, 5, 1]
    centre, border = torch.ops.activefreq.band_split(x, *axes, 1.0)
    torch.library.opcheck(torch.ops.activefreq.band_split.default, (x, *axes, 1.0))
    torch.library.opcheck(torch.ops.activefreq.band_merge.default, (centre, border, *axes, 1.0))
