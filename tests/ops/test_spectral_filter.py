import numpy as np
import pytest
import torch
from tolerances import ORACLE, relative_error, transform_tolerance

import activefreq as af

# shape of x, shape of the weight, axes: planes along rows, along columns and across; odd, prime and single sizes.
CASES = [
    ((3, 4, 5, 6), (1, 4, 5, 4, 2), (2, 3)),
    ((3, 4, 5, 6), (1, 4, 3, 1, 2), (1, 2)),
    ((3, 4, 5, 6), (1, 4, 1, 4, 2), (1, 3)),
    ((2, 20, 14, 28), (1, 20, 14, 15, 2), (2, 3)),
    ((2, 8, 7, 56), (1, 8, 4, 1, 2), (1, 2)),
    ((2, 8, 24, 16), (1, 8, 1, 9, 2), (1, 3)),
    ((2, 5, 9, 4), (2, 3, 1, 4, 2), (3, 1)),
    ((2, 8, 9, 10), (1, 8, 9, 6, 2), (1, 2, 3)),
    ((2, 3, 4, 5, 6), (2, 3, 3, 1, 6, 2), (-1, 1, -3)),
    ((37, 7), (37, 4, 2), (0, 1)),
    ((3, 13, 22), (1, 13, 12, 2), (-2, -1)),
    ((2, 997, 3), (2, 499, 3, 2), (2, 1)),
    ((4, 1, 1), (4, 1, 1, 2), (1, 2)),
    ((3, 1, 2), (1, 1, 2, 2), (1, 2)),
    ((33, 2, 3), (33, 2, 2, 2), (1, 2)),
    ((2, 3, 11, 88), (1, 3, 11, 45, 2), (2, 3)),
    ((2, 3, 44, 22), (1, 3, 44, 12, 2), (2, 3)),
    ((5, 88, 11), (1, 88, 6, 2), (1, 2)),
    # every length with code of its own along columns, with a weight of each plane and with one of all
    *(((2, 3, n, 7), (1, 3, n, 4, 2), (2, 3)) for n in (8, 11, 12, 22, 24, 28, 32, 48, 56, 64, 88, 96, 112)),
    *(((1, 8, h, w), (1, 8, h // 2 + 1, 1, 2), (1, 2)) for h, w in ((7, 7), (6, 8), (5, 1), (4, 3))),  # few planes
    *(((1, 12, h, w), (1, 12, 1, w // 2 + 1, 2), (1, 3)) for h, w in ((7, 7), (8, 6), (1, 5), (3, 4))),
    # beyond the cache, in lines of memory: three axes, rows by two and by one, consecutive planes
    ((8, 4, 16, 64, 56), (1, 4, 16, 64, 29, 2), (2, 3, 4)),
    ((9, 4, 3, 160, 96), (1, 4, 3, 160, 49, 2), (2, 3, 4)),
    ((7, 4, 5, 112, 128), (1, 4, 5, 57, 1, 2), (2, 3)),
    *(((3, n, 5), (1, n, 3, 2), (1, 2)) for n in (7, 12, 14, 16, 22, 24, 28, 32, 44, 48, 56, 64, 96, 112)),
]


def fix_axes(case):
    shape, weight_shape, axes = case
    positive = [a % len(shape) for a in axes]
    sizes = [shape[a] // 2 + 1 if a == positive[-1] else shape[a] for a in positive]
    weight_shape = list(weight_shape)
    for axis, size in zip(positive, sizes, strict=True):
        weight_shape[axis] = size
    return shape, tuple(weight_shape), axes


def random_case(case, dtype, seed=0):
    shape, weight_shape, axes = fix_axes(case)
    generator = torch.Generator().manual_seed(seed)
    x, g = (torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(2))
    weight = torch.randn(weight_shape, generator=generator, dtype=torch.float64).to(dtype)
    return x, weight, g, axes


def points(x, axes):
    return int(np.prod([x.shape[a] for a in axes]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}{c[2]}")
def test_equals_reference(case, dtype, instruction_set):
    x, weight, g, axes = random_case(case, dtype)
    x.requires_grad_()
    weight.requires_grad_()
    y = af.ops.spectral_filter(x, weight, axes)
    grads = torch.autograd.grad(y, [x, weight], g)
    expected = af.reference.spectral_filter(x.double(), weight.double(), axes)
    expected_grads = torch.autograd.grad(expected, [x, weight], g.double())
    tolerance = transform_tolerance(dtype, points(x, axes))
    assert y.dtype == dtype
    for value, oracle in zip([y, *grads], [expected, *expected_grads], strict=True):
        assert relative_error(value, oracle) <= tolerance


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (1, 6), (7, 1), (37, 13)])
def test_equals_numpy(size, instruction_set):
    """numpy's irfft2 ignores what we drop: a random weight has imaginary parts at DC and Nyquist."""
    generator = np.random.default_rng(1)
    x = generator.standard_normal((3, *size))
    weight = generator.standard_normal((3, size[0], size[1] // 2 + 1, 2))
    spectrum = np.fft.rfft2(x) * (weight[..., 0] + 1j * weight[..., 1])
    y = af.ops.spectral_filter(torch.from_numpy(x), torch.from_numpy(weight), (1, 2))
    assert relative_error(y, torch.from_numpy(np.fft.irfft2(spectrum, s=size))) <= ORACLE


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}{c[2]}")
def test_backward_is_the_adjoint(case):
    """⟨F x, g⟩ = ⟨x, F* g⟩, and the filter is linear in its weight: ⟨F x, g⟩ = ⟨W, dW⟩."""
    x, weight, g, axes = random_case(case, torch.float64, seed=2)
    x.requires_grad_()
    weight.requires_grad_()
    y = af.ops.spectral_filter(x, weight, axes)
    grad_x, grad_weight = torch.autograd.grad(y, [x, weight], g)
    product = (y * g).sum()
    bound = 1e-13 * y.norm() * g.norm()
    assert abs(product - (x * grad_x).sum()) <= bound
    assert abs(product - (weight * grad_weight).sum()) <= bound


@pytest.mark.parametrize("half", [6, 7])
def test_impulse_gives_the_kernel_and_shifts_with_it(half):
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(1, 5, half // 2 + 1, 2, generator=generator, dtype=torch.float64)
    impulse = torch.zeros(1, 5, half, dtype=torch.float64)
    impulse[0, 0, 0] = 1
    kernel = af.ops.spectral_filter(impulse, weight, (1, 2))
    shifted = af.ops.spectral_filter(impulse.roll((3, 2), (1, 2)), weight, (1, 2))
    torch.testing.assert_close(shifted, kernel.roll((3, 2), (1, 2)), rtol=0, atol=1e-14)
    flat = weight.new_zeros(weight.shape)
    flat[..., 0] = 1.0
    torch.testing.assert_close(af.ops.spectral_filter(impulse, flat, (1, 2)), impulse, rtol=0, atol=1e-14)


def test_a_constant_weight_is_a_factor(instruction_set):
    x = torch.randn(3, 14, 9, generator=torch.Generator().manual_seed(4))
    weight = torch.zeros(3, 14, 5, 2)
    weight[..., 0] = 0.75
    assert relative_error(af.ops.spectral_filter(x, weight), 0.75 * x) <= transform_tolerance(x.dtype, 14 * 9)


@pytest.mark.parametrize("case", [CASES[0], CASES[6], ((2, 3, 2, 4), (1, 3, 2, 3, 2), (1, 2, 3))])
def test_gradcheck(case):
    x, weight, _, axes = random_case(case, torch.float64)
    x, weight = x[:2].requires_grad_(), weight[:2].requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w: af.ops.spectral_filter(x, w, axes), (x, weight))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_one_rounding(dtype):
    x, weight, g, axes = random_case(CASES[3], dtype)
    weight = weight.float()
    x.requires_grad_()
    weight.requires_grad_()
    y = af.ops.spectral_filter(x, weight, axes)
    grads = torch.autograd.grad(y, [x, weight], g)
    single = af.ops.spectral_filter(x.float(), weight, axes)
    single_grads = torch.autograd.grad(single, [x, weight], g.float())
    assert torch.equal(y, single.to(dtype))
    assert torch.equal(grads[0], single_grads[0].to(dtype))
    assert grads[1].dtype == torch.float32
    assert torch.equal(grads[1], single_grads[1])


@pytest.mark.parametrize("case", [CASES[3], CASES[4], CASES[7], ((40, 4, 6), (1, 4, 4, 2), (1, 2))])
def test_threads_do_not_change_a_bit(case, restore_threads, instruction_set):
    shape, weight_shape, axes = fix_axes(case)
    x, weight, g, axes = random_case(((3 * shape[0], *shape[1:]), weight_shape, axes), torch.float32)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        y = af.ops.spectral_filter(x, weight, axes)
        results.append((y, *torch.ops.activefreq.spectral_filter_backward(g, x, weight, [a % x.dim() for a in axes])))
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))


def test_input_layouts():
    x, weight, _, axes = random_case(CASES[0], torch.float32)
    expected = af.ops.spectral_filter(x, weight, axes)
    for same in (
        x.to(memory_format=torch.channels_last),
        x.transpose(1, 3).contiguous().transpose(1, 3),
        torch.stack([x, x], -1)[..., 1],
    ):
        y = af.ops.spectral_filter(same, weight, axes)
        assert y.is_contiguous()
        assert torch.equal(y, expected)
    strided = torch.stack([weight, weight], 0).movedim(0, -1)[..., 0]
    assert torch.equal(af.ops.spectral_filter(x, strided, axes), expected)


def test_empty_batch():
    x = torch.zeros(0, 4, 5, 6, requires_grad=True)
    weight = torch.ones(1, 4, 5, 4, 2, requires_grad=True)
    y = af.ops.spectral_filter(x, weight, (2, 3))
    y.sum().backward()
    assert y.shape == x.shape
    assert weight.grad.abs().sum() == 0


def test_second_derivatives():
    x, weight, g, axes = random_case(CASES[0], torch.float64)
    x.requires_grad_()
    g.requires_grad_()
    (grad_x,) = torch.autograd.grad(af.ops.spectral_filter(x, weight, axes), x, g, create_graph=True)
    (twice,) = torch.autograd.grad(grad_x, g, x)  # linear: the filter of x again
    assert relative_error(twice, af.reference.spectral_filter(x, weight, axes)) <= ORACLE
    weight.requires_grad_()
    grads = torch.autograd.grad(af.ops.spectral_filter(x, weight, axes), [x, weight], g, create_graph=True)
    with pytest.raises(NotImplementedError, match="spectral_filter: second derivatives"):
        grads[1].sum().backward()


X = torch.zeros(2, 4, 6)
W = torch.zeros(2, 4, 4, 2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((X, W[:, :3]), ValueError, r"weight must have shape \(1 or 2, 4, 4, 2\), got \(2, 3, 4, 2\)"),
        ((X, W[0]), ValueError, r"weight must have shape \(1 or 2, 4, 4, 2\), got \(4, 4, 2\)"),
        ((X, W, (1,)), ValueError, r"axes must be two or three distinct dimensions of x, got \(1,\) for 3-d x"),
        ((X, W, (1, -2)), ValueError, r"axes must be two or three distinct dimensions"),
        ((X, W, (1, 3)), ValueError, r"axes must be two or three distinct dimensions"),
        ((X[:, :0], W), ValueError, r"transformed axes \(1, 2\) of x must not be empty, got shape \(2, 0, 6\)"),
        ((X.to(torch.complex64), W), TypeError, "x must be a real floating tensor, got torch.complex64"),
        ((X.int(), W), TypeError, "x must be a real floating tensor, got torch.int32"),
        ((X, torch.view_as_complex(W)), TypeError, "weight must be a real floating tensor, got torch.complex64"),
        ((X, W.to("meta")), ValueError, "weight must be on cpu like x, got meta"),
        ((X, None), TypeError, "weight must be a tensor, got NoneType"),
    ],
)
def test_errors_teach(arguments, error, message):
    with pytest.raises(error, match="spectral_filter: " + message):
        af.ops.spectral_filter(*arguments)


def test_path_is_for_cuda():
    with pytest.raises(ValueError, match=r"spectral_filter: path must be one of 'auto', 'fused', 'cufft', got 'fast'"):
        af.ops.spectral_filter(X, W, path="fast")
    with pytest.raises(ValueError, match="spectral_filter: path='cufft' chooses between CUDA kernels; x is on cpu"):
        af.ops.spectral_filter(X, W, path="cufft")
    assert torch.equal(af.ops.spectral_filter(X, W, path="auto"), X)


def test_reference_backward_is_its_derivative():
    """The plain backward serves tensors on other devices."""
    from activefreq.reference.spectral_filter import spectral_filter_backward

    for case in CASES[:8]:
        x, weight, g, axes = random_case(case, torch.float64)
        x.requires_grad_()
        weight.requires_grad_()
        expected = torch.autograd.grad(af.reference.spectral_filter(x, weight, axes), [x, weight], g)
        for value, oracle in zip(spectral_filter_backward(g, x, weight, axes), expected, strict=True):
            assert relative_error(value, oracle) <= ORACLE


def test_schema():
    x, weight, g, axes = random_case(CASES[0], torch.float32)
    axes = list(axes)
    operators = torch.ops.activefreq
    for a, b in ((x, weight), (x.clone().requires_grad_(), weight.clone().requires_grad_())):
        torch.library.opcheck(operators.spectral_filter.default, (a, b, axes))
    torch.library.opcheck(operators.spectral_filter_backward.default, (g, x, weight, axes))
    torch.library.opcheck(operators.spectral_filter.default, (x.to(memory_format=torch.channels_last), weight, axes))


def test_compiles():
    x, weight, g, axes = random_case(CASES[0], torch.float32)
    x.requires_grad_()
    weight.requires_grad_()

    def step(x, weight):
        return af.ops.spectral_filter(x * 2, weight, axes).relu()

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    for value, expected in zip(
        torch.autograd.grad(compiled(x, weight), [x, weight], g),
        torch.autograd.grad(step(x, weight), [x, weight], g),
        strict=True,
    ):
        torch.testing.assert_close(value, expected, rtol=0, atol=0)
