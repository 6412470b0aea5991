import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import relative_error

import activefreq as af
from activefreq.ops import haar_dwt2, haar_idwt2

# Sizes around the vector widths, odd and even, one row, one column; leading dimensions none, one and two.
SHAPES = [(2, 2), (1, 1), (3, 1, 7), (3, 9, 1), (2, 3, 5, 6), (4, 7, 3), (2, 8, 33), (1, 2, 65, 66), (5, 31, 130)]
EPSILON = {torch.float32: 2.0**-23, torch.float64: 2.0**-52}


def random(shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def band_shape(shape):
    return (*shape[:-2], -(-shape[-2] // 2), -(-shape[-1] // 2))


def random_bands(shape, dtype=torch.float64, seed=1):
    return tuple(random(band_shape(shape), dtype, seed + i) for i in range(4))


def by_numpy(x):
    """The definition, one block at a time as matrix products with the filters' matrices."""

    def matrix(size):
        rows = np.zeros((2, -(-size // 2), size))
        for k in range(rows.shape[1]):
            rows[0, k, 2 * k] += np.sqrt(0.5)
            rows[1, k, 2 * k] += np.sqrt(0.5)
            last = min(2 * k + 1, size - 1)
            rows[0, k, last] += np.sqrt(0.5)
            rows[1, k, last] -= np.sqrt(0.5)
        return rows

    along_height, along_width = matrix(x.shape[-2]), matrix(x.shape[-1])
    return [p @ x.numpy() @ q.T for p in along_height for q in along_width]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_matrices(shape, instruction_set):
    x = random(shape)
    for ours, plain, expected in zip(haar_dwt2(x), af.reference.haar_dwt2(x), by_numpy(x), strict=True):
        np.testing.assert_allclose(ours.numpy(), expected, rtol=0, atol=1e-14)
        np.testing.assert_allclose(plain.numpy(), expected, rtol=0, atol=1e-14)


def test_named_by_hand():
    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    assert [band.item() for band in haar_dwt2(x)] == [5.5, -1.5, -2.5, 0.5]
    assert torch.equal(haar_idwt2(haar_dwt2(x), (2, 2)), x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_reference(shape, dtype, instruction_set):
    """Forward and gradient of both directions; every number is a sum of at most sixteen, in some order."""
    tolerance = 4 * EPSILON[dtype]
    x, g = random(shape, dtype).requires_grad_(), random_bands(shape, dtype)
    ours, plain = haar_dwt2(x), af.reference.haar_dwt2(x)
    assert relative_error(torch.stack(ours), torch.stack(plain)) <= tolerance  # together: of one row, two are zero
    (ours_x,), (plain_x,) = (torch.autograd.grad(bands, x, g) for bands in (ours, plain))
    assert relative_error(ours_x, plain_x) <= tolerance
    bands, g = tuple(band.requires_grad_() for band in random_bands(shape, dtype)), random(shape, dtype)
    size = shape[-2:]
    y, expected = haar_idwt2(bands, size), af.reference.haar_idwt2(bands, size)
    assert y.dtype == dtype
    assert relative_error(y, expected) <= tolerance
    grads, plain = torch.autograd.grad(y, bands, g), torch.autograd.grad(expected, bands, g)
    assert relative_error(torch.stack(grads), torch.stack(plain)) <= tolerance


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_plain_gradients_are_the_other_direction(shape):
    """The plain forms with the other `repeat` serve tensors on other devices."""
    x, g = random(shape).requires_grad_(), random_bands(shape)
    (expected,) = torch.autograd.grad(af.reference.haar_dwt2(x), x, g)
    torch.testing.assert_close(af.reference.haar_idwt2(g, shape[-2:], repeat=True), expected, rtol=0, atol=1e-14)
    bands, g = tuple(band.requires_grad_() for band in random_bands(shape)), random(shape)
    expected = torch.autograd.grad(af.reference.haar_idwt2(bands, shape[-2:]), bands, g)
    torch.testing.assert_close(af.reference.haar_dwt2(g, repeat=False), expected, rtol=0, atol=1e-14)


def test_gradients_of_any_order():
    x, bands = random((2, 3, 5)).requires_grad_(), random_bands((2, 3, 5))
    bands = tuple(band.requires_grad_() for band in bands)
    for function, arguments in ((haar_dwt2, (x,)), (lambda *b: haar_idwt2(b, (3, 5)), bands)):
        assert torch.autograd.gradcheck(function, arguments)
        assert torch.autograd.gradgradcheck(function, arguments)


def test_one_used_band_has_a_gradient():
    x = random((4, 5), torch.float32).requires_grad_()
    (ours,) = torch.autograd.grad(haar_dwt2(x)[2].sum(), x)
    (expected,) = torch.autograd.grad(af.reference.haar_dwt2(x)[2].sum(), x)
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_one_rounding(dtype):
    x = random((3, 7, 10), dtype).requires_grad_()
    single = x.detach().float().requires_grad_()
    bands, singles = haar_dwt2(x), haar_dwt2(single)
    assert all(torch.equal(a, b.to(dtype)) for a, b in zip(bands, singles, strict=True))
    g = random_bands((3, 7, 10), dtype)
    (grad,), (grad_single,) = (
        torch.autograd.grad(bands, x, g),
        torch.autograd.grad(singles, single, [t.float() for t in g]),
    )
    assert torch.equal(grad, grad_single.to(dtype))
    y = haar_idwt2(g, (7, 10))
    assert torch.equal(y, haar_idwt2(tuple(t.float() for t in g), (7, 10)).to(dtype))
    assert torch.equal(af.reference.haar_idwt2(g, (7, 10)), y)


def test_threads_and_instruction_sets_do_not_change_a_bit(restore_threads):
    from activefreq import _cpu

    x, bands, chosen = random((9, 61, 83), torch.float32), random_bands((9, 61, 83), torch.float32), []
    before = _cpu.instruction_set()
    for name in _cpu.instruction_sets():
        _cpu.select_instruction_set(name)
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            chosen.append([*haar_dwt2(x), haar_idwt2(bands, (61, 83))])
    _cpu.select_instruction_set(before)
    for result in chosen[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, chosen[0], strict=True))


def test_input_layouts():
    x = random((3, 4, 9, 6), torch.float32)
    expected = haar_dwt2(x)
    for same in (x.to(memory_format=torch.channels_last), torch.cat([x, x], 1)[:, 4:], x.mT.contiguous().mT):
        bands = haar_dwt2(same)
        assert all(band.is_contiguous() and torch.equal(band, e) for band, e in zip(bands, expected, strict=True))
    back = haar_idwt2(expected, (9, 6))
    strided = tuple(torch.stack(expected, -1).unbind(-1))
    assert torch.equal(haar_idwt2(strided, (9, 6)), back)


@pytest.mark.parametrize("shape", [(0, 4, 5), (2, 0, 5), (2, 5, 0), (0, 0)])
def test_empty(shape):
    x = torch.zeros(shape, requires_grad=True)
    bands = haar_dwt2(x)
    assert all(band.shape == band_shape(shape) for band in bands)
    assert all(torch.equal(a, b) for a, b in zip(af.reference.haar_dwt2(x), bands, strict=True))
    y = haar_idwt2(bands, shape[-2:])
    assert y.shape == shape
    y.sum().backward()
    assert x.grad.shape == shape


def with_band(index, change):
    bands = list(random_bands((2, 5, 6), torch.float32))
    bands[index] = change(bands[index])
    return bands


@pytest.mark.parametrize(
    ("bands", "size", "error", "message"),
    [
        (
            with_band(1, lambda b: b[:, :2]),
            (5, 6),
            ValueError,
            r"lh must have shape \(2, 3, 3\) like ll, got \(2, 2, 3\)",
        ),
        (with_band(3, torch.Tensor.double), (5, 6), ValueError, "hh must be torch.float32 like ll, got torch.float64"),
        (with_band(2, torch.Tensor.long), (5, 6), TypeError, "hl must be a real floating tensor, got torch.int64"),
        (with_band(2, lambda b: b.to("meta")), (5, 6), ValueError, "hl must be on cpu like ll, got meta"),
        (with_band(2, lambda b: None), (5, 6), TypeError, "hl must be a tensor, got NoneType"),
        ([torch.zeros(3)] * 4, (5, 6), ValueError, r"ll must have shape \(\.\.\., h, w\), got \(3,\)"),
        (with_band(0, lambda b: b)[:3], (5, 6), ValueError, r"bands must be the four .*, got 3"),
        (
            with_band(0, lambda b: b),
            (7, 6),
            ValueError,
            r"size must be \(5 or 6, 5 or 6\) for bands of shape \(2, 3, 3\), got \(7, 6\)",
        ),
        (with_band(0, lambda b: b), (5, 4), ValueError, r"size must be \(5 or 6, 5 or 6\) .* got \(5, 4\)"),
        (with_band(0, lambda b: b), (5,), ValueError, r"size must be \(H, W\), got \(5,\)"),
    ],
)
def test_errors_teach(bands, size, error, message):
    with pytest.raises(error, match="haar_idwt2: " + message):
        haar_idwt2(bands, size)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.zeros(3), ValueError, r"x must have shape \(\.\.\., H, W\), got \(3,\)"),
        (torch.zeros(2, 2, dtype=torch.int32), TypeError, "x must be a real floating tensor, got torch.int32"),
        ([1.0], TypeError, "x must be a tensor, got list"),
    ],
)
def test_errors_of_the_transform_teach(x, error, message):
    with pytest.raises(error, match="haar_dwt2: " + message):
        haar_dwt2(x)


@pytest.mark.parametrize("size", [(4, 6), (5, 7)])
def test_schema(size):
    x, bands = random((2, *size), torch.float32), random_bands((2, *size), torch.float32)
    recording = [t.clone().requires_grad_() for t in (x, *bands)]
    operators = torch.ops.activefreq
    for repeat in (True, False):
        for t in (x, recording[0], x.mT.contiguous().mT, x.bfloat16()):
            torch.library.opcheck(operators.haar_dwt2.default, (t, repeat))
        for four in (bands, recording[1:], [band.half() for band in bands]):
            torch.library.opcheck(operators.haar_idwt2.default, (*four, *size, repeat))


def test_compiles_for_any_size():
    def step(x):
        ll, lh, hl, hh = haar_dwt2(x * 2)
        return haar_idwt2((ll, lh * 0.5, hl, -hh), x.shape[-2:])

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager", dynamic=True)
    for size in ((6, 8), (5, 9)):
        x = random((2, *size), torch.float32).requires_grad_()
        y, expected = compiled(x), step(x)
        assert torch.equal(y, expected)
        assert torch.equal(torch.autograd.grad(y.sum(), x)[0], torch.autograd.grad(expected.sum(), x)[0])


SIDES = st.integers(0, 70) | st.sampled_from([127, 128, 129])


@pytest.mark.parametrize("examples", [200, pytest.param(2000, marks=pytest.mark.long)])
def test_properties(examples):
    """The inverse restores, both pairs are adjoint, even sizes keep the energy, all for any size."""

    @given(st.lists(st.integers(0, 3), max_size=2), SIDES, SIDES, st.integers(0, 2**20))
    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    def property_(outer, height, width, seed):
        shape, size = (*outer, height, width), (height, width)
        x, bands = random(shape, seed=seed).requires_grad_(), random_bands(shape, seed=seed)
        bands = tuple(band.requires_grad_() for band in bands)
        mine = haar_dwt2(x)
        y = haar_idwt2(bands, size)
        torch.testing.assert_close(haar_idwt2(mine, size), x, rtol=0, atol=1e-13)
        scale = 1 + x.square().sum() + sum(band.square().sum() for band in bands)
        product = sum((a * b).sum() for a, b in zip(mine, bands, strict=True))
        (adjoint,) = torch.autograd.grad(mine, x, [band.detach() for band in bands])
        assert abs(product - (adjoint * x).sum()) <= 1e-14 * scale
        adjoints = torch.autograd.grad(y, bands, x.detach())
        product = sum((a * b).sum() for a, b in zip(adjoints, bands, strict=True))
        assert abs(product - (x * y).sum()) <= 1e-14 * scale
        if height % 2 == 0 and width % 2 == 0:
            energy = sum(band.square().sum() for band in mine)
            assert abs(energy - x.square().sum()) <= 1e-14 * scale
            torch.testing.assert_close(adjoint, y, rtol=0, atol=1e-13)  # the inverse is the transpose

    property_()
