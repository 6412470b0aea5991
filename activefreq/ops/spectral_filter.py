"""One spectral filter over two or three axes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Protocol

import torch

from activefreq.ops._direct import forward_mode, records, runs_directly
from activefreq.ops._library import (
    LIBRARY,
    AutogradContext,
    arithmetic_type,
    check_real_floating,
    refuse_second_derivative,
    require,
)
from activefreq.ops._native import ELEMENTS, cpu, cuda, cuda_operand, launch_arguments, pointer, pointers
from activefreq.ops._paths import PATHS, check_path
from activefreq.reference.spectral_filter import spectral_filter as reference_filter
from activefreq.reference.spectral_filter import spectral_filter_backward as reference_backward

__all__ = ["spectral_filter"]

LIBRARY.define("spectral_filter(Tensor x, Tensor weight, int[] axes, str path='auto') -> Tensor")
LIBRARY.define(
    "spectral_filter_backward(Tensor grad, Tensor x, Tensor weight, int[] axes, str path='auto') -> (Tensor, Tensor)"
)

_MAX_DIMENSIONS = 10


def spectral_filter(
    x: torch.Tensor, weight: torch.Tensor, axes: Sequence[int] = (-2, -1), *, path: str = "auto"
) -> torch.Tensor:
    """Multiply the spectrum of x by a weight: `y = irfftn(weight · rfftn(x))` over two or three axes.

    The last of `axes` is the half axis of the real transform. The inverse runs over the other axes first; then the
    imaginary part at DC and Nyquist of the half axis is dropped, so that y is the same on every backend. It equals a
    weight made Hermitian on those two columns, `(W(u) + conj W(-u)) / 2`.

    Args:
        x: any real floating tensor, of any sizes. bfloat16 and float16 are computed in float32 and rounded once.
        weight: real, last dimension 2 (real and imaginary part); before it one dimension per dimension of x: the
            half axis has n // 2 + 1 entries, the other filtered axes as many as x, every remaining axis 1 (shared)
            or as many as x.
        axes: two or three distinct dimensions of x.
        path: which CUDA kernels. "fused": one launch (two backward) in shared memory, for two axes whose sizes have
            no prime factor over 7; "cufft": cuFFT with kernels around it, for any size, found when first needed;
            "auto": fused where it fits. Other devices know "auto" only. float64 on CUDA is computed by the plain
            torch form.

    Returns:
        Shape, dtype and device of x, contiguous. Differentiable once in x and weight; gradients are bit-identical
        for any number of threads, from call to call on one GPU, and come back in the dtype of x and of weight. On
        CUDA no host synchronisation, and safe to capture in a graph; where cuFFT is needed, call once with the same
        shapes before the capture.

    Raises:
        ValueError: wrong axes or shape of the weight, a transformed axis without points, more than 10 dimensions, a
            wrong path.
        TypeError: x or weight is not a real floating tensor.

    Source: GFNet (Rao et al. 2021), MEW-UNet (Ruan et al. 2022).
    """
    if path == "auto" and x is not None and weight is not None and runs_directly(x, weight):
        table = _axis_table(x.shape, weight.shape, tuple(axes))
        if not records(x, weight):
            y = torch.empty_like(x)
            _launch(x, y, weight, table)
            return y
        recorded: torch.Tensor = _SpectralFilter.apply(x, weight, axes)
        return recorded
    check_real_floating("spectral_filter", x=x, weight=weight)
    checked = _check_shapes(x.shape, weight.shape, axes)
    check_path("spectral_filter", path, x)
    if forward_mode():
        return reference_filter(x, weight, checked)
    dispatched: torch.Tensor = torch.ops.activefreq.spectral_filter(x, weight, checked, path)
    return dispatched


def _check_shapes(shape: Sequence[int], weight_shape: Sequence[int], axes: Sequence[int]) -> list[int]:
    """Raise where a shape or an axis is wrong; return the axes counted from the front."""
    dims = len(shape)
    require(dims <= _MAX_DIMENSIONS, f"spectral_filter: x must have at most {_MAX_DIMENSIONS} dimensions, got {dims}")
    wrong = f"spectral_filter: axes must be two or three distinct dimensions of x, got {tuple(axes)} for {dims}-d x"
    require(all(-dims <= axis < dims for axis in axes), wrong)
    positive = [axis % dims for axis in axes]
    require(len(positive) in (2, 3) and len(set(positive)) == len(positive), wrong)
    require(
        all(shape[axis] > 0 for axis in positive),
        f"spectral_filter: transformed axes {tuple(positive)} of x must not be empty, got shape {tuple(shape)}",
    )
    allowed = [
        (size // 2 + 1,) if axis == positive[-1] else (size,) if axis in positive else (1, size)
        for axis, size in enumerate(shape)
    ]
    allowed.append((2,))
    if len(weight_shape) != dims + 1 or any(n not in fit for n, fit in zip(weight_shape, allowed, strict=True)):
        expected = ", ".join(" or ".join(str(n) for n in dict.fromkeys(sizes)) for sizes in allowed)
        raise ValueError(f"spectral_filter: weight must have shape ({expected}), got {tuple(weight_shape)}")
    return positive


@functools.lru_cache(maxsize=256)
def _axis_table(shape: tuple[int, ...], weight_shape: tuple[int, ...], axes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """(size, stride, weight stride) as `csrc/bindings/cpu.cpp` wants them: outer, middle, half, the others."""
    positive = _check_shapes(shape, weight_shape, axes)
    strides, weight_strides = [1] * len(shape), [2] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * shape[axis + 1]
        weight_strides[axis] = weight_strides[axis + 1] * weight_shape[axis + 1]
    rows = [
        (size, strides[axis], weight_strides[axis] if axis in positive or weight_shape[axis] > 1 else 0)
        for axis, size in enumerate(shape)
    ]
    middle = rows[positive[1]] if len(positive) == 3 else (1, 0, 0)
    others = (row for axis, row in enumerate(rows) if axis not in positive)
    return [rows[positive[0]], middle, rows[positive[-1]], *others]


def _launch(x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor, table: list[tuple[int, ...]]) -> None:
    if y.numel():
        call = cpu.spectral_filter if x.dtype is torch.float32 else cpu.spectral_filter_double
        call(pointer(x), pointer(y), pointer(weight), table, False, torch.get_num_threads())


@torch.library.impl(LIBRARY, "spectral_filter", "CPU")
def _spectral_filter_cpu(
    x: torch.Tensor, weight: torch.Tensor, axes: Sequence[int], path: str = "auto"
) -> torch.Tensor:
    kind = arithmetic_type(x)
    table = _axis_table(x.shape, weight.shape, tuple(axes))
    values = x.to(kind).contiguous()
    y = torch.empty_like(values)
    _launch(values, y, weight.to(kind).contiguous(), table)
    return y.to(x.dtype)


@torch.library.impl(LIBRARY, "spectral_filter_backward", "CPU")
def _spectral_filter_backward_cpu(
    grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, axes: Sequence[int], path: str = "auto"
) -> tuple[torch.Tensor, torch.Tensor]:
    kind = arithmetic_type(x)
    table = _axis_table(x.shape, weight.shape, tuple(axes))
    grad, values, spectrum = (t.to(kind).contiguous() for t in (grad, x, weight))
    grad_x, grad_weight = torch.empty_like(values), torch.empty_like(spectrum)
    _launch_backward(grad, values, spectrum, grad_x, grad_weight, table)
    return grad_x.to(x.dtype), grad_weight.to(weight.dtype)


def _launch_backward(
    grad: torch.Tensor,
    x: torch.Tensor,
    weight: torch.Tensor,
    grad_x: torch.Tensor,
    grad_weight: torch.Tensor,
    table: list[tuple[int, ...]],
) -> None:
    if not x.numel():
        grad_weight.zero_()
        return
    call = cpu.spectral_filter_backward if x.dtype is torch.float32 else cpu.spectral_filter_backward_double
    tensors = (grad, x, grad_x, weight, grad_weight)
    call(*map(pointer, tensors), table, torch.get_num_threads())


@torch.library.impl(LIBRARY, "spectral_filter", "CUDA")
def _spectral_filter_cuda(
    x: torch.Tensor, weight: torch.Tensor, axes: Sequence[int], path: str = "auto"
) -> torch.Tensor:
    if not x.numel():
        return x.new_empty(x.shape)
    if x.dtype == torch.float64:
        return reference_filter(x, weight, axes).contiguous()
    kind = x.dtype if x.dtype in ELEMENTS else torch.float32
    y = torch.empty(x.shape, dtype=kind, device=x.device)
    table = _axis_table(x.shape, weight.shape, tuple(axes))
    _launch_cuda(x.to(kind).contiguous(), None, y, cuda_operand(weight, torch.float32), None, table, path)
    return y.to(x.dtype)


@torch.library.impl(LIBRARY, "spectral_filter_backward", "CUDA")
def _spectral_filter_backward_cuda(
    grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, axes: Sequence[int], path: str = "auto"
) -> tuple[torch.Tensor, torch.Tensor]:
    if not x.numel():
        return x.new_empty(x.shape), torch.zeros_like(weight, memory_format=torch.contiguous_format)
    if x.dtype == torch.float64:
        grad_x, grad_weight = reference_backward(grad, x, weight, axes)
        return grad_x.contiguous(), grad_weight.contiguous()
    kind = x.dtype if x.dtype in ELEMENTS else torch.float32
    grad_x = torch.empty(x.shape, dtype=kind, device=x.device)
    grad_weight = torch.empty(weight.shape, dtype=torch.float32, device=x.device)
    table = _axis_table(x.shape, weight.shape, tuple(axes))
    values, gradient = x.to(kind).contiguous(), grad.to(kind).contiguous()
    _launch_cuda(values, gradient, grad_x, cuda_operand(weight, torch.float32), grad_weight, table, path)
    return grad_x.to(x.dtype), grad_weight.to(weight.dtype)


def _launch_cuda(
    x: torch.Tensor,
    grad: torch.Tensor | None,
    out: torch.Tensor,
    weight: torch.Tensor | None,
    grad_weight: torch.Tensor | None,
    table: list[tuple[int, ...]],
    path: str,
) -> None:
    """Forward where `grad` is None: out is y. Else it is the gradient of x, and grad_weight is filled."""
    module = cuda()
    source = x if grad is None else grad
    arguments = (table, ELEMENTS[x.dtype], grad is not None, PATHS[path], *launch_arguments(x))
    addresses = pointers((x, source, out, weight, grad_weight))
    count = module.spectral_filter_workspace([*addresses, 0], *arguments)
    workspace = torch.empty(count, dtype=torch.uint8, device=x.device) if count else None
    module.spectral_filter([*addresses, pointer(workspace)], *arguments)


@torch.library.register_fake("activefreq::spectral_filter", lib=LIBRARY)
def _spectral_filter_fake(
    x: torch.Tensor, weight: torch.Tensor, axes: Sequence[int], path: str = "auto"
) -> torch.Tensor:
    return x.new_empty(x.shape)


@torch.library.register_fake("activefreq::spectral_filter_backward", lib=LIBRARY)
def _spectral_filter_backward_fake(
    grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, axes: Sequence[int], path: str = "auto"
) -> tuple[torch.Tensor, torch.Tensor]:
    return x.new_empty(x.shape), weight.new_empty(weight.shape)


def conjugate(weight: torch.Tensor) -> torch.Tensor:
    """conj(weight), real and imaginary part side by side."""
    return torch.stack([weight[..., 0], -weight[..., 1]], dim=-1)


class _Context(AutogradContext, Protocol):
    axes: list[int]
    path: str


def _save(ctx: _Context, inputs: tuple[torch.Tensor, torch.Tensor, list[int], str], output: torch.Tensor) -> None:
    x, weight, ctx.axes, ctx.path = inputs
    ctx.save_for_backward(x, weight)


def _differentiate(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    x, weight = ctx.saved_tensors
    if not ctx.needs_input_grad[1]:  # the filter on its own, which differentiates on
        return torch.ops.activefreq.spectral_filter(grad, conjugate(weight), ctx.axes, ctx.path), None, None
    grad_x, grad_weight = torch.ops.activefreq.spectral_filter_backward(grad, x, weight, ctx.axes, ctx.path)
    return grad_x, grad_weight, None


def _differentiate_registered(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    return *_differentiate(ctx, grad), None  # the path


class _SpectralFilter(torch.autograd.Function):
    """The same derivative without the dispatcher, for what `runs_directly`."""

    @staticmethod
    def forward(ctx: _Context, x: torch.Tensor, weight: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.axes, ctx.path = [axis % x.dim() for axis in axes], "auto"
        y = torch.empty_like(x)
        _launch(x, y, weight, _axis_table(x.shape, weight.shape, tuple(axes)))
        return y

    @staticmethod
    def backward(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        if torch.is_grad_enabled() or not ctx.needs_input_grad[1]:
            return _differentiate(ctx, grad)
        x, weight = ctx.saved_tensors
        grad_x, grad_weight = torch.empty_like(x), torch.empty_like(weight)
        table = _axis_table(x.shape, weight.shape, tuple(ctx.axes))
        _launch_backward(grad.contiguous(), x, weight, grad_x, grad_weight, table)
        return grad_x, grad_weight, None


torch.library.register_autograd(
    "activefreq::spectral_filter", _differentiate_registered, setup_context=_save, lib=LIBRARY
)
torch.library.register_autograd(
    "activefreq::spectral_filter_backward", refuse_second_derivative("spectral_filter"), lib=LIBRARY
)
