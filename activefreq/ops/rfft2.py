"""The real Fourier transform of planes, and its inverse with a factor per frequency."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import torch

from activefreq.ops._direct import PLAIN, forward_mode, nothing_watches, records, runs_directly
from activefreq.ops._library import (
    LIBRARY,
    AutogradContext,
    arithmetic_type,
    check_real_floating,
    refuse_second_derivative,
)
from activefreq.ops._native import cpu, cuda, launch_arguments, pointer
from activefreq.reference.rfft2 import irfft2 as reference_irfft2
from activefreq.reference.rfft2 import irfft2_backward as reference_backward
from activefreq.reference.rfft2 import rfft2 as reference_rfft2

__all__ = ["irfft2", "rfft2"]

# `adjoint`, see csrc/core/rfft2.h: without a gate each direction's gradient is its own adjoint, at every order.
LIBRARY.define("rfft2(Tensor x, str norm='backward', bool adjoint=False) -> Tensor")
LIBRARY.define(
    "irfft2(Tensor spectrum, SymInt height, SymInt width, Tensor? gate=None, str norm='backward', "
    "bool adjoint=False) -> Tensor"
)
LIBRARY.define("irfft2_backward(Tensor grad, Tensor spectrum, Tensor gate, str norm='backward') -> (Tensor, Tensor)")

_SPECTRA = {torch.complex64: torch.float32, torch.complex128: torch.float64}
_GATES = (torch.float32, torch.complex64)  # of complex64 spectra
_NORMS = ("backward", "ortho")
_is_compiling = torch.compiler.is_compiling
_NONE, _REAL, _COMPLEX = range(3)  # Gate in csrc/core/rfft2.h


def rfft2(x: torch.Tensor, norm: str = "backward") -> torch.Tensor:
    """The half spectrum of real planes: X(u, v) = s Σ x(y, x) e^(-2πi (u y / H + v x / W)), v = 0 … W // 2.

    Args:
        x: (..., H, W), any real floating dtype, H and W positive. bfloat16 and float16 are computed in float32.
        norm: "backward": s = 1; "ortho": s = 1 / √(H W).

    Returns:
        (..., H, W // 2 + 1) complex64 (complex128 of float64) on the device of x, contiguous. Differentiable any
        number of times. On the CPU bit-identical for any number of threads and planes; on CUDA the transform is
        torch's.

    Raises:
        ValueError: fewer than two dimensions, an empty plane, or another norm.
        TypeError: x is not a real floating tensor.
    """
    if norm in _NORMS and isinstance(x, torch.Tensor) and x.dim() >= 2 and x.numel() and runs_directly(x):
        if not records(x):
            return _transform(x, norm, False)
        recorded: torch.Tensor = _Rfft2.apply(x, norm)
        return recorded
    check_real_floating("rfft2", x=x)
    if x.dim() < 2 or x.shape[-2] < 1 or x.shape[-1] < 1:
        raise ValueError(f"rfft2: x must have shape (..., H, W) with H, W >= 1, got {tuple(x.shape)}")
    _check_norm("rfft2", norm)
    if forward_mode():
        return reference_rfft2(x, norm)
    spectrum: torch.Tensor = torch.ops.activefreq.rfft2(x, norm)
    return spectrum


def irfft2(
    spectrum: torch.Tensor, size: Sequence[int], gate: torch.Tensor | None = None, norm: str = "backward"
) -> torch.Tensor:
    """Real planes from half spectra, times a gate on the way: y = IDFT(gate ⊙ S), s Σ over all frequencies.

    The inverse runs over H first; then the imaginary part at DC and Nyquist of the last axis is dropped, so that y is
    the same on every backend, whatever the gate. It equals a product made Hermitian on those two columns.

    Args:
        spectrum: (..., H, W // 2 + 1) complex64 or complex128.
        size: (H, W) of the result; the spectrum alone does not tell an odd W from the even one below.
        gate: of the spectrum's shape: complex of its dtype, or real of its precision. None: one everywhere.
        norm: "backward": s = 1 / (H W); "ortho": s = 1 / √(H W).

    Returns:
        (..., H, W) float32 or float64 on the device of the spectrum, contiguous. Without a gate differentiable any
        number of times, with one once, in spectrum and gate. Repeatability as `rfft2`.

    Raises:
        ValueError: a size, gate or norm that does not fit.
        TypeError: a spectrum that is not complex, a gate of another precision.
    """
    if _runs_directly(spectrum, gate) and _fit(spectrum, size, gate, norm):
        height, width = size
        if not records(spectrum, gate):
            return _inverse(spectrum, gate, height, width, norm, False)
        recorded: torch.Tensor = _Irfft2.apply(spectrum, gate, height, width, norm)
        return recorded
    height, width = _check_spectrum(spectrum, size, gate)
    _check_norm("irfft2", norm)
    if forward_mode():
        return reference_irfft2(spectrum, (height, width), gate, norm)
    y: torch.Tensor = torch.ops.activefreq.irfft2(spectrum, height, width, gate, norm)
    return y


def _check_norm(operator: str, norm: str) -> None:
    if norm not in _NORMS:
        raise ValueError(f"{operator}: norm must be backward or ortho, got {norm!r}")


def _check_spectrum(spectrum: torch.Tensor, size: Sequence[int], gate: torch.Tensor | None) -> tuple[int, int]:
    """Raise where spectrum, size and gate do not belong together; return the size."""
    if not isinstance(spectrum, torch.Tensor) or spectrum.dtype not in _SPECTRA:
        got = spectrum.dtype if isinstance(spectrum, torch.Tensor) else type(spectrum).__name__
        raise TypeError(f"irfft2: spectrum must be a complex64 or complex128 tensor, got {got}")
    if len(size) != 2:
        raise ValueError(f"irfft2: size must be (H, W), got {tuple(size)}")
    height, width = size
    shape = tuple(spectrum.shape)
    if height < 1 or width < 1 or shape[-2:] != (height, width // 2 + 1):
        raise ValueError(
            f"irfft2: spectrum must have shape (..., H, W // 2 + 1) for size {(height, width)} with H, W >= 1, "
            f"got {shape}"
        )
    if gate is not None:
        if not isinstance(gate, torch.Tensor):
            raise TypeError(f"irfft2: gate must be a tensor, got {type(gate).__name__}")
        if gate.shape != spectrum.shape:
            raise ValueError(f"irfft2: gate must have the shape of spectrum {shape}, got {tuple(gate.shape)}")
        fitting = (spectrum.dtype, _SPECTRA[spectrum.dtype])
        if gate.dtype not in fitting:
            raise TypeError(f"irfft2: gate must be {fitting[0]} or {fitting[1]}, got {gate.dtype}")
        if gate.device != spectrum.device:
            raise ValueError(f"irfft2: gate must be on {spectrum.device} like spectrum, got {gate.device}")
    return height, width


def _scale(height: int, width: int, norm: str, unscaled: bool) -> float:
    """S of csrc/core/rfft2.h: the inverse has 1/N, and so has its adjoint, a forward transform."""
    if norm == "ortho":
        return 1 / math.sqrt(height * width)
    return 1.0 if unscaled else 1 / (height * width)


def _half(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    *outer, height, width = x.shape
    return x.new_empty((*outer, height, width // 2 + 1), dtype=dtype)


def _kind(gate: torch.Tensor | None) -> int:
    return _NONE if gate is None else _COMPLEX if gate.is_complex() else _REAL


def _spectrum_type(x: torch.Tensor) -> torch.dtype:
    return torch.complex128 if x.dtype == torch.float64 else torch.complex64


def _runs_directly(spectrum: torch.Tensor, gate: torch.Tensor | None) -> bool:
    """As `runs_directly`, of complex64 spectra and their gates; not of views that say "conjugate" or "negative"."""
    return (
        not _is_compiling()
        and _is_plain(spectrum)
        and spectrum.dtype is torch.complex64
        and (gate is None or _is_plain(gate))
        and nothing_watches()
    )


def _is_plain(tensor: torch.Tensor) -> bool:
    return (
        type(tensor) in PLAIN
        and tensor.is_cpu
        and tensor.is_contiguous()
        and not tensor.is_conj()
        and not tensor.is_neg()
    )


def _fit(spectrum: torch.Tensor, size: Sequence[int], gate: torch.Tensor | None, norm: str) -> bool:
    """Whether the checks have nothing to say of a complex64 spectrum: they take as long as a small transform."""
    if len(size) != 2 or norm not in _NORMS:
        return False
    height, width = size
    shape = spectrum.shape
    return (
        len(shape) >= 2
        and width >= 1 <= height == shape[-2]
        and shape[-1] == width // 2 + 1
        and (gate is None or (gate.shape == shape and gate.dtype in _GATES))
    )


def _transform(x: torch.Tensor, norm: str, adjoint: bool) -> torch.Tensor:
    """Of a contiguous float32 or float64 tensor on the CPU."""
    spectrum = _half(x, _spectrum_type(x))
    if count := x.numel():
        height, width = x.shape[-2:]
        call = cpu.rfft2 if x.dtype is torch.float32 else cpu.rfft2_double
        plane = (count // (height * width), height, width, _scale(height, width, norm, not adjoint))
        call(pointer(x), pointer(spectrum), *plane, adjoint, torch.get_num_threads())
    return spectrum


def _inverse(
    spectrum: torch.Tensor, gate: torch.Tensor | None, height: int, width: int, norm: str, adjoint: bool
) -> torch.Tensor:
    """Of contiguous tensors on the CPU."""
    single = spectrum.dtype is torch.complex64
    *outer, _, _ = spectrum.shape
    y = spectrum.new_empty((*outer, height, width), dtype=torch.float32 if single else torch.float64)
    if count := y.numel():
        call = cpu.irfft2 if single else cpu.irfft2_double
        planes, scale, kind = count // (height * width), _scale(height, width, norm, adjoint), _kind(gate)
        at, factors, result = pointer(spectrum), pointer(gate), pointer(y)
        call(at, factors, kind, result, planes, height, width, scale, adjoint, torch.get_num_threads())
    return y


def _gradients(
    grad: torch.Tensor, spectrum: torch.Tensor, gate: torch.Tensor, norm: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of contiguous tensors on the CPU."""
    grad_spectrum, grad_gate = torch.empty_like(spectrum), torch.empty_like(gate)
    if count := grad.numel():
        height, width = grad.shape[-2:]
        call = cpu.irfft2_backward if grad.dtype is torch.float32 else cpu.irfft2_backward_double
        plane = (count // (height * width), height, width, _scale(height, width, norm, False))
        addresses = pointer(grad), pointer(spectrum), pointer(gate), _kind(gate)
        call(*addresses, pointer(grad_spectrum), pointer(grad_gate), *plane, torch.get_num_threads())
    return grad_spectrum, grad_gate


@torch.library.impl(LIBRARY, "rfft2", "CPU")
def _rfft2_cpu(x: torch.Tensor, norm: str = "backward", adjoint: bool = False) -> torch.Tensor:
    return _transform(x.to(arithmetic_type(x)).contiguous(), norm, adjoint)


@torch.library.impl(LIBRARY, "irfft2", "CPU")
def _irfft2_cpu(
    spectrum: torch.Tensor,
    height: int,
    width: int,
    gate: torch.Tensor | None = None,
    norm: str = "backward",
    adjoint: bool = False,
) -> torch.Tensor:
    return _inverse(spectrum.contiguous(), None if gate is None else gate.contiguous(), height, width, norm, adjoint)


@torch.library.impl(LIBRARY, "irfft2_backward", "CPU")
def _irfft2_backward_cpu(
    grad: torch.Tensor, spectrum: torch.Tensor, gate: torch.Tensor, norm: str = "backward"
) -> tuple[torch.Tensor, torch.Tensor]:
    return _gradients(grad.contiguous(), spectrum.contiguous(), gate.contiguous(), norm)


@torch.library.impl(LIBRARY, "rfft2", "CUDA")
def _rfft2_cuda(x: torch.Tensor, norm: str = "backward", adjoint: bool = False) -> torch.Tensor:
    if not x.numel():
        return _half(x, _spectrum_type(x))
    return reference_rfft2(x, norm, adjoint=adjoint).contiguous()


@torch.library.impl(LIBRARY, "irfft2", "CUDA")
def _irfft2_cuda(
    spectrum: torch.Tensor,
    height: int,
    width: int,
    gate: torch.Tensor | None = None,
    norm: str = "backward",
    adjoint: bool = False,
) -> torch.Tensor:
    if not spectrum.numel():
        return spectrum.new_empty((*spectrum.shape[:-2], height, width), dtype=_SPECTRA[spectrum.dtype])
    if spectrum.dtype == torch.complex128:
        return reference_irfft2(spectrum, (height, width), gate, norm, adjoint=adjoint).contiguous()
    values, factors = spectrum.contiguous(), None if gate is None else gate.contiguous()
    product = torch.empty_like(values)
    planes = values.numel() // (height * (width // 2 + 1))
    addresses = pointer(values), pointer(factors), _kind(factors), pointer(product)
    scale = _scale(height, width, norm, adjoint)
    cuda().hermitian_product(*addresses, planes, height, width, scale, adjoint, *launch_arguments(values))
    return torch.fft.irfft2(product, s=(height, width), norm="forward").contiguous()


@torch.library.impl(LIBRARY, "irfft2_backward", "CUDA")
def _irfft2_backward_cuda(
    grad: torch.Tensor, spectrum: torch.Tensor, gate: torch.Tensor, norm: str = "backward"
) -> tuple[torch.Tensor, torch.Tensor]:
    if not grad.numel():
        return torch.empty_like(spectrum), torch.empty_like(gate)
    if spectrum.dtype == torch.complex128:
        grad_spectrum, grad_gate = reference_backward(grad, spectrum, gate, norm)
        return grad_spectrum.contiguous(), grad_gate.contiguous()
    values, factors = spectrum.contiguous(), gate.contiguous()
    grad_spectrum, grad_gate = torch.fft.rfft2(grad).contiguous(), torch.empty_like(factors)
    height, width = grad.shape[-2:]
    plane = (grad.numel() // (height * width), height, width, _scale(height, width, norm, False))
    addresses = pointer(values), pointer(factors), _kind(factors), pointer(grad_spectrum), pointer(grad_gate)
    cuda().product_gradient(*addresses, *plane, *launch_arguments(values))
    return grad_spectrum, grad_gate


@torch.library.register_fake("activefreq::rfft2", lib=LIBRARY)
def _rfft2_fake(x: torch.Tensor, norm: str = "backward", adjoint: bool = False) -> torch.Tensor:
    return _half(x, _spectrum_type(x))


@torch.library.register_fake("activefreq::irfft2", lib=LIBRARY)
def _irfft2_fake(
    spectrum: torch.Tensor,
    height: int,
    width: int,
    gate: torch.Tensor | None = None,
    norm: str = "backward",
    adjoint: bool = False,
) -> torch.Tensor:
    return spectrum.new_empty((*spectrum.shape[:-2], height, width), dtype=_SPECTRA[spectrum.dtype])


@torch.library.register_fake("activefreq::irfft2_backward", lib=LIBRARY)
def _irfft2_backward_fake(
    grad: torch.Tensor, spectrum: torch.Tensor, gate: torch.Tensor, norm: str = "backward"
) -> tuple[torch.Tensor, torch.Tensor]:
    return spectrum.new_empty(spectrum.shape), gate.new_empty(gate.shape)


class _Context(AutogradContext, Protocol):
    size: tuple[int, int]
    dtype: torch.dtype
    norm: str
    adjoint: bool


def _save_rfft2(ctx: _Context, inputs: tuple[torch.Tensor, str, bool], output: torch.Tensor) -> None:
    x, ctx.norm, ctx.adjoint = inputs
    ctx.size, ctx.dtype = (x.shape[-2], x.shape[-1]), x.dtype


def _differentiate_rfft2(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    # the adjoint of an adjoint is the transform itself
    grad_x = torch.ops.activefreq.irfft2(grad, *ctx.size, None, ctx.norm, not ctx.adjoint)
    return grad_x.to(ctx.dtype), None, None


def _save_irfft2(
    ctx: _Context, inputs: tuple[torch.Tensor, int, int, torch.Tensor | None, str, bool], output: torch.Tensor
) -> None:
    spectrum, _, _, gate, ctx.norm, ctx.adjoint = inputs
    if gate is not None:
        ctx.save_for_backward(spectrum, gate)
    else:
        ctx.save_for_backward()


def _differentiate_irfft2(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    if not ctx.saved_tensors:
        return torch.ops.activefreq.rfft2(grad, ctx.norm, not ctx.adjoint), None, None, None, None, None
    spectrum, gate = ctx.saved_tensors
    grad_spectrum, grad_gate = torch.ops.activefreq.irfft2_backward(grad, spectrum, gate, ctx.norm)
    return grad_spectrum, None, None, grad_gate, None, None


class _Rfft2(torch.autograd.Function):
    """The same derivative without the dispatcher, for what `runs_directly`."""

    @staticmethod
    def forward(ctx: _Context, x: torch.Tensor, norm: str) -> torch.Tensor:
        ctx.size, ctx.norm = (x.shape[-2], x.shape[-1]), norm
        return _transform(x, norm, False)

    @staticmethod
    def backward(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        if torch.is_grad_enabled() or not _runs_directly(grad, None):
            return torch.ops.activefreq.irfft2(grad, *ctx.size, None, ctx.norm, True), None
        return _inverse(grad, None, *ctx.size, ctx.norm, True), None


class _Irfft2(torch.autograd.Function):
    """As above."""

    @staticmethod
    def forward(
        ctx: _Context, spectrum: torch.Tensor, gate: torch.Tensor | None, height: int, width: int, norm: str
    ) -> torch.Tensor:
        ctx.norm, ctx.adjoint = norm, False
        if gate is not None:
            ctx.save_for_backward(spectrum, gate)
        else:
            ctx.save_for_backward()
        return _inverse(spectrum, gate, height, width, norm, False)

    @staticmethod
    def backward(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        if torch.is_grad_enabled():
            grad_spectrum, _, _, grad_gate, _, _ = _differentiate_irfft2(ctx, grad)
            return grad_spectrum, grad_gate, None, None, None
        if not ctx.saved_tensors:
            return _transform(grad.contiguous().resolve_neg(), ctx.norm, True), None, None, None, None
        spectrum, gate = ctx.saved_tensors
        return *_gradients(grad.contiguous().resolve_neg(), spectrum, gate, ctx.norm), None, None, None


torch.library.register_autograd("activefreq::rfft2", _differentiate_rfft2, setup_context=_save_rfft2, lib=LIBRARY)
torch.library.register_autograd("activefreq::irfft2", _differentiate_irfft2, setup_context=_save_irfft2, lib=LIBRARY)
torch.library.register_autograd("activefreq::irfft2_backward", refuse_second_derivative("irfft2"), lib=LIBRARY)
