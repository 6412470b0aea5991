"""spectral_filter in plain torch: the specification."""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["spectral_filter"]


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
    n = x.shape[half]
    keep = torch.ones(n // 2 + 1, dtype=real.dtype, device=x.device)
    keep[0] = 0
    if n % 2 == 0:
        keep[-1] = 0
    shape = [1] * x.dim()
    shape[half] = n // 2 + 1
    spectrum = torch.complex(spectrum.real, spectrum.imag * keep.view(shape))
    y: torch.Tensor = torch.fft.irfft(spectrum, n=n, dim=half)
    return y.to(x.dtype)
