import pytest
import torch
from filter_cases import GENERAL, LAYERS, random_mix
from tolerances import relative_error, transform_tolerance

import activefreq as af
from activefreq.ops import _native

LARGE = [(2, 16, 226, 226), (2, 20, 13, 37), (1, 44, 14, 14)]  # beyond shared memory, primes over 7


def on(device, dtype, *tensors):
    return [None if t is None else t.to(device, dtype) for t in tensors]


def results(x, weights, grad, **options):
    inputs = [t.detach().clone().requires_grad_() for t in (x, *weights)]
    y = af.ops.freq_mix(*inputs, **options)
    return [y.detach(), *torch.autograd.grad(y, inputs, grad)]


def tolerance(shape):
    batch, channels, height, width = shape
    return transform_tolerance(torch.float32, batch * max(channels, height) * max(channels, width))


@pytest.mark.parametrize("path", ["auto", "cufft"])
@pytest.mark.parametrize(
    "shape",
    [*((b, *s) for s in LAYERS for b in (1, 3, 32)), (2, 32, 112, 112), (9, 32, 112, 112), *GENERAL, *LARGE],
    ids=str,
)
def test_equals_reference(cuda, shape, path):
    x, weights, grad = random_mix(shape)
    expected = results(*on(cuda, torch.float64, x)[:1], on(cuda, torch.float64, *weights), grad.to(cuda).double())
    x, grad, *weights = on(cuda, torch.float32, x, grad, *weights)
    values = results(x, weights, grad, path=path)
    for value, oracle in zip(values, expected, strict=True):
        assert value.is_contiguous()
        assert relative_error(value, oracle) <= tolerance(shape)
    again = results(x, weights, grad, path=path)
    assert all(torch.equal(a, b) for a, b in zip(values, again, strict=True))


@pytest.mark.parametrize("path", ["fused", "cufft"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(3, 64, 28, 28), (2, 24, 21, 10), (1, 256, 7, 7), (1, 32, 56, 56)], ids=str)
def test_half_precision_is_one_rounding(cuda, shape, dtype, path):
    x, weights, grad = random_mix(shape)
    x, grad = on(cuda, dtype, x, grad)
    weights = on(cuda, torch.float32, *weights)
    half = results(x, weights, grad, path=path)
    single = results(x.float(), weights, grad.float(), path=path)
    assert half[0].dtype == half[1].dtype == dtype
    for value, expected in zip(half[:2], single[:2], strict=True):
        assert torch.equal(value, expected.to(dtype))
    assert all(torch.equal(a, b) for a, b in zip(half[2:], single[2:], strict=True))


@pytest.mark.parametrize("absent", [(1,), (2,), (3, 4), (1, 2, 3, 4)])
def test_absent_spectra(cuda, absent):
    x, weights, _ = random_mix((3, 32, 14, 14))
    x, *weights = on(cuda, torch.float32, x, *(None if i in absent else w for i, w in enumerate(weights)))
    x.requires_grad_()
    y, expected = af.ops.freq_mix(x, *weights), af.reference.freq_mix(x, *weights)
    assert relative_error(y, expected) <= tolerance(x.shape)
    grads = [torch.autograd.grad(v.square().sum(), x)[0] for v in (y, expected)]
    assert relative_error(*grads) <= tolerance(x.shape)


def test_backward_is_the_adjoint(cuda):
    for shape in [(3, 64, 28, 28), (2, 20, 13, 37)]:
        x, weights, grad = random_mix(shape)
        x, grad, *weights = on(cuda, torch.float32, x, grad, *weights)
        weights[1].zero_()
        y, grad_x, *grads = results(x, weights, grad)
        product = (y.double() * grad.double()).sum()
        bound = tolerance(shape) * y.double().norm() * grad.double().norm()
        assert abs(product - (x.double() * grad_x.double()).sum()) <= bound
        for_weights = sum((w.double() * g.double()).sum() for w, g in zip(weights, grads, strict=True))  # the bias is 0
        assert abs(product - for_weights) <= bound


def test_input_layouts_and_empty_batch(cuda):
    x, weights, _ = random_mix((3, 8, 6, 10))
    x, *weights = on(cuda, torch.float32, x, *weights)
    expected = af.ops.freq_mix(x, *weights)
    shifted = torch.empty(x.numel() + 1, device=cuda)[1:].view(x.shape).copy_(x)
    for same in (x.to(memory_format=torch.channels_last), torch.cat([x, x], 1)[:, 8:], shifted):
        assert torch.equal(af.ops.freq_mix(same, *weights), expected)
    odd = [torch.empty(w.numel() + 1, device=cuda)[1:].view(w.shape).copy_(w) for w in weights]
    assert torch.equal(af.ops.freq_mix(x, *odd), expected)
    empty = [t.requires_grad_() for t in (x[:0].clone(), *weights)]
    af.ops.freq_mix(*empty).sum().backward()
    assert all(t.grad.abs().sum() == 0 for t in empty[1:])


@pytest.mark.parametrize("path", ["fused", "cufft"])
@pytest.mark.parametrize("shape", [(1, 64, 28, 28), (1, 32, 56, 56), (3, 20, 12, 10)], ids=str)
def test_a_graph_replays_what_eager_computes(cuda, shape, path):
    x, weights, grad = random_mix(shape)
    x, grad, *weights = on(cuda, torch.float32, x, grad, *weights)
    inputs = [t.requires_grad_() for t in (x, *weights)]

    def step():
        y = af.ops.freq_mix(*inputs, path=path)
        return [y, *torch.autograd.grad(y, inputs, grad)]

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    with torch.no_grad():
        x.mul_(2).add_(1)
    graph.replay()
    assert all(torch.equal(a, b) for a, b in zip(captured, step(), strict=True))


def test_a_plan_is_not_made_while_a_graph_is_recorded(cuda):
    x, weights, _ = random_mix((2, 4, 11, 23))
    x, *weights = on(cuda, torch.float32, x, *weights)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        twice = x * 2  # an empty graph would be warned about
        with pytest.raises(RuntimeError, match="call the operator once"):
            af.ops.freq_mix(twice, *weights)


def test_errors_teach(cuda):
    x, weights, _ = random_mix((2, 8, 13, 6))
    x, *weights = on(cuda, torch.float32, x, *weights)
    with pytest.raises(ValueError, match="freq_mix: path must be 'auto' or 'cufft' for this shape: a plane of 13 x 6"):
        af.ops.freq_mix(x, *weights, path="fused")
    with pytest.raises(ValueError, match="for float64, path must be 'auto'"):
        af.ops.freq_mix(*on(cuda, torch.float64, x, *weights), path="fused")


def test_schema(cuda):
    x, weights, grad = random_mix((2, 8, 6, 5))
    x, grad, *weights = on(cuda, torch.float32, x, grad, *weights)
    operators = torch.ops.activefreq
    torch.library.opcheck(operators.freq_mix.default, (x, *weights))
    torch.library.opcheck(operators.freq_mix.default, tuple(t.clone().requires_grad_() for t in (x, *weights)))
    torch.library.opcheck(operators.freq_mix_backward.default, (grad, x, weights[0], *weights[2:], "cufft"))


def test_layers_have_their_kernels(cuda):
    """Else the general kernel takes their place, which is right and slow, and nothing would say so."""
    capable = torch.cuda.get_device_capability(cuda) >= (9, 0)
    assert _native.cuda().has_layer_kernels(torch.cuda.current_device()) == capable


def test_float64_may_be_recorded(cuda):
    """The plain torch form serves it: it takes nothing from the host either."""
    x, weights, grad = random_mix((2, 16, 14, 14))
    x, grad, *weights = on(cuda, torch.float64, x, grad, *weights)
    expected = results(x, weights, grad)
    inputs = [t.detach().clone().requires_grad_() for t in (x, *weights)]
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        torch.autograd.grad(af.ops.freq_mix(*inputs), inputs, grad)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        recorded = torch.autograd.grad(af.ops.freq_mix(*inputs), inputs, grad)
    graph.replay()
    torch.cuda.synchronize()
    for value, known in zip(recorded, expected[1:], strict=True):
        assert relative_error(value, known) < 1e-12
