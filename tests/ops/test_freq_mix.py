import pytest
import torch
from tolerances import ORACLE, relative_error, transform_tolerance

import activefreq as af
from activefreq import _cpu
from activefreq.ops import _direct

NAMES = ["conv_weight", "conv_bias", "weight_hw", "weight_hc", "weight_wc"]
# Layers of the networks, odd batches, quarters that do not fill a vector, prime and single sizes.
SHAPES = [
    (1, 32, 56, 56),
    (3, 64, 28, 28),
    (2, 128, 14, 14),
    (5, 256, 7, 7),
    (1, 16, 112, 96),
    (2, 48, 12, 24),
    (2, 20, 13, 37),
    (3, 12, 5, 2),
    (2, 8, 1, 5),
    (2, 68, 16, 9),
    (1, 4, 1, 1),
    (1, 4, 33, 40),
    (1, 32, 12, 6),  # two rows in the lanes, with an even number of frequencies; above with an odd one
    (1, 16, 8, 6),
]


def random_case(shape, dtype=torch.float32, seed=0):
    _, channels, height, width = shape
    quarter = channels // 4
    generator = torch.Generator().manual_seed(seed)

    def normal(*size):
        return torch.randn(size, generator=generator, dtype=torch.float64).to(dtype)

    weights = [
        normal(quarter, 1, 3, 3),
        normal(quarter),
        normal(quarter, height, width // 2 + 1, 2),
        normal(quarter, height // 2 + 1, 2),
        normal(quarter, width // 2 + 1, 2),
    ]
    return normal(*shape), weights, normal(*shape)


def record(*tensors):
    return [t.detach().clone().requires_grad_() for t in tensors]


def tolerance(shape, dtype):
    """The longest sum of any quarter: a plane of the filters, or a convolution gradient's batch and pixels."""
    batch, channels, height, width = shape
    return transform_tolerance(dtype, batch * max(channels, height) * max(channels, width))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_reference(shape, dtype, instruction_set):
    x, weights, g = random_case(shape, dtype)
    inputs = record(x, *weights)
    y = af.ops.freq_mix(*inputs)
    grads = torch.autograd.grad(y, inputs, g)
    doubles = [t.detach().double().requires_grad_() for t in inputs]
    expected = af.reference.freq_mix(*doubles)
    expected_grads = torch.autograd.grad(expected, doubles, g.double())
    assert y.dtype == dtype
    for value, oracle in zip([y, *grads], [expected, *expected_grads], strict=True):
        assert value.dtype == dtype
        assert relative_error(value, oracle) <= tolerance(shape, dtype)


@pytest.mark.parametrize("absent", [(1,), (2,), (3,), (4,), (1, 2, 3, 4)])
def test_an_absent_spectrum_passes_its_quarter(absent):
    x, weights, g = random_case((2, 16, 6, 5), torch.float64)
    weights = [None if i in absent else w for i, w in enumerate(weights)]
    x = x.requires_grad_()
    present = [x, *record(*(w for w in weights if w is not None))]
    iterator = iter(present[1:])
    arguments = [None if w is None else next(iterator) for w in weights]
    y = af.ops.freq_mix(x, *arguments)
    for i in set(absent) - {1}:
        assert torch.equal(y[:, 4 * (i - 1) : 4 * i], x[:, 4 * (i - 1) : 4 * i])
    expected = af.reference.freq_mix(x, *arguments)
    for value, oracle in zip(
        [y, *torch.autograd.grad(y, present, g)],
        [expected, *torch.autograd.grad(expected, present, g)],
        strict=True,
    ):
        assert relative_error(value, oracle) <= ORACLE


def test_gradcheck():
    x, weights, _ = random_case((2, 8, 3, 4), torch.float64)
    assert torch.autograd.gradcheck(af.ops.freq_mix, record(x, *weights))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_one_rounding(dtype):
    x, weights, g = random_case((2, 20, 14, 28))
    x, g = x.to(dtype), g.to(dtype)
    inputs = record(x, *weights)
    y = af.ops.freq_mix(*inputs)
    grads = torch.autograd.grad(y, inputs, g)
    singles = record(x.float(), *weights)
    single = af.ops.freq_mix(*singles)
    single_grads = torch.autograd.grad(single, singles, g.float())
    assert y.dtype == dtype
    assert torch.equal(y, single.to(dtype))
    assert torch.equal(grads[0], single_grads[0].to(dtype))
    for value, expected in zip(grads[1:], single_grads[1:], strict=True):
        assert value.dtype == torch.float32
        assert torch.equal(value, expected)


def test_weights_of_another_dtype():
    x, weights, g = random_case((1, 8, 5, 6))
    doubles = record(*(w.double() for w in weights))
    y = af.ops.freq_mix(x, *doubles)
    assert y.dtype == torch.float32
    assert all(t.dtype == torch.float64 for t in torch.autograd.grad(y, doubles, g))
    exact = af.ops.freq_mix(x.double(), *weights)
    assert exact.dtype == torch.float64
    assert relative_error(exact, af.reference.freq_mix(x.double(), *(w.double() for w in weights))) <= ORACLE


def test_autocast_keeps_float32_weights():
    x, weights, _ = random_case((2, 8, 6, 6))
    plain = af.ops.freq_mix(x.bfloat16(), *weights)
    with torch.autocast("cpu", torch.bfloat16):
        y = af.ops.freq_mix(x.bfloat16(), *record(*weights))
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, plain)


@pytest.mark.parametrize("shape", [(16, 32, 14, 14), (3, 64, 28, 12), (9, 12, 10, 11)])
def test_threads_do_not_change_a_bit(shape, restore_threads, instruction_set):
    x, weights, g = random_case(shape)
    results = []
    for threads in (1, 2, 3, 1):
        torch.set_num_threads(threads)
        inputs = record(x, *weights)
        y = af.ops.freq_mix(*inputs)
        results.append([y, *torch.autograd.grad(y, inputs, g)])
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))


@pytest.mark.parametrize(
    "shape", [(6, 32, 112, 112), (9, 64, 56, 56), (6, 36, 97, 96), (5, 64, 7, 7), (3, 32, 6, 8)], ids=str
)
def test_neither_threads_nor_the_batch_change_a_sample(shape, restore_threads, instruction_set):
    """Outputs larger than the cache go past it, or are zeroed ahead of their values: by the thread that writes these,
    and within the samples of its task. The few planes of one small sample share the lanes with a second row.
    """
    x, weights, g = random_case(shape)
    inputs = record(x, *weights)
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        y = af.ops.freq_mix(*inputs)
        results.append([y.detach(), *torch.autograd.grad(y, inputs, g)])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    with torch.no_grad():
        samples = torch.cat([af.ops.freq_mix(sample, *weights) for sample in x.split(1)])
    assert torch.equal(results[0][0], samples)


@pytest.mark.parametrize("shape", [(6, 32, 112, 112), (5, 36, 97, 96), (3, 32, 28, 14)], ids=str)
@pytest.mark.parametrize("shift", [1, 8, 16], ids="{} floats on".format)
def test_any_address_gives_the_same_bits(shape, shift, instruction_set):
    """What goes past the caches has to begin at a line of memory; elsewhere it does not. Nothing beside it changes."""
    x, weights, _ = random_case(shape)
    with torch.no_grad():
        expected = af.ops.freq_mix(x, *weights)
    room = torch.full((x.numel() + shift + 16,), 7.0)
    y = room[shift : shift + x.numel()]
    _cpu.freq_mix(x.data_ptr(), y.data_ptr(), *shape, *(w.data_ptr() for w in weights), 1)
    assert torch.equal(y.view(shape), expected)
    assert (room[:shift] == 7).all()
    assert (room[shift + x.numel() :] == 7).all()


def test_the_quick_way_takes_what_it_should():
    """What the binding reads itself, and what it leaves to the checks in Python."""
    x, weights, _ = random_case((2, 16, 6, 5))
    plain = _direct.plain
    expected = af.ops.freq_mix(x, *weights)
    if hasattr(torch.Tensor, "__dlpack_c_exchange_api__"):
        assert torch.equal(plain.freq_mix(x, *weights, 1), expected)
        parameters = [torch.nn.Parameter(weight) for weight in weights]
        assert torch.equal(plain.freq_mix(x, *parameters, 1), expected)

    class Subclass(torch.Tensor):
        pass

    refused = [
        x.double(),
        torch._neg_view(x),
        x[:, :, ::2],
        x[:, :15],
        x[:0],
        x[0],
        x.to_sparse(),
        x.as_subclass(Subclass),
        [1.0],
    ]
    assert all(plain.freq_mix(other, *weights, 1) is None for other in refused)
    for i, weight in enumerate(weights):
        for other in (
            None,
            weight.double(),
            torch._neg_view(weight),
            weight[:-1],
            torch.stack([weight, weight], -1)[..., 0],
        ):
            assert plain.freq_mix(x, *weights[:i], other, *weights[i + 1 :], 1) is None
    without_table = _cpu.PlainTensors(None, (torch.Tensor,), torch.empty_like, torch.Tensor.is_neg)
    assert without_table.freq_mix(x, *weights, 1) is None
    with pytest.raises(ValueError, match="PyCapsule_GetPointer"):
        _cpu.PlainTensors(1, (), None, None)


def test_samples_do_not_depend_on_their_batch():
    """A sample's planes share vectors with other samples' planes, never numbers."""
    x, weights, _ = random_case((7, 32, 7, 7))
    together = af.ops.freq_mix(x, *weights)
    for i in range(7):
        assert torch.equal(af.ops.freq_mix(x[i : i + 1], *weights)[0], together[i])
    x[3] = float("nan")
    poisoned = af.ops.freq_mix(x, *weights)
    keep = [0, 1, 2, 4, 5, 6]
    assert torch.equal(poisoned[keep], together[keep])


def test_input_layouts_and_empty_batch():
    x, weights, _ = random_case((3, 8, 6, 5))
    expected = af.ops.freq_mix(x, *weights)
    for same in (x.to(memory_format=torch.channels_last), torch.cat([x, x], 1)[:, 8:], x.flip(3).flip(3)):
        y = af.ops.freq_mix(same, *weights)
        assert y.is_contiguous()
        assert torch.equal(y, expected)
    inputs = record(x[:0], *weights)
    y = af.ops.freq_mix(*inputs)
    y.sum().backward()
    assert y.shape == (0, 8, 6, 5)
    assert all(t.grad.abs().sum() == 0 for t in inputs[1:])


def test_second_derivatives():
    x, weights, g = random_case((1, 8, 4, 5), torch.float64)
    x, g = record(x, g)
    (grad_x,) = torch.autograd.grad(af.ops.freq_mix(x, *weights), x, g, create_graph=True)
    (twice,) = torch.autograd.grad(grad_x, g, x)  # linear in g: the mix without its bias again
    assert relative_error(twice, af.reference.freq_mix(x, weights[0], None, *weights[2:])) <= ORACLE
    inputs = record(x, *weights)
    grads = torch.autograd.grad(af.ops.freq_mix(*inputs), inputs, g, create_graph=True)
    with pytest.raises(NotImplementedError, match="freq_mix: second derivatives"):
        grads[1].sum().backward()


def with_argument(name, value):
    x, weights, _ = random_case((2, 8, 6, 5))
    arguments = dict(zip(["x", *NAMES], [x, *weights], strict=True))
    arguments[name] = value(arguments[name]) if callable(value) else value
    return arguments


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("x", lambda x: x[0], ValueError, r"x must have shape \(B, C, H, W\), got \(8, 6, 5\)"),
        ("x", lambda x: x[:, :6], ValueError, r"channels of x must be divisible by 4, got shape \(2, 6, 6, 5\)"),
        ("x", lambda x: x[:, :, :0], ValueError, "x must not be empty but in its batch"),
        ("x", lambda x: x.long(), TypeError, "x must be a real floating tensor, got torch.int64"),
        ("x", lambda x: x + 0j, TypeError, "x must be a real floating tensor, got torch.complex64"),
        ("conv_weight", None, TypeError, "conv_weight must be a tensor, got NoneType"),
        ("conv_weight", lambda w: w[:, 0], ValueError, r"conv_weight must have shape \(2, 1, 3, 3\) for x of shape"),
        ("conv_bias", lambda w: w[:1], ValueError, r"conv_bias must have shape \(2,\)"),
        (
            "weight_hw",
            lambda w: w[:, :, :2],
            ValueError,
            r"weight_hw must have shape \(2, 6, 3, 2\) .*got \(2, 6, 2, 2\)",
        ),
        ("weight_hc", lambda w: w[:, :3], ValueError, r"weight_hc must have shape \(2, 4, 2\)"),
        ("weight_wc", lambda w: w[..., 0], ValueError, r"weight_wc must have shape \(2, 3, 2\)"),
        ("weight_wc", lambda w: w.to("meta"), ValueError, "weight_wc must be on cpu like x, got meta"),
    ],
)
def test_errors_teach(name, value, error, message):
    with pytest.raises(error, match="freq_mix: .*" + message):
        af.ops.freq_mix(**with_argument(name, value))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("fast", r"path must be one of 'auto', 'fused', 'cufft', got 'fast'"),
        ("fused", r"path='fused' chooses between CUDA kernels; x is on cpu, where path must be 'auto'"),
    ],
)
def test_path_is_for_cuda(path, message):
    with pytest.raises(ValueError, match="freq_mix: " + message):
        af.ops.freq_mix(**with_argument("conv_bias", None), path=path)


def test_reference_backward_is_its_derivative():
    """The plain backward serves tensors on other devices."""
    from activefreq.reference.freq_mix import freq_mix_backward

    for absent in ((), (2,), (3, 4)):
        x, weights, g = random_case((2, 8, 6, 5), torch.float64)
        inputs = record(x, *weights)
        arguments = [None if i in absent else w for i, w in enumerate(inputs[1:])]
        arguments = [inputs[0], *(None if i + 1 in (a + 1 for a in absent) else w for i, w in enumerate(arguments))]
        y = af.reference.freq_mix(*arguments)
        wanted = [t for t in arguments if t is not None]
        expected = iter(torch.autograd.grad(y, wanted, g))
        gradients = freq_mix_backward(g, arguments[0], arguments[1], *arguments[3:])
        for argument, value in zip(arguments, gradients, strict=True):
            if argument is None:
                assert value.numel() == 0
            else:
                assert relative_error(value, next(expected)) <= ORACLE


def test_schema():
    x, weights, g = random_case((2, 8, 6, 5))
    operators = torch.ops.activefreq
    spectra = weights[2:]
    for arguments in (
        (x, *weights),
        record(x, *weights),
        (x, weights[0], None, None, *weights[3:]),
        (x.to(memory_format=torch.channels_last), *weights),
    ):
        torch.library.opcheck(operators.freq_mix.default, tuple(arguments))
    torch.library.opcheck(operators.freq_mix_backward.default, (g, x, weights[0], *spectra))
    torch.library.opcheck(operators.freq_mix_backward.default, (g, x, weights[0], None, None, spectra[2]))


def test_compiles():
    x, weights, g = random_case((2, 8, 6, 5))
    inputs = record(x, *weights)

    def step(x, *weights):
        return af.ops.freq_mix(x * 2, *weights).relu()

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    for value, expected in zip(
        torch.autograd.grad(compiled(*inputs), inputs, g), torch.autograd.grad(step(*inputs), inputs, g), strict=True
    ):
        torch.testing.assert_close(value, expected, rtol=0, atol=0)
