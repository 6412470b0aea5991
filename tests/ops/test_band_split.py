import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import ORACLE, relative_error, transform_tolerance

import activefreq as af
from activefreq.ops import band_merge, band_split

# Blocks of one bin, of an even and an odd number, on even and odd axes; depths around the vector widths.
SHAPES = [(10, 10, 1), (3, 20, 13, 7), (40, 56, 40), (2, 1, 17, 23, 35), (1, 12, 15, 65)]
READINGS = [(0.1, False), (0.1, True), (0.35, False), (0.34, True), (0.95, True)]


def random(shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def bands(shape, theta, dtype=torch.float64, seed=1):
    """A centre and a border of the right shapes."""
    border = random(shape, dtype, seed)
    return random((*shape[:-3], int(shape[-3] * theta), int(shape[-2] * theta), shape[-1]), dtype, seed + 1), border


def block(size, theta):
    count = int(size * theta)
    first = int(size / 2 - count / 2)
    return slice(first, first + count)


def split_by_numpy(x, theta, shift):
    """The paper's definition: three axes transformed, slices of the (shifted) spectrum."""
    axes = (-3, -2, -1)
    spectrum = np.fft.fftn(x.numpy(), axes=axes)
    if shift:
        spectrum = np.fft.fftshift(spectrum, axes=axes)
    rows, columns = block(x.shape[-3], theta), block(x.shape[-2], theta)
    centre = spectrum[..., rows, columns, :]
    border = spectrum.copy()
    border[..., rows, columns, :] = 0
    if shift:  # every bin to its own frequency, which an inverse shift does where the block starts at m // 2
        centre = np.roll(centre, [rows.start - x.shape[-3] // 2, columns.start - x.shape[-2] // 2], axis=(-3, -2))
        centre = np.fft.ifftshift(centre, axes=-1)
        border = np.fft.ifftshift(border, axes=axes)
    return np.fft.ifftn(centre, axes=axes).real, np.fft.ifftn(border, axes=axes).real


def merge_by_numpy(centre, border, theta, shift):
    axes = (-3, -2, -1)
    small, large = np.fft.fftn(centre.numpy(), axes=axes), np.fft.fftn(border.numpy(), axes=axes)
    rows, columns = block(border.shape[-3], theta), block(border.shape[-2], theta)
    if shift:
        small = np.fft.fftshift(small, axes=-1)
        small = np.roll(small, [border.shape[-3] // 2 - rows.start, border.shape[-2] // 2 - columns.start], (-3, -2))
        large = np.fft.fftshift(large, axes=axes)
    large[..., rows, columns, :] = small
    if shift:
        large = np.fft.ifftshift(large, axes=axes)
    return np.fft.ifftn(large, axes=axes).real


@pytest.mark.parametrize("reading", READINGS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_numpy(shape, reading, instruction_set):
    x = random(shape)
    for module in (af.ops, af.reference):
        for ours, expected in zip(module.band_split(x, *reading), split_by_numpy(x, *reading), strict=True):
            assert relative_error(ours, torch.from_numpy(expected)) <= ORACLE
        pair = bands(shape, reading[0])
        expected = torch.from_numpy(merge_by_numpy(*pair, *reading))
        assert relative_error(module.band_merge(*pair, *reading), expected) <= ORACLE


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reading", READINGS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_reference(shape, reading, dtype, instruction_set):
    """Forward and gradients of both, against the plain form in float64."""
    tolerance = transform_tolerance(dtype, shape[-3] * shape[-2])
    x, exact = (random(shape, kind).requires_grad_() for kind in (dtype, torch.float64))
    g = bands(shape, reading[0], dtype)
    ours, plain = band_split(x, *reading), af.reference.band_split(exact, *reading)
    for a, b in zip(ours, plain, strict=True):
        assert a.dtype == dtype
        assert relative_error(a, b) <= tolerance
    (ours_x,), (plain_x,) = torch.autograd.grad(ours, x, g), torch.autograd.grad(plain, exact, [t.double() for t in g])
    assert relative_error(ours_x, plain_x) <= tolerance
    pair, exacts = [[t.to(kind).requires_grad_() for t in g] for kind in (dtype, torch.float64)]
    y, expected = band_merge(*pair, *reading), af.reference.band_merge(*exacts, *reading)
    assert relative_error(y, expected) <= tolerance
    grads = torch.autograd.grad(y, pair, x.detach())
    for a, b in zip(grads, torch.autograd.grad(expected, exacts, exact.detach()), strict=True):
        assert relative_error(a, b) <= tolerance


def wave(size, frequency):
    """cos(2π frequency y / size), (size, size, 2)."""
    y = torch.arange(size, dtype=torch.float64)
    return torch.cos(2 * torch.pi * frequency * y / size)[:, None, None].expand(size, size, 2)


def test_the_centre_holds_the_highest_frequencies_and_with_shift_the_lowest():
    constant = torch.ones(20, 20, 2, dtype=torch.float64)
    alternating = wave(20, 10) * wave(20, 10).transpose(0, 1)
    for image, shift in ((alternating, False), (constant, True)):
        centre, border = band_split(image, 0.1, shift)
        assert centre.shape == (2, 2, 2)
        torch.testing.assert_close(border, torch.zeros_like(border), rtol=0, atol=1e-13)
        assert centre.abs().max().item() == pytest.approx(100)  # 1 / θ²
        centre, border = band_split(image, 0.1, not shift)
        torch.testing.assert_close(border, image, rtol=0, atol=1e-13)
        assert centre.abs().max() < 1e-12


def test_a_shifted_centre_is_the_image_at_a_lower_resolution():
    """A wave within the block keeps its length: half a period over the image stays half a period."""
    x = wave(56, 2)
    centre, _ = band_split(x, 0.1, shift=True)  # bins -3 to 1 of 56: the wave's negative half alone
    expected = torch.cos(2 * torch.pi * 2 * torch.arange(5, dtype=torch.float64) / 5) / 2
    torch.testing.assert_close(centre[:, 0, 0] * 25 / 56**2, expected)


def test_the_block_is_off_by_one_bin():
    """Of a wave whose mirror is outside the block only half its power is taken away."""
    rows, columns = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
    for bins, share in (((72, 80), 0.5), ((73, 80), 0.0), ((88, 80), 0.5), ((71, 80), 1.0)):
        x = torch.cos(2 * torch.pi * (bins[0] * rows + bins[1] * columns).double() / 160)[..., None]
        torch.testing.assert_close(band_split(x)[1], share * x, rtol=0, atol=1e-10)


def test_gradients_of_any_order():
    x, pair = random((5, 4, 2)).requires_grad_(), [t.requires_grad_() for t in bands((5, 4, 2), 0.5)]
    for function, arguments in (
        (lambda t: band_split(t, 0.5, True), (x,)),
        (lambda *b: band_merge(*b, 0.5), pair),
    ):
        assert torch.autograd.gradcheck(function, arguments)
        assert torch.autograd.gradgradcheck(function, arguments)


def test_one_used_band_has_a_gradient():
    x = random((20, 20, 3), torch.float32).requires_grad_()
    for index in (0, 1):
        (ours,) = torch.autograd.grad(band_split(x)[index].square().sum(), x)
        (expected,) = torch.autograd.grad(af.reference.band_split(x)[index].square().sum(), x)
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_one_rounding(dtype):
    x, pair = random((2, 20, 13, 5), dtype), bands((2, 20, 13, 5), 0.1, dtype)
    assert all(torch.equal(a, b.to(dtype)) for a, b in zip(band_split(x), band_split(x.float()), strict=True))
    merged = band_merge(*(t.float() for t in pair))
    assert torch.equal(band_merge(*pair), merged.to(dtype))


def test_threads_do_not_change_a_bit(restore_threads):
    for shape in ((1, 40, 56, 70), (3, 33, 47, 35)):
        x, pair, chosen = random(shape, torch.float32), bands(shape, 0.1, torch.float32), []
        for threads in (1, 2, 3, 8):
            torch.set_num_threads(threads)
            chosen.append([*band_split(x), band_merge(*pair)])
        for result in chosen[1:]:
            assert all(torch.equal(a, b) for a, b in zip(result, chosen[0], strict=True))


def test_calls_of_many_sizes_and_scales_do_not_mix():
    """Matrices are kept from call to call."""
    for _ in range(2):
        for size in (10, 11, 12, 13, 14, 30):
            for reading in READINGS[:4]:
                x = random((size, size + 3, 2)).requires_grad_()
                ours, plain = band_split(x, *reading), af.reference.band_split(x, *reading)
                g = [torch.ones_like(t) for t in ours]
                (ours_x,), (plain_x,) = torch.autograd.grad(ours, x, g), torch.autograd.grad(plain, x, g)
                assert relative_error(ours[0], plain[0]) <= ORACLE
                assert relative_error(ours_x, plain_x) <= ORACLE


def test_input_layouts():
    x = random((1, 4, 20, 13, 6), torch.float32)
    expected = band_split(x)
    for same in (x.to(memory_format=torch.channels_last_3d), torch.cat([x, x], 1)[:, 4:], x.mT.contiguous().mT):
        got = band_split(same)
        assert all(t.is_contiguous() and torch.equal(t, e) for t, e in zip(got, expected, strict=True))
    merged = band_merge(*expected)
    assert torch.equal(band_merge(*(torch.stack([t, t], -1)[..., 0] for t in expected)), merged)


@pytest.mark.parametrize("shape", [(0, 10, 12, 5), (2, 10, 12, 0)])
def test_empty(shape):
    x = torch.zeros(shape, requires_grad=True)
    centre, border = band_split(x)
    assert centre.shape == (shape[0], 1, 1, shape[-1])
    assert border.shape == shape
    y = band_merge(centre, border)
    assert y.shape == shape
    y.sum().backward()
    assert x.grad.shape == shape


@pytest.mark.parametrize(
    ("x", "theta", "error", "message"),
    [
        (torch.zeros(10, 10), 0.1, ValueError, r"x must have shape \(\.\.\., H, W, D\), got \(10, 10\)"),
        (
            torch.zeros(10, 10, 2, dtype=torch.int32),
            0.1,
            TypeError,
            "x must be a real floating tensor, got torch.int32",
        ),
        ([1.0], 0.1, TypeError, "x must be a tensor, got list"),
        (torch.zeros(10, 10, 2), 1.0, ValueError, r"theta must be in \(0, 1\), got 1.0"),
        (torch.zeros(10, 9, 2), 0.1, ValueError, r"theta 0.1 leaves no bin on W = 9; it takes W \* theta >= 1"),
    ],
)
def test_errors_teach(x, theta, error, message):
    with pytest.raises(error, match="band_split: " + message):
        band_split(x, theta)


@pytest.mark.parametrize(
    ("centre", "border", "error", "message"),
    [
        ((1, 2, 3), (20, 20, 3), ValueError, r"centre must have shape \(2, 2, 3\) for a border of .* got \(1, 2, 3\)"),
        ((2, 2, 3), (20, 3), ValueError, r"border must have shape \(\.\.\., H, W, D\), got \(20, 3\)"),
        ((1, 1, 3), (20, 9, 3), ValueError, "theta 0.1 leaves no bin on W = 9"),
    ],
)
def test_errors_of_the_merge_teach(centre, border, error, message):
    with pytest.raises(error, match="band_merge: " + message):
        band_merge(torch.zeros(centre), torch.zeros(border))


def test_bands_of_two_kinds_are_refused():
    centre, border = bands((10, 10, 2), 0.1)
    with pytest.raises(ValueError, match=r"centre must be torch\.float64 like border, got torch\.float32"):
        band_merge(centre.float(), border)
    with pytest.raises(ValueError, match="band_merge: centre must be on cpu like border, got meta"):
        band_merge(centre.to("meta"), border)


def test_schema():
    x, pair = random((2, 10, 13, 3), torch.float32), bands((2, 10, 13, 3), 0.2, torch.float32)
    operators, axes = torch.ops.activefreq, ([2, 4, 0], [2, 5, 1])
    for kind, records in ((torch.float32, True), (torch.bfloat16, False)):
        t, centre, border = (v.to(kind, copy=True).requires_grad_(records) for v in (x, *pair))
        torch.library.opcheck(operators.band_split.default, (t, *axes, 1.5))
        torch.library.opcheck(operators.band_merge.default, (centre, border, *axes, 0.5))


def test_compiles():
    def step(x):
        centre, border = band_split(x * 2)
        return band_merge(-centre, border)

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager", dynamic=True)
    for shape in ((2, 20, 13, 3), (2, 21, 14, 4)):
        x = random(shape, torch.float32).requires_grad_()
        y, expected = compiled(x), step(x)
        assert torch.equal(y, expected)
        assert torch.equal(torch.autograd.grad(y.sum(), x)[0], torch.autograd.grad(expected.sum(), x)[0])


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # of torch's own formulas
def test_forward_mode_derivatives():
    x, tangent = random((10, 12, 2)), random((10, 12, 2), seed=1)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, tangent)
        merged = band_merge(*band_split(dual, 0.2), 0.2)
        moved = torch.autograd.forward_ad.unpack_dual(merged).tangent
    torch.testing.assert_close(moved, band_merge(*band_split(tangent, 0.2), 0.2))


SIDES = st.integers(2, 40) | st.sampled_from([56, 63, 64])


@pytest.mark.parametrize("examples", [100, pytest.param(2000, marks=pytest.mark.long)])
def test_properties(examples):
    """Adjointness for any size, share and reading; what a border lost it stays without."""

    @given(SIDES, SIDES, st.integers(1, 20), st.floats(0.05, 0.95), st.booleans(), st.integers(0, 2**20))
    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    def property_(height, width, depth, theta, shift, seed):
        theta = max(theta, 1.001 / min(height, width))
        shape = (height, width, depth)
        x, pair = random(shape, seed=seed).requires_grad_(), bands(shape, theta, seed=seed + 1)
        mine = band_split(x, theta, shift)
        product = sum((a * b).sum() for a, b in zip(mine, pair, strict=True))
        (adjoint,) = torch.autograd.grad(mine, x, pair)
        gain = height * width / (pair[0].shape[0] * pair[0].shape[1])
        scale = 1 + gain * sum(t.square().sum() for t in (x, *pair))
        assert abs(product - (adjoint * x).sum()) <= 1e-13 * scale
        torch.testing.assert_close(
            adjoint, band_merge(pair[0] * gain, pair[1], theta, shift), rtol=0, atol=1e-10 * gain
        )
        centre, _ = band_split(x, theta, shift)
        torch.testing.assert_close(
            band_merge(centre * 0, mine[1], theta, shift), band_split(mine[1], theta, shift)[1], rtol=0, atol=1e-12
        )

    property_()
