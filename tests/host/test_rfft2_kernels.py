"""The kernel bodies around the transforms of rfft2 and irfft2 on the host: with torch's transforms, the operator."""

import pytest
import torch
from host_kernels import GROUPS, run

import activefreq as af
from activefreq.reference.rfft2 import irfft2_backward

SHAPES = [(1, 1, 1), (2, 5, 6), (3, 4, 7), (1, 11, 11), (2, 1, 8), (2, 9, 2)]


def random_spectrum(shape, seed):
    half = (*shape[:-1], shape[-1] // 2 + 1)
    return torch.randn(half, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_product_makes_the_inverse_well_defined(host_kernels, group, adjoint):
    """numpy's own inverse reads nothing that the kernel removes; torch's then agrees on every backend."""
    kernels, how = host_kernels("rfft2"), run(**group)
    for shape in SHAPES:
        spectrum = random_spectrum(shape, 0)
        for kind, gate in enumerate((None, random_spectrum(shape, 1).real.contiguous(), random_spectrum(shape, 2))):
            product = torch.full_like(spectrum, float("nan"))
            scale = 1.0 if adjoint else 1 / (shape[1] * shape[2])
            kernels("product", spectrum, gate, kind, product, *shape, scale, int(adjoint), how)
            y = torch.fft.irfft2(product, s=shape[1:], norm="forward")
            expected = af.reference.irfft2(spectrum, shape[1:], gate, adjoint=adjoint)
            torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
            column = product[..., 0]
            mirrored = column.roll(-1, -1).flip(-1) if shape[1] > 1 else column
            torch.testing.assert_close(column, mirrored.conj().resolve_conj(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_gradients(host_kernels, group):
    kernels, how = host_kernels("rfft2"), run(**group)
    for shape in SHAPES:
        spectrum, grad = random_spectrum(shape, 0), torch.randn(shape, generator=torch.Generator().manual_seed(3))
        for kind, gate in ((1, random_spectrum(shape, 1).real.contiguous()), (2, random_spectrum(shape, 2))):
            gradient, gate_gradient = torch.fft.rfft2(grad).contiguous(), torch.full_like(gate, float("nan"))
            scale = 1 / (shape[1] * shape[2])
            kernels("gradient", spectrum, gate, kind, gradient, gate_gradient, *shape, scale, how)
            expected = irfft2_backward(grad, spectrum, gate)
            torch.testing.assert_close(gradient, expected[0], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(gate_gradient, expected[1], rtol=1e-4, atol=1e-5)
