import numpy as np
import pytest
import torch
from tolerances import relative_error, transform_tolerance

import activefreq as af
from activefreq.ops import irfft2, rfft2

# Odd and even, one row, one column, a prime, sizes with and without a codelet, numbers of planes around the vectors.
SHAPES = [
    (2, 2),
    (1, 1),
    (20, 1, 1),
    (3, 1, 7),
    (3, 9, 1),
    (17, 5, 6),
    (4, 13, 10),
    (2, 8, 33),
    (33, 11, 11),
    (2, 3, 22, 44),
]
SHAPES += [(5, 14, 28), (2, 56, 88), (0, 4, 4)]
FILLED = SHAPES[:-1]  # torch.fft takes no empty tensor
SPECTRUM = {torch.float32: torch.complex64, torch.float64: torch.complex128}
NORMS = ("backward", "ortho")


def random(shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def random_spectrum(shape, dtype=torch.float64, seed=1):
    half = (*shape[:-1], shape[-1] // 2 + 1)
    return torch.complex(random(half, seed=seed), random(half, seed=seed + 1)).to(SPECTRUM[dtype])


def gates(shape, dtype=torch.float64):
    """None, a real one, a complex one."""
    spectrum = random_spectrum(shape, dtype, seed=5)
    return {"none": None, "real": spectrum.real.contiguous(), "complex": spectrum}


def error(value, expected):
    """Relative, of real or complex numbers."""
    return relative_error(*(torch.view_as_real(t) if t.is_complex() else t for t in (value, expected)))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_numpy(shape, norm, instruction_set):
    """The imaginary parts of a random product at DC and Nyquist are not zero: numpy drops them as we do."""
    x, spectrum, gate = random(shape), random_spectrum(shape), gates(shape)["complex"]
    if not x.numel():
        assert rfft2(x).shape == spectrum.shape
        assert irfft2(spectrum, shape[-2:]).shape == x.shape
        return
    np.testing.assert_allclose(rfft2(x, norm).numpy(), np.fft.rfft2(x.numpy(), norm=norm), rtol=1e-12, atol=1e-12)
    expected = np.fft.irfft2((spectrum * gate).numpy(), shape[-2:], norm=norm)
    np.testing.assert_allclose(irfft2(spectrum, shape[-2:], gate, norm).numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", SPECTRUM, ids=str)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", FILLED, ids=str)
def test_equals_reference(shape, norm, dtype, instruction_set):
    """Both directions, every kind of gate, and every gradient."""
    allowed, size = transform_tolerance(dtype, max(1, shape[-2] * shape[-1])), shape[-2:]
    x, g = random(shape, dtype).requires_grad_(), random_spectrum(shape, dtype, seed=3)
    ours, plain = rfft2(x, norm), af.reference.rfft2(x, norm)
    assert ours.dtype == plain.dtype
    assert error(ours, plain) <= allowed
    assert error(*(torch.autograd.grad(y, x, g)[0] for y in (ours, plain))) <= allowed
    g = random(shape, dtype, seed=9)
    for kind, gate in gates(shape, dtype).items():
        inputs = [t.requires_grad_() for t in (random_spectrum(shape, dtype), gate) if t is not None]
        results = [
            function(inputs[0], size, gate if gate is None else inputs[1], norm)
            for function in (irfft2, af.reference.irfft2)
        ]
        assert error(*results) <= allowed, kind
        for ours, plain in zip(*(torch.autograd.grad(y, inputs, g) for y in results), strict=True):
            assert ours.dtype == plain.dtype
            assert error(ours, plain) <= allowed, kind


@pytest.mark.parametrize("shape", FILLED, ids=str)
def test_adjoints(shape):
    """⟨F x, S⟩ = ⟨x, F* S⟩ and ⟨F⁻¹ S, x⟩ = ⟨S, (F⁻¹)* x⟩, by the registered operators."""
    forward, inverse = torch.ops.activefreq.rfft2, torch.ops.activefreq.irfft2
    x, spectrum = random(shape), random_spectrum(shape)
    for norm in NORMS:
        for adjoint in (False, True):
            left = (forward(x, norm, adjoint).conj() * spectrum).real.sum()
            right = (x * inverse(spectrum, *shape[-2:], None, norm, not adjoint)).sum()
            torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)


def test_there_and_back():
    for size in ((6, 8), (5, 7), (11, 11), (1, 3)):
        x = random((2, *size))
        for norm in NORMS:
            torch.testing.assert_close(irfft2(rfft2(x, norm), size, norm=norm), x)


def test_gate_of_ones_and_scalars():
    x = random((3, 6, 9))
    spectrum = rfft2(x)
    torch.testing.assert_close(irfft2(spectrum, (6, 9), torch.full(spectrum.shape, 2.5, dtype=torch.float64)), 2.5 * x)
    torch.testing.assert_close(irfft2(spectrum, (6, 9), torch.ones_like(spectrum)), x)


def test_gradients_of_any_order_without_a_gate():
    x, spectrum = random((2, 3, 4)).requires_grad_(), random_spectrum((2, 3, 5)).requires_grad_()
    assert torch.autograd.gradcheck(rfft2, (x,))
    assert torch.autograd.gradgradcheck(rfft2, (x,))
    assert torch.autograd.gradcheck(lambda s: irfft2(s, (3, 5)), (spectrum,))
    assert torch.autograd.gradgradcheck(lambda s: irfft2(s, (3, 5)), (spectrum,))


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_gradients_of_spectrum_and_gate(kind):
    inputs = (random_spectrum((2, 4, 6)).requires_grad_(), gates((2, 4, 6))[kind].requires_grad_())
    assert torch.autograd.gradcheck(lambda s, g: irfft2(s, (4, 6), g), inputs)
    (grad,) = torch.autograd.grad(irfft2(inputs[0], (4, 6), inputs[1]).square().sum(), inputs[0], create_graph=True)
    with pytest.raises(NotImplementedError, match="irfft2: second derivatives are not implemented"):
        grad.abs().sum().backward()


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
def test_forward_mode():
    x, t = random((2, 4, 5)), random((2, 4, 5), seed=7)
    _, tangent = torch.func.jvp(rfft2, (x,), (t,))
    torch.testing.assert_close(tangent, rfft2(t))


@pytest.mark.parametrize("kind", ["none", "real", "complex"])
def test_bit_identical_for_any_threads_and_planes(kind, restore_threads):
    """Planes are lanes that never meet: a plane's bits depend on nothing beside it."""
    shape = (150, 14, 22)
    x, spectrum, gate = (
        random(shape, torch.float32),
        random_spectrum(shape, torch.float32),
        gates(shape, torch.float32)[kind],
    )
    grad = random(shape, torch.float32, seed=8)

    def everything(planes):
        chosen = None if gate is None else gate[planes]
        results = [rfft2(x[planes]), irfft2(spectrum[planes], shape[-2:], chosen)]
        if chosen is not None:
            results += torch.ops.activefreq.irfft2_backward(grad[planes], spectrum[planes], chosen)
        return results

    whole = everything(slice(None))
    for threads in (2, 3):
        torch.set_num_threads(threads)
        assert all(torch.equal(a, b) for a, b in zip(everything(slice(None)), whole, strict=True))
    for planes in (slice(0, 1), slice(37, 60), slice(149, 150)):
        assert all(torch.equal(a, b[planes]) for a, b in zip(everything(planes), whole, strict=True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single(dtype):
    x = random((3, 7, 10), dtype).requires_grad_()
    single = x.detach().float().requires_grad_()
    spectrum = rfft2(x)
    assert spectrum.dtype == torch.complex64
    assert torch.equal(spectrum, rfft2(single))
    g = random_spectrum((3, 7, 10), torch.float32)
    (grad,), (expected,) = torch.autograd.grad(spectrum, x, g), torch.autograd.grad(rfft2(single), single, g)
    assert torch.equal(grad, expected.to(dtype))


def test_any_layout():
    """Strided, conjugated and negated views, and integers of other strides, are read as what they say."""
    x, spectrum, gate = random((4, 6, 10)), random_spectrum((4, 6, 10)), gates((4, 6, 10))["complex"]
    torch.testing.assert_close(rfft2(x.mT.contiguous().mT), rfft2(x), rtol=0, atol=0)
    expected = irfft2(spectrum, (6, 10), gate)
    for view in (spectrum.mT.contiguous().mT, spectrum.conj().resolve_conj().conj()):
        torch.testing.assert_close(irfft2(view, (6, 10), gate), expected, rtol=0, atol=0)
        torch.testing.assert_close(
            irfft2(spectrum, (6, 10), gate.conj().resolve_conj().conj()), expected, rtol=0, atol=0
        )
    torch.testing.assert_close(
        irfft2(spectrum, (6, 10), (1j * spectrum).imag), irfft2(spectrum, (6, 10), spectrum.real)
    )


def test_the_way_past_the_dispatcher():
    """float32, contiguous: it gives what the registered operators give, gradients of gradients included."""
    shape = (3, 6, 10)
    x, spectrum, gate = random(shape, torch.float32), random_spectrum(shape, torch.float32), gates(shape, torch.float32)
    assert torch.equal(rfft2(x), torch.ops.activefreq.rfft2(x))
    for kind in gate.values():
        inputs = [t.requires_grad_() for t in (spectrum, kind) if t is not None]
        ours = irfft2(spectrum, shape[1:], kind)
        registered = torch.ops.activefreq.irfft2(spectrum, *shape[1:], kind)
        assert torch.equal(ours, registered)
        grads = [torch.autograd.grad(y, inputs, x) for y in (ours, registered)]
        assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))
    x.requires_grad_()
    second = []
    for transform in (rfft2, torch.ops.activefreq.rfft2):
        y = torch.ops.activefreq.irfft2(transform(x) * transform(x), *shape[1:])
        (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        second.append(torch.autograd.grad(first.square().sum(), x)[0])
    torch.testing.assert_close(*second)
    negative = torch.complex(torch.zeros(1, 1), torch.ones(1, 1)).conj().imag
    assert negative.is_neg()
    assert rfft2(negative).real.item() == -1


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")
def test_compiles():
    torch._dynamo.reset()
    x = random((2, 6, 8), torch.float32).requires_grad_()

    def filtered(values):
        spectrum = rfft2(values, "ortho")
        return irfft2(spectrum, (6, 8), spectrum.real.sigmoid(), "ortho")

    compiled = torch.compile(filtered, fullgraph=True, backend="aot_eager")
    (ours,), (expected,) = (torch.autograd.grad(f(x).square().sum(), x) for f in (compiled, filtered))
    torch.testing.assert_close(ours, expected)
    torch._dynamo.reset()


BAD = [
    (lambda: rfft2(torch.zeros(3)), ValueError, r"rfft2: x must have shape \(..., H, W\) with H, W >= 1, got \(3,\)"),
    (lambda: rfft2(torch.zeros(2, 0, 3)), ValueError, r"rfft2: x must have shape .* got \(2, 0, 3\)"),
    (lambda: rfft2(torch.zeros(2, 3).long()), TypeError, "rfft2: x must be a real floating tensor, got torch.int64"),
    (lambda: rfft2(torch.zeros(2, 3), "forward"), ValueError, "rfft2: norm must be backward or ortho, got 'forward'"),
    (lambda: irfft2(torch.zeros(2, 3), (2, 4)), TypeError, "irfft2: spectrum must be a complex64 or complex128 tensor"),
    (
        lambda: irfft2(torch.zeros(2, 3, dtype=torch.complex64), (2, 6)),
        ValueError,
        r"irfft2: spectrum must have shape \(..., H, W // 2 \+ 1\) for size \(2, 6\) with H, W >= 1, got \(2, 3\)",
    ),
    (lambda: irfft2(torch.zeros(2, 3, dtype=torch.complex64), (4,)), ValueError, r"irfft2: size must be \(H, W\)"),
    (
        lambda: irfft2(torch.zeros(2, 3, dtype=torch.complex64), (2, 4), torch.zeros(1, 3)),
        ValueError,
        r"irfft2: gate must have the shape of spectrum \(2, 3\), got \(1, 3\)",
    ),
    (
        lambda: irfft2(torch.zeros(2, 3, dtype=torch.complex64), (2, 4), torch.zeros(2, 3).double()),
        TypeError,
        "irfft2: gate must be torch.complex64 or torch.float32, got torch.float64",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
