import pytest
import torch
from filter_cases import LIBRARY, TWO_AXES, random_filter
from tolerances import relative_error, transform_tolerance

import activefreq as af


def results(x, weight, axes, grad, **options):
    inputs = [t.detach().clone().requires_grad_() for t in (x, weight)]
    y = af.ops.spectral_filter(*inputs, axes, **options)
    return [y.detach(), *torch.autograd.grad(y, inputs, grad)]


@pytest.mark.parametrize("path", ["auto", "cufft"])
@pytest.mark.parametrize(
    "case",
    [*TWO_AXES, *LIBRARY, ((3, 300, 200), (0, 0, 0), (1, 2)), ((2, 24, 28, 28), (0, 0, 0, 0), (1, 2, 3))],
    ids=str,
)
def test_equals_reference(cuda, case, path):
    x, weight, grad, axes = random_filter(case)
    expected = results(x.double(), weight.double(), axes, grad.double())
    values = results(x.to(cuda), weight.to(cuda), axes, grad.to(cuda), path=path)
    for value, oracle in zip(values, expected, strict=True):
        assert relative_error(value.cpu(), oracle) <= transform_tolerance(torch.float32, x.numel())
    again = results(x.to(cuda), weight.to(cuda), axes, grad.to(cuda), path=path)
    assert all(torch.equal(a, b) for a, b in zip(values, again, strict=True))


@pytest.mark.parametrize("path", ["fused", "cufft"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_one_rounding(cuda, dtype, path):
    x, weight, grad, axes = random_filter(TWO_AXES[2])
    x, grad, weight = x.to(cuda, dtype), grad.to(cuda, dtype), weight.to(cuda)
    half = results(x, weight, axes, grad, path=path)
    single = results(x.float(), weight, axes, grad.float(), path=path)
    assert torch.equal(half[0], single[0].to(dtype))
    assert torch.equal(half[1], single[1].to(dtype))
    assert torch.equal(half[2], single[2])


@pytest.mark.parametrize("path", ["fused", "cufft"])
def test_a_graph_replays_what_eager_computes(cuda, path):
    x, weight, _, axes = random_filter(TWO_AXES[0])
    x, weight = x.to(cuda), weight.to(cuda)
    af.ops.spectral_filter(x, weight, axes, path=path)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = af.ops.spectral_filter(x, weight, axes, path=path)
    x.mul_(2).add_(1)
    graph.replay()
    assert torch.equal(y, af.ops.spectral_filter(x, weight, axes, path=path))


def test_three_axes_are_not_fused(cuda):
    x, weight, _, axes = random_filter(LIBRARY[0])
    with pytest.raises(ValueError, match="spectral_filter: path must be 'auto' or 'cufft' for this shape"):
        af.ops.spectral_filter(x.to(cuda), weight.to(cuda), axes, path="fused")


def test_schema(cuda):
    x, weight, grad, axes = random_filter(TWO_AXES[0])
    x, weight, grad = x.to(cuda), weight.to(cuda), grad.to(cuda)
    operators = torch.ops.activefreq
    torch.library.opcheck(operators.spectral_filter.default, (x, weight, axes))
    torch.library.opcheck(operators.spectral_filter_backward.default, (grad, x, weight, axes, "cufft"))
