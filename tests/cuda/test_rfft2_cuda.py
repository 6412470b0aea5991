import pytest
import torch
from tolerances import relative_error, transform_tolerance

from activefreq.ops import irfft2, rfft2

SHAPES = [(2, 2), (3, 1, 7), (3, 9, 1), (17, 5, 6), (2, 3, 22, 44), (32, 11, 11), (8, 64, 88, 88), (0, 4, 4)]


@pytest.mark.parametrize("kind", ["none", "real", "complex"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_cpu(cuda, shape, kind):
    """Both directions and all gradients, to a few roundings of the transform."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator)
    half = (*shape[:-1], shape[-1] // 2 + 1)
    spectrum, gate = (torch.randn(half, dtype=torch.complex64, generator=generator) for _ in range(2))
    given = [x, spectrum] if kind == "none" else [x, spectrum, gate.real.contiguous() if kind == "real" else gate]
    results = []
    for device in (cuda, "cpu"):
        inputs = [t.to(device).requires_grad_() for t in given]
        outputs = [rfft2(inputs[0]), irfft2(inputs[1], shape[-2:], *inputs[2:])]
        cotangents = [torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(1)) for y in outputs]
        grads = torch.autograd.grad(outputs, inputs, [c.to(device) for c in cotangents])
        results.append([t.cpu() for t in (*outputs, *grads)])
    for ours, expected in zip(*results, strict=True):
        ours, expected = (torch.view_as_real(t) if t.is_complex() else t for t in (ours, expected))
        assert relative_error(ours, expected) <= transform_tolerance(torch.float32, max(1, x.numel()))


def test_graph(cuda):
    spectrum = torch.randn(4, 8, 5, dtype=torch.complex64, device=cuda)
    gate = torch.rand(4, 8, 5, device=cuda)
    irfft2(spectrum, (8, 8), gate)  # torch makes its plan
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = irfft2(spectrum, (8, 8), gate)
    gate.mul_(2)
    graph.replay()
    torch.testing.assert_close(y, irfft2(spectrum, (8, 8), gate))


def test_schema(cuda):
    x = torch.randn(2, 5, 6, device=cuda)
    spectrum = rfft2(x)
    torch.library.opcheck(torch.ops.activefreq.rfft2.default, (x,))
    torch.library.opcheck(torch.ops.activefreq.irfft2.default, (spectrum, 5, 6, spectrum.real.contiguous()))
    torch.library.opcheck(torch.ops.activefreq.irfft2_backward.default, (x, spectrum, spectrum.clone()))
