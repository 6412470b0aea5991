"""Crops of feature maps at fractional boxes, with gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from activefreq.ops._direct import PLAIN, forward_mode, records, runs_directly
from activefreq.ops._library import LIBRARY, AutogradContext, arithmetic_type, check_real_floating, check_shape
from activefreq.ops._native import cpu, cuda, launch_arguments, pointer
from activefreq.reference.roi_align import roi_align as reference

__all__ = ["roi_align"]

LIBRARY.define(
    "roi_align(Tensor features, Tensor boxes, Tensor index, SymInt height, SymInt width, int samples) -> Tensor"
)
LIBRARY.define(
    "roi_align_backward(Tensor gradient, Tensor boxes, Tensor index, SymInt batch, SymInt height, SymInt width, "
    "int samples) -> Tensor"
)


def roi_align(
    features: torch.Tensor, boxes: torch.Tensor, index: torch.Tensor, size: Sequence[int], samples: int = 1
) -> torch.Tensor:
    """Cut boxes out of feature maps and resample them to one size, without rounding a box to pixels.

    A box in pixel edges is cut into h × w bins; a bin is the mean over samples × samples evenly spaced points of its
    image, interpolated bilinearly between pixel centres. Along one axis point k of n = h · samples is at
    `y0 + (k + 1/2)(y1 - y0) / n - 1/2`, in pixels from the first centre. Up to one pixel outside the image the
    outermost pixel goes on; farther out, and at coordinates that are no number, a point is zero.

    Args:
        features: (B, C, H, W), any real floating dtype; bfloat16 and float16 are computed in float32 and rounded once.
        boxes: (N, 4) of (y0, x0, y1, x1), any real dtype, on the device of features. Pixel i covers
            [i, i + 1): the whole image is (0, 0, H, W). A box may reach outside, or run backwards, which mirrors it.
        index: (N,) integers, the image of each box.
        size: (h, w) of the crops, at least 1 × 1.
        samples: points along each axis of a bin. One is enough where a crop enlarges; where it shrinks k times, about
            k avoid aliasing.

    Returns:
        (N, C, h, w), dtype and device of features, contiguous. Differentiable any number of times in the features, with
        sums in a fixed order; the boxes get no gradient. On the CPU bit-identical for any number of threads and on
        every instruction set. No host synchronisation on CUDA; there an index outside the batch gives zeros.

    Raises:
        ValueError: a wrong shape, size, sample count or device, or on the CPU an index outside the batch.
        TypeError: features that are not a real floating tensor, complex boxes, or an index that is not of integers.

    Source: RoIAlign, He et al. 2017, "aligned" (half a pixel off the first version), as in the paper, section 3.3.
    """
    if runs_directly(features, boxes) and _fit(features, boxes, index, size, samples) and not records(features, boxes):
        height, width = size
        return _crop(features, boxes, index, height, width, samples)
    height, width = _check(features, boxes, index, size, samples)
    if forward_mode():
        return reference(features, boxes, index, (height, width), samples)
    crops: torch.Tensor = torch.ops.activefreq.roi_align(features, boxes, index, height, width, samples)
    return crops


def _fit(features: torch.Tensor, boxes: torch.Tensor, index: torch.Tensor, size: Sequence[int], samples: int) -> bool:
    """Whether the CPU kernel may read `index` too and the checks have nothing to say: they cost a few µs."""
    if features is None or boxes is None or len(size) != 2:
        return False
    height, width = size
    boxes_shape = boxes.shape
    return (
        type(index) in PLAIN
        and index.dtype is torch.int64
        and index.is_cpu
        and index.is_contiguous()
        and not index.is_neg()
        and features.dim() == 4
        and len(boxes_shape) == 2
        and boxes_shape[1] == 4
        and index.shape == boxes_shape[:1]
        and height >= 1 <= width
        and samples >= 1
    )


def _check(
    features: torch.Tensor, boxes: torch.Tensor, index: torch.Tensor, size: Sequence[int], samples: int
) -> tuple[int, int]:
    check_real_floating("roi_align", features=features)
    check_shape("roi_align", "features", features, ("B", "C", "H", "W"))
    check_shape("roi_align", "boxes", boxes, ("N", "4"))
    check_shape("roi_align", "index", index, ("N",))
    if boxes.shape[1] != 4:
        raise ValueError(f"roi_align: boxes must have shape (N, 4), got {tuple(boxes.shape)}")
    if boxes.is_complex():
        raise TypeError(f"roi_align: boxes must be real, got {boxes.dtype}")
    if index.is_floating_point() or index.is_complex() or index.dtype == torch.bool:
        raise TypeError(f"roi_align: index must be of integers, got {index.dtype}")
    count = boxes.shape[0]
    if index.shape[0] != count:
        raise ValueError(f"roi_align: index must have shape ({count},) like boxes, got {tuple(index.shape)}")
    for name, tensor in (("boxes", boxes), ("index", index)):
        if tensor.device != features.device:
            raise ValueError(f"roi_align: {name} must be on {features.device} like features, got {tensor.device}")
    if len(size) != 2:
        raise ValueError(f"roi_align: size must be (h, w), got {tuple(size)}")
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"roi_align: size must be at least (1, 1), got {(height, width)}")
    if samples < 1:
        raise ValueError(f"roi_align: samples must be at least 1, got {samples}")
    return height, width


def _crop(
    x: torch.Tensor, boxes: torch.Tensor, index: torch.Tensor, height: int, width: int, samples: int
) -> torch.Tensor:
    """Of contiguous tensors on the CPU, x and boxes of one arithmetic type. The kernel looks at the index."""
    batch, channels, rows, columns = x.shape
    count = boxes.shape[0]
    crops = x.new_empty((count, channels, height, width))
    if crops.numel() and x.numel():
        call = cpu.roi_align if x.dtype is torch.float32 else cpu.roi_align_double
        at, where, image, result = pointer(x), pointer(boxes), pointer(index), pointer(crops)
        threads = torch.get_num_threads()
        outside = call(at, where, image, result, count, batch, channels, rows, columns, height, width, samples, threads)
    else:
        crops.zero_()
        outside = bool(((index < 0) | (index >= batch)).any())
    if outside:
        low, high = (int(bound) for bound in index.aminmax())
        raise ValueError(f"roi_align: index must lie in [0, {batch}), got {low} to {high}")
    return crops


@torch.library.impl(LIBRARY, "roi_align", "CPU")
def _roi_align_cpu(
    features: torch.Tensor, boxes: torch.Tensor, index: torch.Tensor, height: int, width: int, samples: int
) -> torch.Tensor:
    x = features.to(arithmetic_type(features)).contiguous()
    at, image = boxes.to(x.dtype).contiguous(), index.to(torch.int64).contiguous()
    return _crop(x, at, image, height, width, samples).to(features.dtype)


@torch.library.impl(LIBRARY, "roi_align", "CUDA")
def _roi_align_cuda(
    features: torch.Tensor, boxes: torch.Tensor, index: torch.Tensor, height: int, width: int, samples: int
) -> torch.Tensor:
    x = features.to(arithmetic_type(features)).contiguous()
    at, image = boxes.to(x.dtype).contiguous(), index.to(torch.int64).contiguous()
    crops = x.new_empty((at.shape[0], x.shape[1], height, width))
    if not (crops.numel() and x.numel()):
        return crops.zero_().to(features.dtype)
    call = cuda().roi_align if x.dtype is torch.float32 else cuda().roi_align_double
    addresses = pointer(x), pointer(at), pointer(image), pointer(crops)
    call(*addresses, at.shape[0], *x.shape, height, width, samples, *launch_arguments(x))
    return crops.to(features.dtype)


@torch.library.impl(LIBRARY, "roi_align_backward", "CPU")
@torch.library.impl(LIBRARY, "roi_align_backward", "CUDA")
def _roi_align_backward(
    gradient: torch.Tensor,
    boxes: torch.Tensor,
    index: torch.Tensor,
    batch: int,
    height: int,
    width: int,
    samples: int,
) -> torch.Tensor:
    g = gradient.to(arithmetic_type(gradient)).contiguous()
    features = g.new_empty((batch, g.shape[1], height, width))
    if g.numel() and features.numel():
        at, image = boxes.to(g.dtype).contiguous(), index.to(torch.int64).contiguous()
        module, last = (cuda(), launch_arguments(g)) if g.is_cuda else (cpu, (torch.get_num_threads(),))
        call = module.roi_align_backward if g.dtype is torch.float32 else module.roi_align_backward_double
        addresses = pointer(g), pointer(at), pointer(image), pointer(features)
        call(*addresses, at.shape[0], *features.shape, *g.shape[2:], samples, *last)
    else:
        features.zero_()
    return features.to(gradient.dtype)


@torch.library.register_fake("activefreq::roi_align", lib=LIBRARY)
def _roi_align_fake(
    features: torch.Tensor, boxes: torch.Tensor, index: torch.Tensor, height: int, width: int, samples: int
) -> torch.Tensor:
    return features.new_empty((boxes.shape[0], features.shape[1], height, width))


@torch.library.register_fake("activefreq::roi_align_backward", lib=LIBRARY)
def _roi_align_backward_fake(
    gradient: torch.Tensor,
    boxes: torch.Tensor,
    index: torch.Tensor,
    batch: int,
    height: int,
    width: int,
    samples: int,
) -> torch.Tensor:
    return gradient.new_empty((batch, gradient.shape[1], height, width))


class _Context(AutogradContext, Protocol):
    shape: tuple[int, ...]  # of what went in
    samples: int


_Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, int, int, int]


def _save(ctx: _Context, inputs: _Inputs, output: torch.Tensor) -> None:
    features, boxes, index = inputs[:3]
    ctx.save_for_backward(boxes, index)
    ctx.shape, ctx.samples = tuple(features.shape), inputs[-1]


def _differentiate(ctx: _Context, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    boxes, index = ctx.saved_tensors
    batch, _, height, width = ctx.shape
    arguments = (gradient, boxes, index, batch, height, width, ctx.samples)
    return torch.ops.activefreq.roi_align_backward(*arguments), None, None, None, None, None


def _save_backward(ctx: _Context, inputs: tuple[torch.Tensor | int, ...], output: torch.Tensor) -> None:
    gradient, boxes, index = inputs[:3]
    assert isinstance(gradient, torch.Tensor)
    assert isinstance(boxes, torch.Tensor)
    assert isinstance(index, torch.Tensor)
    ctx.save_for_backward(boxes, index)
    ctx.shape, ctx.samples = tuple(gradient.shape), int(inputs[-1])


def _differentiate_backward(ctx: _Context, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    """The gradient is linear in what it is given: its own gradient is the crop."""
    boxes, index = ctx.saved_tensors
    crops = torch.ops.activefreq.roi_align(gradient, boxes, index, *ctx.shape[2:], ctx.samples)
    return crops, None, None, None, None, None, None


torch.library.register_autograd("activefreq::roi_align", _differentiate, setup_context=_save, lib=LIBRARY)
torch.library.register_autograd(
    "activefreq::roi_align_backward", _differentiate_backward, setup_context=_save_backward, lib=LIBRARY
)
