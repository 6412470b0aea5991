"""spectral_filter in plain torch: the specification."""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["spectral_filter", "spectral_filter_backward"]


def spectral_filter(x: torch.Tensor, weight: torch.Tensor, axes: Sequence[int] = (-2, -1)) -> torch.Tensor:
    """As `activefreq.ops.spectral_filter`, with `torch.fft`.

    The inverse runs over all axes but the last; then the imaginary part at DC and Nyquist of the half axis is
    dropped by hand, because backends differ on whether their complex-to-real transform reads it.
    """
    *full, half = (axis % x.dim() for axis in axes)
    real = x.to(torch.promote_types(x.dtype, torch.float32))
    spectrum = torch.fft.rfft(real, dim=half)
    for axis in full:
        spectrum = torch.fft.fft(spectrum, dim=axis)
    spectrum = spectrum * torch.view_as_complex(weight.to(real.dtype).contiguous())
    for axis in full:
        spectrum = torch.fft.ifft(spectrum, dim=axis)
    keep = _per_frequency(x, half, single=0, other=1).to(real.dtype)
    spectrum = torch.complex(spectrum.real, spectrum.imag * keep)
    return torch.fft.irfft(spectrum, n=x.shape[half], dim=half).to(x.dtype)


def spectral_filter_backward(
    grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, axes: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of x and weight, by the formulas of `csrc/core/spectral_filter.h`.

    grad_x is the filter with conj(W) on `grad`; grad_W(k) = c_k / N · Σ conj(X(k)) G(k) over the points that share
    W(k), with c = 1 at DC and Nyquist of the half axis and 2 elsewhere.
    """
    *full, half = (axis % x.dim() for axis in axes)
    real_type = torch.promote_types(x.dtype, torch.float32)
    dims = (*full, half)
    count = _per_frequency(x, half, single=1, other=2).to(real_type)
    points = 1
    for axis in dims:
        points *= x.shape[axis]
    product = torch.fft.rfftn(x.to(real_type), dim=dims).conj() * torch.fft.rfftn(grad.to(real_type), dim=dims)
    grad_weight = torch.view_as_real(product * (count / points)).sum_to_size(weight.shape)
    conjugate = torch.stack([weight[..., 0], -weight[..., 1]], dim=-1)  # nothing from the host: a graph may record it
    return spectral_filter(grad, conjugate, axes), grad_weight.to(weight.dtype)


def _per_frequency(x: torch.Tensor, half: int, single: int, other: int) -> torch.Tensor:
    """One number per frequency of the half axis: `single` at DC and Nyquist, which are their own mirror."""
    n = x.shape[half]
    values = torch.full((n // 2 + 1,), other, device=x.device)
    values[0] = single
    if n % 2 == 0:
        values[-1] = single
    shape = [1] * x.dim()
    shape[half] = n // 2 + 1
    return values.view(shape)
