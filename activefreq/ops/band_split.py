"""A block of the spectrum and the rest of it as two images, and back."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Protocol

import torch

from activefreq.ops._direct import forward_mode, records, runs_directly
from activefreq.ops._library import LIBRARY, AutogradContext, arithmetic_type, check_real_floating
from activefreq.ops._native import ELEMENTS, cpu, cuda, launch_arguments, pointer
from activefreq.reference.band_split import band_axis, merge_block, split_block

__all__ = ["band_merge", "band_split"]

# Each axis is (m, f, g): bins of the block, the frequency of its first bin on the large grid and on the centre's. Each
# operator is the gradient of the other with another `scale`, a factor of the centre: csrc/core/band_split.h.
LIBRARY.define("band_split(Tensor x, int[] height, int[] width, float scale) -> (Tensor, Tensor)")
LIBRARY.define("band_merge(Tensor centre, Tensor border, int[] height, int[] width, float scale) -> Tensor")

Axis = tuple[int, int, int]


def band_split(x: torch.Tensor, theta: float = 0.1, shift: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Separate a volume into a block of its spectrum and the rest, both as images.

    On an axis of N samples the block is the m = int(N θ) bins from int(N/2 - m/2) on; it spans H and W and has full
    depth, so nothing is transformed along D:

        centre = Re(IFFT(block))                the inverse on the block's own grid of m_h × m_w × D
        border = Re(IFFT(FFT(x) outside block)) on the grid of x

    No spectrum is formed: the block is a product with two small matrices. An inverse on a grid of 1/θ² times fewer
    points makes amplitudes up to 1/θ² times larger. The block is off by one bin from symmetric where H or W is even
    (160: 72 to 87, around 80), so inverses are complex and only real parts remain.

    Args:
        x: (..., H, W, D), any real floating dtype. bfloat16 and float16 are computed in float32 and rounded once.
        theta: the block's share of H and of W, in (0, 1).
        shift: False: the centre of the spectrum as a transform gives it, its highest frequencies; True: of the
            shifted spectrum, its lowest. There each bin keeps its frequency on the centre's grid, so the centre is
            x at a lower resolution.

    Returns:
        (centre, border): (..., m_h, m_w, D) and (..., H, W, D), dtype and device of x, contiguous. Differentiable
        any number of times. The same bits for any number of threads. float64 on CUDA is computed by the plain torch
        form.

    Raises:
        ValueError: x has fewer than three dimensions, or θ is outside (0, 1) or leaves no bin.
        TypeError: x is not a real floating tensor.

    Source: Fu et al. 2024, Eq. 1 and 2.
    """
    if not (isinstance(x, torch.Tensor) and x.dim() >= 3):
        check_real_floating("band_split", x=x)
        raise ValueError(f"band_split: x must have shape (..., H, W, D), got {tuple(x.shape)}")
    axis = _axis if torch.compiler.is_compiling() else _cached_axis
    rows, columns = x.shape[-3:-1]
    height, width = axis("band_split", "H", rows, theta, shift), axis("band_split", "W", columns, theta, shift)
    if runs_directly(x):
        split: tuple[torch.Tensor, torch.Tensor] = (
            _BandSplit.apply(x, height, width) if records(x) else _split(x, height, width, 1.0)
        )
        return split
    check_real_floating("band_split", x=x)
    if forward_mode():
        return split_block(x, height, width)
    computed: tuple[torch.Tensor, torch.Tensor] = torch.ops.activefreq.band_split(x, height, width, 1.0)
    return computed


def band_merge(centre: torch.Tensor, border: torch.Tensor, theta: float = 0.1, shift: bool = False) -> torch.Tensor:
    """Write one image's spectrum into the centre block of another's.

        merged = Re(IFFT(FFT(border) with the block overwritten by FFT(centre)))

    Args:
        centre: (..., m_h, m_w, D), m = int(N θ) as `band_split` has it; any real floating dtype.
        border: (..., H, W, D), the same dtype.
        theta: as for `band_split`.
        shift: as for `band_split`.

    Returns:
        (..., H, W, D), dtype and device of the two, contiguous. Differentiable any number of times. bfloat16 and
        float16 are computed in float32 and rounded once; float64 on CUDA is computed by the plain torch form.

    Raises:
        ValueError: shapes or dtypes that do not belong together, or θ is outside (0, 1) or leaves no bin.
        TypeError: one is not a real floating tensor.

    Source: Fu et al. 2024, section 2.2 and its code.
    """
    if not (isinstance(border, torch.Tensor) and border.dim() >= 3 and isinstance(centre, torch.Tensor)):
        check_real_floating("band_merge", border=border, centre=centre)
        raise ValueError(f"band_merge: border must have shape (..., H, W, D), got {tuple(border.shape)}")
    *outer, rows, columns, depth = border.shape
    axis = _axis if torch.compiler.is_compiling() else _cached_axis
    height, width = axis("band_merge", "H", rows, theta, shift), axis("band_merge", "W", columns, theta, shift)
    expected = (*outer, height[0], width[0], depth)
    if centre.shape != expected:
        check_real_floating("band_merge", border=border, centre=centre)
        raise ValueError(
            f"band_merge: centre must have shape {expected} for a border of {tuple(border.shape)} at theta {theta}, "
            f"got {tuple(centre.shape)}"
        )
    merged: torch.Tensor
    if runs_directly(centre, border):
        if not records(centre, border):
            return _merge(centre, border, height, width, 1.0)
        merged = _BandMerge.apply(centre, border, height, width)
        return merged
    check_real_floating("band_merge", border=border, centre=centre)
    if centre.dtype != border.dtype:
        raise ValueError(f"band_merge: centre must be {border.dtype} like border, got {centre.dtype}")
    if forward_mode():
        return merge_block(centre, border, height, width)
    merged = torch.ops.activefreq.band_merge(centre, border, height, width, 1.0)
    return merged


def _axis(operator: str, name: str, size: int, theta: float, shift: bool) -> Axis:
    """(m, f, g) of an axis."""
    if not 0 < theta < 1:  # a message made in advance would have to be traced
        raise ValueError(f"{operator}: theta must be in (0, 1), got {theta}")
    axis = band_axis(int(size), theta, shift)  # int: compiled code is for one size
    if not axis[0]:
        raise ValueError(f"{operator}: theta {theta} leaves no bin on {name} = {size}; it takes {name} * theta >= 1")
    return axis


_cached_axis = functools.lru_cache(maxsize=64)(_axis)  # the same blocks for every volume


def _gain(shape: Sequence[int], height: Sequence[int], width: Sequence[int]) -> float:
    """H W / (m_h m_w): what the centre of the gradient is to be multiplied by, csrc/core/band_split.h."""
    return shape[-3] * shape[-2] / (height[0] * width[0])


def _centre_shape(x: torch.Tensor, height: Sequence[int], width: Sequence[int]) -> tuple[int, ...]:
    return (*x.shape[:-3], height[0], width[0], x.shape[-1])


def _split(
    x: torch.Tensor, height: Sequence[int], width: Sequence[int], scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both bands of a contiguous float32 or float64 tensor."""
    centre, border = x.new_empty(_centre_shape(x, height, width)), torch.empty_like(x)
    if x.numel():
        call = cpu.band_split if x.dtype is torch.float32 else cpu.band_split_double
        volumes, rows, columns, depth = _sizes(x, height, width)
        addresses = pointer(x), pointer(centre), pointer(border)
        call(*addresses, volumes, rows, columns, depth, scale, torch.get_num_threads())
    return centre, border


def _merge(
    centre: torch.Tensor, border: torch.Tensor, height: Sequence[int], width: Sequence[int], scale: float
) -> torch.Tensor:
    """The image of contiguous float32 or float64 bands."""
    merged = torch.empty_like(border)
    if merged.numel():
        call = cpu.band_merge if merged.dtype is torch.float32 else cpu.band_merge_double
        volumes, rows, columns, depth = _sizes(border, height, width)
        addresses = pointer(centre), pointer(border), pointer(merged)
        call(*addresses, volumes, rows, columns, depth, scale, torch.get_num_threads())
    return merged


Numbers = tuple[int, int, int, int]


def _sizes(x: torch.Tensor, height: Sequence[int], width: Sequence[int]) -> tuple[int, Numbers, Numbers, int]:
    """Volumes, the two axes as BandAxis has them, depth. x is not empty."""
    shape = x.shape
    rows, columns, depth = shape[-3], shape[-2], shape[-1]
    volumes = x.numel() // (rows * columns * depth)
    return volumes, (rows, height[0], height[1], height[2]), (columns, width[0], width[1], width[2]), depth


@torch.library.impl(LIBRARY, "band_split", "CPU")
def _band_split_cpu(
    x: torch.Tensor, height: Sequence[int], width: Sequence[int], scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    centre, border = _split(x.to(arithmetic_type(x)).contiguous(), height, width, scale)
    return centre.to(x.dtype), border.to(x.dtype)


@torch.library.impl(LIBRARY, "band_merge", "CPU")
def _band_merge_cpu(
    centre: torch.Tensor, border: torch.Tensor, height: Sequence[int], width: Sequence[int], scale: float
) -> torch.Tensor:
    small, large = (t.to(arithmetic_type(border)).contiguous() for t in (centre, border))
    return _merge(small, large, height, width, scale).to(border.dtype)


@torch.library.impl(LIBRARY, "band_split", "CUDA")
def _band_split_cuda(
    x: torch.Tensor, height: Sequence[int], width: Sequence[int], scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    if x.dtype == torch.float64:
        centre, border = split_block(x, height, width, scale)
        return centre.contiguous(), border.contiguous()
    values = x.to(x.dtype if x.dtype in ELEMENTS else torch.float32).contiguous()
    centre, border = values.new_empty(_centre_shape(x, height, width)), torch.empty_like(values)
    if x.numel():
        _launch(False, values, centre, border, height, width, scale)
    return centre.to(x.dtype), border.to(x.dtype)


@torch.library.impl(LIBRARY, "band_merge", "CUDA")
def _band_merge_cuda(
    centre: torch.Tensor, border: torch.Tensor, height: Sequence[int], width: Sequence[int], scale: float
) -> torch.Tensor:
    if border.dtype == torch.float64:
        return merge_block(centre, border, height, width, scale).contiguous()
    kind = border.dtype if border.dtype in ELEMENTS else torch.float32
    small, large = (t.to(kind).contiguous() for t in (centre, border))
    merged = torch.empty_like(large)
    if merged.numel():
        _launch(True, large, small, merged, height, width, scale)
    return merged.to(border.dtype)


def _launch(
    merge: bool,
    volume: torch.Tensor,
    centre: torch.Tensor,
    result: torch.Tensor,
    height: Sequence[int],
    width: Sequence[int],
    scale: float,
) -> None:
    """Run the CUDA kernels on tensors of one of ELEMENTS."""
    module, sizes = cuda(), _sizes(volume, height, width)
    workspace = torch.empty(module.band_workspace(*sizes), dtype=torch.float32, device=volume.device)
    addresses = pointer(volume), pointer(centre), pointer(result), pointer(workspace)
    call = module.band_merge if merge else module.band_split
    call(*addresses, *sizes, ELEMENTS[volume.dtype], scale, *launch_arguments(volume))


@torch.library.register_fake("activefreq::band_split", lib=LIBRARY)
def _band_split_fake(
    x: torch.Tensor, height: Sequence[int], width: Sequence[int], scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    return x.new_empty(_centre_shape(x, height, width)), x.new_empty(x.shape)


@torch.library.register_fake("activefreq::band_merge", lib=LIBRARY)
def _band_merge_fake(
    centre: torch.Tensor, border: torch.Tensor, height: Sequence[int], width: Sequence[int], scale: float
) -> torch.Tensor:
    return border.new_empty(border.shape)


class _Context(AutogradContext, Protocol):
    height: Sequence[int]
    width: Sequence[int]
    scale: float


def _save_split(
    ctx: _Context, inputs: tuple[torch.Tensor, Sequence[int], Sequence[int], float], output: object
) -> None:
    _, ctx.height, ctx.width, ctx.scale = inputs


def _differentiate_split(ctx: _Context, centre: torch.Tensor, border: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    scale = ctx.scale * _gain(border.shape, ctx.height, ctx.width)
    grad: torch.Tensor = torch.ops.activefreq.band_merge(centre, border, ctx.height, ctx.width, scale)
    return grad, None, None, None


def _save_merge(
    ctx: _Context,
    inputs: tuple[torch.Tensor, torch.Tensor, Sequence[int], Sequence[int], float],
    output: torch.Tensor,
) -> None:
    _, _, ctx.height, ctx.width, ctx.scale = inputs


def _differentiate_merge(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    scale = ctx.scale / _gain(grad.shape, ctx.height, ctx.width)
    centre, border = torch.ops.activefreq.band_split(grad, ctx.height, ctx.width, scale)
    return centre, border, None, None, None


class _BandSplit(torch.autograd.Function):
    """The same derivative without the dispatcher, for what `runs_directly`."""

    @staticmethod
    def forward(ctx: _Context, x: torch.Tensor, height: Axis, width: Axis) -> tuple[torch.Tensor, torch.Tensor]:
        ctx.height, ctx.width, ctx.scale = height, width, 1.0
        return _split(x, height, width, 1.0)

    @staticmethod
    def backward(ctx: _Context, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        centre, border = grads
        if torch.is_grad_enabled():
            return _differentiate_split(ctx, centre, border)[:3]
        scale = _gain(border.shape, ctx.height, ctx.width)
        return _merge(centre.contiguous(), border.contiguous(), ctx.height, ctx.width, scale), None, None


class _BandMerge(torch.autograd.Function):
    """As above."""

    @staticmethod
    def forward(ctx: _Context, centre: torch.Tensor, border: torch.Tensor, height: Axis, width: Axis) -> torch.Tensor:
        ctx.height, ctx.width, ctx.scale = height, width, 1.0
        return _merge(centre, border, height, width, 1.0)

    @staticmethod
    def backward(ctx: _Context, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        if torch.is_grad_enabled():
            return _differentiate_merge(ctx, grad)[:4]
        scale = 1 / _gain(grad.shape, ctx.height, ctx.width)
        return *_split(grad.contiguous(), ctx.height, ctx.width, scale), None, None


torch.library.register_autograd("activefreq::band_split", _differentiate_split, setup_context=_save_split, lib=LIBRARY)
torch.library.register_autograd("activefreq::band_merge", _differentiate_merge, setup_context=_save_merge, lib=LIBRARY)
