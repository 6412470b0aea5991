"""The whole FreqModule as one operator."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Protocol

import torch

from activefreq.ops import _direct
from activefreq.ops._direct import forward_mode, nothing_watches, records, runs_directly
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
from activefreq.ops.spectral_filter import conjugate
from activefreq.reference.freq_mix import freq_mix as reference_mix
from activefreq.reference.freq_mix import freq_mix_backward as reference_backward

__all__ = ["freq_mix"]

# Names of their own: on a small tensor the look-ups in torch are a fair part of the call.
_FLOAT32 = torch.float32
_thread_count = torch.get_num_threads
_is_compiling = torch.compiler.is_compiling
_grad_enabled = torch.is_grad_enabled

_WEIGHTS = "Tensor? weight_hw, Tensor? weight_hc, Tensor? weight_wc"
LIBRARY.define(f"freq_mix(Tensor x, Tensor conv_weight, Tensor? conv_bias, {_WEIGHTS}, str path='auto') -> Tensor")
LIBRARY.define(
    f"freq_mix_backward(Tensor grad, Tensor x, Tensor conv_weight, {_WEIGHTS}, str path='auto')"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
)


def freq_mix(
    x: torch.Tensor,
    conv_weight: torch.Tensor,
    conv_bias: torch.Tensor | None = None,
    weight_hw: torch.Tensor | None = None,
    weight_hc: torch.Tensor | None = None,
    weight_wc: torch.Tensor | None = None,
    *,
    path: str = "auto",
) -> torch.Tensor:
    """Mix each quarter of the channels its own way, in one pass over x.

    `y = [conv(x1) | F⁻¹(W_hw · F(x2)) over (H, W) | over (H, C) with W_hc | over (W, C) with W_wc]`, the filters as
    in `spectral_filter`.

    Args:
        x: (B, C, H, W), any real floating dtype, C divisible by 4. bfloat16 and float16 are computed in float32 and
            rounded once. Weights may have another floating dtype; float64 arithmetic is used where x is float64.
        conv_weight: (C/4, 1, 3, 3), the depth-wise convolution of the first quarter; zero padding 1.
        conv_bias: (C/4,), or None.
        weight_hw: (C/4, H, W // 2 + 1, 2), real and imaginary part; None passes the quarter unchanged, here and below.
        weight_hc: (C/4, H // 2 + 1, 2), one spectrum for all columns; the half axis is H.
        weight_wc: (C/4, W // 2 + 1, 2), one spectrum for all rows; the half axis is W.
        path: which CUDA kernels. "fused": one launch (two backward) in shared memory, for planes whose sizes have
            no prime factor over 7; "cufft": cuFFT with kernels around it, for any size, found when first needed;
            "auto": fused where it fits. Other devices know "auto" only. float64 on CUDA is computed by the plain
            torch form.

    Returns:
        (B, C, H, W), dtype and device of x, contiguous. Differentiable once in x and every weight; gradients are
        bit-identical for any number of threads, from call to call on one GPU, and come back in the dtype of their
        tensor. On CUDA no host synchronisation, and safe to capture in a graph; where cuFFT is needed, call once with
        the same shapes before the capture.

    Raises:
        ValueError: a wrong shape, device or path. The message names the argument and the expected shape.
        TypeError: an argument is not a real floating tensor.

    Source: ActiveFreq, FreqModule, Eq. 8 to 13.
    """
    weights = (conv_weight, conv_bias, weight_hw, weight_hc, weight_wc)
    if path == "auto" and not _is_compiling() and nothing_watches():
        recorded = _grad_enabled() and records(x, *weights)
        y: torch.Tensor | None = None
        if not recorded:
            y = _direct.plain.freq_mix(x, conv_weight, conv_bias, weight_hw, weight_hc, weight_wc, _thread_count())
        if y is None and runs_directly(x, *weights) and _fit(x, *weights):
            y = _FreqMix.apply(x, *weights) if recorded else _mixed(x, *weights)
        if y is not None:
            return y
    _check(x, *weights)
    check_path("freq_mix", path, x)
    if forward_mode():
        return reference_mix(x, *weights)
    dispatched: torch.Tensor = torch.ops.activefreq.freq_mix(x, *weights, path)
    return dispatched


def _weight_shapes(shape: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Of the five weights, for x of this shape; empty where x cannot be right or holds nothing."""
    if len(shape) != 4 or 0 in shape or shape[1] % 4:
        return ()
    _, channels, height, width = shape
    quarter = channels // 4
    return (
        (quarter, 1, 3, 3),
        (quarter,),
        (quarter, height, width // 2 + 1, 2),
        (quarter, height // 2 + 1, 2),
        (quarter, width // 2 + 1, 2),
    )


_known_shapes = functools.lru_cache(maxsize=256)(_weight_shapes)  # the same layers are called again and again


def _fit(
    x: torch.Tensor | None,
    conv_weight: torch.Tensor | None,
    conv_bias: torch.Tensor | None,
    weight_hw: torch.Tensor | None,
    weight_hc: torch.Tensor | None,
    weight_wc: torch.Tensor | None,
) -> bool:
    """Whether x is not empty and all shapes are right: the quick form of `_check`, which says what is wrong."""
    expected = () if x is None else _known_shapes(x.shape)
    if not expected or conv_weight is None or conv_weight.shape != expected[0]:
        return False
    return (
        (conv_bias is None or conv_bias.shape == expected[1])
        and (weight_hw is None or weight_hw.shape == expected[2])
        and (weight_hc is None or weight_hc.shape == expected[3])
        and (weight_wc is None or weight_wc.shape == expected[4])
    )


def _check(
    x: torch.Tensor,
    conv_weight: torch.Tensor,
    conv_bias: torch.Tensor | None,
    weight_hw: torch.Tensor | None,
    weight_hc: torch.Tensor | None,
    weight_wc: torch.Tensor | None,
) -> None:
    named = {
        "x": x,
        "conv_weight": conv_weight,
        "conv_bias": conv_bias,
        "weight_hw": weight_hw,
        "weight_hc": weight_hc,
        "weight_wc": weight_wc,
    }
    check_real_floating("freq_mix", x=x, conv_weight=conv_weight)
    check_real_floating("freq_mix", **{name: tensor for name, tensor in named.items() if tensor is not None})
    require(x.dim() == 4, f"freq_mix: x must have shape (B, C, H, W), got {tuple(x.shape)}")
    _, channels, height, width = x.shape
    require(channels % 4 == 0, f"freq_mix: the channels of x must be divisible by 4, got shape {tuple(x.shape)}")
    require(channels * height * width > 0, f"freq_mix: x must not be empty but in its batch, got {tuple(x.shape)}")
    for (name, tensor), shape in zip(list(named.items())[1:], _weight_shapes((1, *x.shape[1:])), strict=True):
        if tensor is not None and tensor.shape != shape:
            raise ValueError(
                f"freq_mix: {name} must have shape {shape} for x of shape {tuple(x.shape)}, got {tuple(tensor.shape)}"
            )


def _dense(tensor: torch.Tensor | None, kind: torch.dtype) -> torch.Tensor | None:
    return None if tensor is None else tensor.to(kind).contiguous()


@torch.library.impl(LIBRARY, "freq_mix", "CPU")
def _freq_mix_cpu(
    x: torch.Tensor,
    conv_weight: torch.Tensor,
    conv_bias: torch.Tensor | None,
    weight_hw: torch.Tensor | None,
    weight_hc: torch.Tensor | None,
    weight_wc: torch.Tensor | None,
    path: str = "auto",
) -> torch.Tensor:
    kind = arithmetic_type(x)
    values = x.to(kind).contiguous()
    y = torch.empty_like(values)
    if y.numel():
        _launch(values, y, *(_dense(t, kind) for t in (conv_weight, conv_bias, weight_hw, weight_hc, weight_wc)))
    return y.to(x.dtype)


def _mixed(x: torch.Tensor, *weights: torch.Tensor | None) -> torch.Tensor:
    y = torch.empty_like(x)
    _launch(x, y, *weights)
    return y


def _launch(x: torch.Tensor, y: torch.Tensor, *weights: torch.Tensor | None) -> None:
    call = cpu.freq_mix if x.dtype is _FLOAT32 else cpu.freq_mix_double
    addresses = [0 if weight is None else weight.data_ptr() for weight in weights]
    call(x.data_ptr(), y.data_ptr(), *x.shape, *addresses, _thread_count())


@torch.library.impl(LIBRARY, "freq_mix_backward", "CPU")
def _freq_mix_backward_cpu(
    grad: torch.Tensor,
    x: torch.Tensor,
    conv_weight: torch.Tensor,
    weight_hw: torch.Tensor | None,
    weight_hc: torch.Tensor | None,
    weight_wc: torch.Tensor | None,
    path: str = "auto",
) -> tuple[torch.Tensor, ...]:
    kind = arithmetic_type(x)
    weights = [_dense(t, kind) for t in (conv_weight, weight_hw, weight_hc, weight_wc)]
    grad_x, *grads = _gradients(x, x.shape, conv_weight, weight_hw, weight_hc, weight_wc)
    if x.numel():
        _launch_backward(grad.to(kind).contiguous(), x.to(kind).contiguous(), weights, grad_x, grads)
    else:
        grads = [t.zero_() for t in grads]
    return grad_x.to(x.dtype), *grads


def _launch_backward(
    grad: torch.Tensor,
    x: torch.Tensor,
    weights: Sequence[torch.Tensor | None],
    grad_x: torch.Tensor,
    grad_weights: Sequence[torch.Tensor | None],
) -> None:
    call = cpu.freq_mix_backward if x.dtype is torch.float32 else cpu.freq_mix_backward_double
    addresses = pointers((*weights, *grad_weights))
    call(pointer(grad), pointer(x), pointer(grad_x), *x.shape, *addresses, torch.get_num_threads())


def _gradients(
    x: torch.Tensor, shape: torch.Size, conv_weight: torch.Tensor, *spectra: torch.Tensor | None
) -> tuple[torch.Tensor, ...]:
    """Room for the gradients of x, of the convolution's weight and bias and of the spectra; empty for None."""
    kind = arithmetic_type(x)
    quarter = conv_weight.shape[0]
    shapes = [shape, conv_weight.shape, (quarter,), *((0,) if t is None else t.shape for t in spectra)]
    return tuple(torch.empty(s, dtype=kind, device=x.device) for s in shapes)


@torch.library.impl(LIBRARY, "freq_mix", "CUDA")
def _freq_mix_cuda(
    x: torch.Tensor,
    conv_weight: torch.Tensor,
    conv_bias: torch.Tensor | None,
    weight_hw: torch.Tensor | None,
    weight_hc: torch.Tensor | None,
    weight_wc: torch.Tensor | None,
    path: str = "auto",
) -> torch.Tensor:
    weights = (conv_weight, conv_bias, weight_hw, weight_hc, weight_wc)
    if not x.numel():
        return x.new_empty(x.shape)
    if x.dtype == torch.float64:
        return reference_mix(x, *weights).contiguous()
    kind = x.dtype if x.dtype in ELEMENTS else torch.float32
    values = x.to(kind).contiguous()
    y = torch.empty(x.shape, dtype=kind, device=x.device)
    _launch_cuda(values, None, y, [cuda_operand(t, torch.float32) for t in weights], (), path)
    return y.to(x.dtype)


@torch.library.impl(LIBRARY, "freq_mix_backward", "CUDA")
def _freq_mix_backward_cuda(
    grad: torch.Tensor,
    x: torch.Tensor,
    conv_weight: torch.Tensor,
    weight_hw: torch.Tensor | None,
    weight_hc: torch.Tensor | None,
    weight_wc: torch.Tensor | None,
    path: str = "auto",
) -> tuple[torch.Tensor, ...]:
    if x.dtype == torch.float64 and x.numel():
        gradients = reference_backward(grad, x, conv_weight, weight_hw, weight_hc, weight_wc)
        return tuple(t.contiguous() for t in gradients)
    _, *grads = _gradients(x, torch.Size((0,)), conv_weight, weight_hw, weight_hc, weight_wc)
    kind = x.dtype if x.dtype in ELEMENTS else torch.float32
    grad_x = torch.empty(x.shape, dtype=kind, device=x.device)
    if x.numel():
        given = (conv_weight, None, weight_hw, weight_hc, weight_wc)
        weights = [cuda_operand(t, torch.float32) for t in given]
        _launch_cuda(x.to(kind).contiguous(), grad.to(kind).contiguous(), grad_x, weights, grads, path)
    else:
        grads = [t.zero_() for t in grads]
    return grad_x.to(x.dtype), *grads


def _launch_cuda(
    x: torch.Tensor,
    grad: torch.Tensor | None,
    out: torch.Tensor,
    weights: Sequence[torch.Tensor | None],
    grad_weights: Sequence[torch.Tensor],
    path: str,
) -> None:
    """Forward where `grad` is None: out is y. Else it is the gradient of x, and grad_weights are filled."""
    module = cuda()
    source = x if grad is None else grad
    arguments = (tuple(x.shape), ELEMENTS[x.dtype], grad is not None, PATHS[path], *launch_arguments(x))
    addresses = pointers((x, source, out, *weights, *grad_weights))
    addresses += [0] * (13 - len(addresses))
    count = module.freq_mix_workspace([*addresses, 0], *arguments)
    workspace = torch.empty(count, dtype=torch.uint8, device=x.device) if count else None
    module.freq_mix([*addresses, pointer(workspace)], *arguments)


@torch.library.register_fake("activefreq::freq_mix", lib=LIBRARY)
def _freq_mix_fake(x: torch.Tensor, *weights: torch.Tensor | str | None) -> torch.Tensor:
    return x.new_empty(x.shape)


@torch.library.register_fake("activefreq::freq_mix_backward", lib=LIBRARY)
def _freq_mix_backward_fake(
    grad: torch.Tensor,
    x: torch.Tensor,
    conv_weight: torch.Tensor,
    weight_hw: torch.Tensor | None,
    weight_hc: torch.Tensor | None,
    weight_wc: torch.Tensor | None,
    path: str = "auto",
) -> tuple[torch.Tensor, ...]:
    grad_x, *grads = _gradients(x, x.shape, conv_weight, weight_hw, weight_hc, weight_wc)
    return grad_x.to(x.dtype), *grads


class _Context(AutogradContext, Protocol):
    path: str


def _save(ctx: _Context, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    *tensors, ctx.path = inputs
    ctx.save_for_backward(*tensors)


def _differentiate(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    """Gradients of x and the five weights."""
    x, conv_weight, conv_bias, *spectra = ctx.saved_tensors
    operators = torch.ops.activefreq
    if not any(ctx.needs_input_grad[1:]):  # the adjoint mix, which differentiates on
        adjoint = [None if t is None else conjugate(t) for t in spectra]
        return operators.freq_mix(grad, conv_weight.flip(2, 3), None, *adjoint, ctx.path), *[None] * 5
    grad_x, grad_conv, grad_bias, *grads = operators.freq_mix_backward(grad, x, conv_weight, *spectra, ctx.path)
    weights = [conv_weight, conv_bias, *spectra]
    return grad_x, *(
        None if t is None else g.to(t.dtype) for t, g in zip(weights, [grad_conv, grad_bias, *grads], strict=True)
    )


def _differentiate_registered(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    return *_differentiate(ctx, grad), None  # the path


class _FreqMix(torch.autograd.Function):
    """The same derivative without the dispatcher, for what `runs_directly`."""

    @staticmethod
    def forward(ctx: _Context, x: torch.Tensor, *weights: torch.Tensor | None) -> torch.Tensor:
        y = _mixed(x, *weights)
        ctx.path = "auto"
        ctx.save_for_backward(x, *weights)
        return y

    @staticmethod
    def backward(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        if torch.is_grad_enabled() or not any(ctx.needs_input_grad[1:]):
            return _differentiate(ctx, grad)
        x, conv_weight, conv_bias, *spectra = ctx.saved_tensors
        grad_x, *grads = (None if t is None else torch.empty_like(t) for t in (x, conv_weight, conv_bias, *spectra))
        _launch_backward(grad.contiguous(), x, [conv_weight, *spectra], grad_x, grads)
        return grad_x, *grads


torch.library.register_autograd("activefreq::freq_mix", _differentiate_registered, setup_context=_save, lib=LIBRARY)
torch.library.register_autograd("activefreq::freq_mix_backward", refuse_second_derivative("freq_mix"), lib=LIBRARY)
