import pytest
import torch

import activefreq as af
from activefreq.ops import haar_dwt2, haar_idwt2

SHAPES = [(2, 2), (1, 1), (3, 1, 7), (3, 9, 1), (2, 3, 5, 6), (2, 8, 33), (1, 2, 65, 66), (32, 24, 56, 56), (0, 4, 4)]
DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_cpu(cuda, shape, dtype):
    """Sums of four in the same order, halved: the same bits, there and back, and their gradients."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    ours, expected = (x.to(d).requires_grad_() for d in (cuda, "cpu"))
    bands, expected_bands = haar_dwt2(ours), haar_dwt2(expected)
    for a, b in zip(bands, expected_bands, strict=True):
        assert torch.equal(a.cpu(), b)
    y, expected_y = haar_idwt2(bands, x.shape[-2:]), haar_idwt2(expected_bands, x.shape[-2:])
    assert torch.equal(y.cpu(), expected_y)
    grads = [torch.autograd.grad(v, t, torch.ones_like(v))[0].cpu() for v, t in ((y, ours), (expected_y, expected))]
    assert torch.equal(*grads)


def test_layouts_and_graph(cuda):
    x = torch.randn(2, 4, 6, 8, device=cuda)
    expected = haar_dwt2(x)
    for same in (x.to(memory_format=torch.channels_last), torch.cat([x, x], -1)[..., 8:]):
        assert all(torch.equal(a, b) for a, b in zip(haar_dwt2(same), expected, strict=True))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        bands = haar_dwt2(x)
    x.mul_(3)
    graph.replay()
    assert all(torch.equal(a, b) for a, b in zip(bands, haar_dwt2(x), strict=True))


def test_schema(cuda):
    x = torch.randn(2, 5, 6, device=cuda)
    torch.library.opcheck(torch.ops.activefreq.haar_dwt2.default, (x, True))
    torch.library.opcheck(torch.ops.activefreq.haar_idwt2.default, (*af.ops.haar_dwt2(x), 5, 6, False))
