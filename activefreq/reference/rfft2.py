"""rfft2 and irfft2 in plain torch: the specification."""

from __future__ import annotations

from collections.abc import Sequence

import torch

__all__ = ["irfft2", "irfft2_backward", "rfft2"]


def rfft2(x: torch.Tensor, norm: str = "backward", *, adjoint: bool = False) -> torch.Tensor:
    """As `activefreq.ops.rfft2`, with `torch.fft`.

    With `adjoint` it is the gradient of `irfft2`: scaled as that is, and doubled at every frequency of the last axis
    that stands for two, itself and its mirror.
    """
    real = x.to(torch.promote_types(x.dtype, torch.float32))
    spectrum = torch.fft.rfft2(real, norm=_library_norm(norm, adjoint))
    return spectrum * _mirrored(x.shape[-1], 2.0, real) if adjoint else spectrum


def irfft2(
    spectrum: torch.Tensor,
    size: Sequence[int],
    gate: torch.Tensor | None = None,
    norm: str = "backward",
    *,
    adjoint: bool = False,
) -> torch.Tensor:
    """As `activefreq.ops.irfft2`, with `torch.fft`.

    The inverse over H comes first; then the imaginary part at DC and Nyquist of the last axis is dropped by hand,
    because backends differ on whether their complex-to-real transform reads it. With `adjoint` it is the gradient of
    `rfft2`: scaled as that is, and halved at every frequency that stands for two.
    """
    product = spectrum if gate is None else spectrum * gate
    library_norm = _library_norm(norm, adjoint)
    lines = torch.fft.ifft(product, dim=-2, norm=library_norm)
    keep = _mirrored(size[-1], 1.0, lines.real, single=0.0)
    lines = torch.complex(lines.real, lines.imag * keep)
    if adjoint:
        lines = lines * _mirrored(size[-1], 0.5, lines.real)
    return torch.fft.irfft(lines, n=size[-1], dim=-1, norm=library_norm)


def irfft2_backward(
    grad: torch.Tensor, spectrum: torch.Tensor, gate: torch.Tensor, norm: str = "backward"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of spectrum and gate of `irfft2`: with P = rfft2(grad, adjoint), conj(gate) P and conj(spectrum) P.

    A real gate gets the real part.
    """
    product = rfft2(grad, norm, adjoint=True)
    grad_gate = spectrum.conj() * product
    return (gate.conj() * product).resolve_conj(), grad_gate if gate.is_complex() else grad_gate.real.contiguous()


def _library_norm(norm: str, adjoint: bool) -> str:
    """Torch's name of the scale: 1/N is the inverse's, and so that of the adjoint of the inverse, a forward one."""
    return "forward" if adjoint and norm == "backward" else norm


def _mirrored(points: int, value: float, like: torch.Tensor, single: float = 1.0) -> torch.Tensor:
    """`value` per frequency of the half axis, `single` at DC and Nyquist, which are their own mirror."""
    values = like.new_full((points // 2 + 1,), value)
    values[0] = single
    if points % 2 == 0:
        values[-1] = single
    return values
