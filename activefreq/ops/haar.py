"""One level of the orthonormal Haar transform, and its inverse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from activefreq.ops._direct import forward_mode, nothing_watches, plain, records, runs_directly
from activefreq.ops._library import LIBRARY, AutogradContext, arithmetic_type, check_real_floating, require
from activefreq.ops._native import ELEMENTS, cpu, cuda, launch_arguments, pointer
from activefreq.reference.haar import Bands
from activefreq.reference.haar import haar_dwt2 as reference_dwt2
from activefreq.reference.haar import haar_idwt2 as reference_idwt2

__all__ = ["Bands", "haar_dwt2", "haar_idwt2"]

# Names of their own: look-ups in torch are a fair part of a small call.
_thread_count = torch.get_num_threads

# `repeat` says what the samples are that an odd size lacks, see csrc/core/haar.h: each direction is the gradient of
# the other with the same `repeat`, at every order.
LIBRARY.define("haar_dwt2(Tensor x, bool repeat) -> (Tensor, Tensor, Tensor, Tensor)")
LIBRARY.define(
    "haar_idwt2(Tensor ll, Tensor lh, Tensor hl, Tensor hh, SymInt height, SymInt width, bool repeat) -> Tensor"
)


def haar_dwt2(x: torch.Tensor) -> Bands:
    """One level of the orthonormal Haar transform over the last two axes.

    Each block [[a, b], [c, d]] becomes `ll = (a + b + c + d) / 2`, `lh = (a - b + c - d) / 2`,
    `hl = (a + b - c - d) / 2`, `hh = (a - b - c + d) / 2`: the first letter is the filter along H, the second along
    W, low or high. An odd size replicates its last sample.

    Args:
        x: (..., H, W), any real floating dtype, any size, also 0. bfloat16 and float16 are computed in float32 and
            rounded once.

    Returns:
        (ll, lh, hl, hh), each (..., ceil(H/2), ceil(W/2)), dtype and device of x, contiguous. Differentiable any
        number of times. Bit-identical for any number of threads and on every instruction set; float64 on CUDA is
        computed by the plain torch form.

    Raises:
        ValueError: x has less than two dimensions.
        TypeError: x is not a real floating tensor.

    Source: Haar 1910; the wavelet variant of ActiveFreq (Table 7).
    """
    if isinstance(x, torch.Tensor) and x.dim() >= 2 and runs_directly(x):
        if not records(x):
            return _analyse(x, True)
        recorded: Bands = _HaarDwt2.apply(x)
        return recorded
    check_real_floating("haar_dwt2", x=x)
    require(x.dim() >= 2, f"haar_dwt2: x must have shape (..., H, W), got {tuple(x.shape)}")
    if forward_mode():
        return reference_dwt2(x)
    computed: Bands = torch.ops.activefreq.haar_dwt2(x, True)
    return computed


def haar_idwt2(bands: Bands, size: Sequence[int]) -> torch.Tensor:
    """The inverse of `haar_dwt2`: the blocks that the bands came from, cropped to `size`.

    Args:
        bands: (ll, lh, hl, hh), each (..., ceil(H/2), ceil(W/2)) of one real floating dtype, as `haar_dwt2` returns
            them. bfloat16 and float16 are computed in float32 and rounded once.
        size: (H, W) of the result; the bands alone do not tell an odd size from the even one above it.

    Returns:
        (..., H, W), dtype and device of the bands, contiguous. Differentiable any number of times.

    Raises:
        ValueError: not four bands, bands of different shapes or dtypes, or a size that has other bands.
        TypeError: a band is not a real floating tensor.
    """
    y: torch.Tensor
    if _are_ready(bands, size):
        if not records(*bands):
            return _synthesise(bands, size[0], size[1], False)
        y = _HaarIdwt2.apply(*bands, size[0], size[1])
        return y
    height, width = _check_bands(bands, size)
    if forward_mode():
        return reference_idwt2(bands, (height, width))
    y = torch.ops.activefreq.haar_idwt2(*bands, height, width, False)
    return y


_NAMES = ("ll", "lh", "hl", "hh")


def _are_ready(bands: Sequence[torch.Tensor], size: Sequence[int]) -> bool:
    """Whether the CPU kernel may have them as they are: the quick form of `_check_bands`, which says what is wrong."""
    if len(bands) != 4 or len(size) != 2 or torch.compiler.is_compiling():
        return False
    rows, columns = (size[0] + 1) // 2, (size[1] + 1) // 2
    if plain.reads_planes(rows, columns, *bands):
        return nothing_watches()
    if not runs_directly(*bands) or any(band is None for band in bands):
        return False
    shape = bands[0].shape
    return shape[-2:] == (rows, columns) and all(band.shape == shape for band in bands)


def _check_bands(bands: Sequence[torch.Tensor], size: Sequence[int]) -> tuple[int, int]:
    """Raise where bands and size do not belong together; return the size."""
    require(len(bands) == 4, f"haar_idwt2: bands must be the four of haar_dwt2 (ll, lh, hl, hh), got {len(bands)}")
    check_real_floating("haar_idwt2", **dict(zip(_NAMES, bands, strict=True)))
    first = bands[0]
    require(first.dim() >= 2, f"haar_idwt2: ll must have shape (..., h, w), got {tuple(first.shape)}")
    for name, band in zip(_NAMES, bands, strict=True):
        require(
            band.shape == first.shape,
            f"haar_idwt2: {name} must have shape {tuple(first.shape)} like ll, got {tuple(band.shape)}",
        )
        require(band.dtype == first.dtype, f"haar_idwt2: {name} must be {first.dtype} like ll, got {band.dtype}")
    require(len(size) == 2, f"haar_idwt2: size must be (H, W), got {tuple(size)}")
    height, width = size
    rows, columns = first.shape[-2:]
    if not ((height + 1) // 2 == rows and (width + 1) // 2 == columns):
        raise ValueError(
            f"haar_idwt2: size must be ({_sizes_of(rows)}, {_sizes_of(columns)}) for bands of shape "
            f"{tuple(first.shape)}, got {tuple(size)}"
        )
    return height, width


def _sizes_of(count: int) -> str:
    return f"{2 * count - 1} or {2 * count}" if count else "0"


def _analyse(x: torch.Tensor, repeat: bool) -> Bands:
    """The transform of a contiguous float32 or float64 tensor."""
    *outer, height, width = x.shape
    ll = x.new_empty((*outer, (height + 1) // 2, (width + 1) // 2))
    bands = (ll, torch.empty_like(ll), torch.empty_like(ll), torch.empty_like(ll))
    if count := x.numel():
        call = cpu.haar_dwt2 if x.dtype is torch.float32 else cpu.haar_dwt2_double
        planes = count // (height * width)
        call(pointer(x), *map(pointer, bands), planes, height, width, repeat, _thread_count())
    return bands


def _synthesise(bands: Sequence[torch.Tensor], height: int, width: int, repeat: bool) -> torch.Tensor:
    """The inverse of contiguous float32 or float64 bands."""
    ll, lh, hl, hh = bands
    *outer, _, _ = ll.shape
    y = ll.new_empty((*outer, height, width))
    if count := y.numel():
        call = cpu.haar_idwt2 if y.dtype is torch.float32 else cpu.haar_idwt2_double
        addresses = ll.data_ptr(), lh.data_ptr(), hl.data_ptr(), hh.data_ptr(), y.data_ptr()
        call(*addresses, count // (height * width), height, width, repeat, _thread_count())
    return y


@torch.library.impl(LIBRARY, "haar_dwt2", "CPU")
def _haar_dwt2_cpu(x: torch.Tensor, repeat: bool) -> Bands:
    ll, lh, hl, hh = _analyse(x.to(arithmetic_type(x)).contiguous(), repeat)
    return ll.to(x.dtype), lh.to(x.dtype), hl.to(x.dtype), hh.to(x.dtype)


@torch.library.impl(LIBRARY, "haar_idwt2", "CPU")
def _haar_idwt2_cpu(
    ll: torch.Tensor, lh: torch.Tensor, hl: torch.Tensor, hh: torch.Tensor, height: int, width: int, repeat: bool
) -> torch.Tensor:
    bands = [band.to(arithmetic_type(ll)).contiguous() for band in (ll, lh, hl, hh)]
    return _synthesise(bands, height, width, repeat).to(ll.dtype)


@torch.library.impl(LIBRARY, "haar_dwt2", "CUDA")
def _haar_dwt2_cuda(x: torch.Tensor, repeat: bool) -> Bands:
    if x.dtype == torch.float64:
        ll, lh, hl, hh = reference_dwt2(x, repeat)
        return ll.contiguous(), lh.contiguous(), hl.contiguous(), hh.contiguous()
    values = x.to(x.dtype if x.dtype in ELEMENTS else torch.float32).contiguous()
    *outer, height, width = x.shape
    ll = values.new_empty((*outer, (height + 1) // 2, (width + 1) // 2))
    lh, hl, hh = torch.empty_like(ll), torch.empty_like(ll), torch.empty_like(ll)
    if count := x.numel():
        sizes = (count // (height * width), height, width, ELEMENTS[values.dtype], repeat)
        cuda().haar_dwt2(*map(pointer, (values, ll, lh, hl, hh)), *sizes, *launch_arguments(values))
    return ll.to(x.dtype), lh.to(x.dtype), hl.to(x.dtype), hh.to(x.dtype)


@torch.library.impl(LIBRARY, "haar_idwt2", "CUDA")
def _haar_idwt2_cuda(
    ll: torch.Tensor, lh: torch.Tensor, hl: torch.Tensor, hh: torch.Tensor, height: int, width: int, repeat: bool
) -> torch.Tensor:
    if ll.dtype == torch.float64:
        return reference_idwt2((ll, lh, hl, hh), (height, width), repeat).contiguous()
    kind = ll.dtype if ll.dtype in ELEMENTS else torch.float32
    bands = [band.to(kind).contiguous() for band in (ll, lh, hl, hh)]
    y = bands[0].new_empty((*ll.shape[:-2], height, width))
    if count := y.numel():
        sizes = (count // (height * width), height, width, ELEMENTS[kind], repeat)
        cuda().haar_idwt2(*map(pointer, bands), pointer(y), *sizes, *launch_arguments(y))
    return y.to(ll.dtype)


@torch.library.register_fake("activefreq::haar_dwt2", lib=LIBRARY)
def _haar_dwt2_fake(x: torch.Tensor, repeat: bool) -> Bands:
    *outer, height, width = x.shape
    shape = (*outer, (height + 1) // 2, (width + 1) // 2)
    return x.new_empty(shape), x.new_empty(shape), x.new_empty(shape), x.new_empty(shape)


@torch.library.register_fake("activefreq::haar_idwt2", lib=LIBRARY)
def _haar_idwt2_fake(
    ll: torch.Tensor, lh: torch.Tensor, hl: torch.Tensor, hh: torch.Tensor, height: int, width: int, repeat: bool
) -> torch.Tensor:
    return ll.new_empty((*ll.shape[:-2], height, width))


class _Context(AutogradContext, Protocol):
    size: tuple[int, int]
    repeat: bool


def _save_dwt2(ctx: _Context, inputs: tuple[torch.Tensor, bool], output: Bands) -> None:
    x, ctx.repeat = inputs
    ctx.size = (x.shape[-2], x.shape[-1])


def _differentiate_dwt2(ctx: _Context, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
    grad_x: torch.Tensor = torch.ops.activefreq.haar_idwt2(*grads, *ctx.size, ctx.repeat)
    return grad_x, None


def _save_idwt2(ctx: _Context, inputs: tuple[torch.Tensor | int | bool, ...], output: torch.Tensor) -> None:
    ctx.repeat = bool(inputs[-1])


def _differentiate_idwt2(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    return *torch.ops.activefreq.haar_dwt2(grad, ctx.repeat), None, None, None


class _HaarDwt2(torch.autograd.Function):
    """The same derivative without the dispatcher, for what `runs_directly`."""

    @staticmethod
    def forward(ctx: _Context, x: torch.Tensor) -> Bands:
        ctx.size, ctx.repeat = (x.shape[-2], x.shape[-1]), True
        return _analyse(x, True)

    @staticmethod
    def backward(ctx: _Context, *grads: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            return _differentiate_dwt2(ctx, *grads)[0]
        return _synthesise([grad.contiguous() for grad in grads], *ctx.size, True)


class _HaarIdwt2(torch.autograd.Function):
    """As above."""

    @staticmethod
    def forward(
        ctx: AutogradContext,
        ll: torch.Tensor,
        lh: torch.Tensor,
        hl: torch.Tensor,
        hh: torch.Tensor,
        height: int,
        width: int,
    ) -> torch.Tensor:
        return _synthesise((ll, lh, hl, hh), height, width, False)

    @staticmethod
    def backward(ctx: AutogradContext, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        if torch.is_grad_enabled():
            return *torch.ops.activefreq.haar_dwt2(grad, False), None, None
        return *_analyse(grad.contiguous(), False), None, None


torch.library.register_autograd("activefreq::haar_dwt2", _differentiate_dwt2, setup_context=_save_dwt2, lib=LIBRARY)
torch.library.register_autograd("activefreq::haar_idwt2", _differentiate_idwt2, setup_context=_save_idwt2, lib=LIBRARY)
