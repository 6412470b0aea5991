"""Where an annotator clicks next: error masks, regions, their statistics and scores, and the pixel, in one call."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from activefreq.ops._direct import runs_past_dispatcher
from activefreq.ops._library import LIBRARY, check_shape
from activefreq.ops._native import cpu, cuda, launch_arguments, pointer
from activefreq.ops.label import check_image_size
from activefreq.reference.click_rule import PLACEMENTS, READINGS, STRATEGIES, ClickRule

__all__ = ["Selection", "select_click"]

LIBRARY.define(
    "select_click(Tensor prob, Tensor target, Tensor? clicked, Tensor seed, str strategy, float threshold, "
    "int connectivity, str reading, float[] weights, float rgu_eps, int min_area, str placement) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
)


@dataclass(frozen=True)
class Selection:
    """One click per image, as tensors of shape (B,) on the device of the probabilities."""

    y: torch.Tensor
    """int32, row of the click in pixels, -1 where not valid."""
    x: torch.Tensor
    """int32, column of the click in pixels, -1 where not valid."""
    positive: torch.Tensor
    """bool, True for a click on missed object (false negative), False for one on a false positive."""
    valid: torch.Tensor
    """bool, False where no error pixel is left that was not clicked."""
    area: torch.Tensor
    """int32, pixels of the connected error region that holds the click, 0 where not valid."""
    score: torch.Tensor
    """float32, what the strategy maximised: the region's score, or the click's squared distance for "largest"."""


def select_click(
    prob: torch.Tensor,
    target: torch.Tensor,
    clicked: torch.Tensor | None = None,
    strategy: str = ClickRule.strategy,
    threshold: float = ClickRule.threshold,
    connectivity: int = ClickRule.connectivity,
    reading: str = ClickRule.reading,
    weights: Sequence[float] = ClickRule.weights,
    rgu_eps: float = ClickRule.rgu_eps,
    min_area: int = ClickRule.min_area,
    placement: str = ClickRule.placement,
    seed: int | torch.Tensor = 0,
) -> Selection:
    """Select the next click of each image.

    False negatives are pixels with target 1 and prob <= threshold; false positives have another target than 1 and -1
    and prob > threshold. The connected components of each are the error regions. Those with a pixel that was not
    clicked are eligible; of these, the ones of at least `min_area` pixels are considered, or all where none is as
    large. The region with the highest score wins, a tie goes to the one whose first pixel in row-major order comes
    first. The click falls on the region's unclicked pixel that `placement` puts first.

    Where several regions are considered and all have the same score, or every probability of the image is 0, the
    click is that of "largest".

    Args:
        prob: (B, H, W) floating point, the probability of object; read as float32, and as 0 or 1 beyond [0, 1]. H and
            W up to 32767.
        target: (B, H, W) integer or bool: 1 object, -1 ignore, anything else background.
        clicked: (B, H, W) bool, pixels that may not be clicked again; None: none.
        strategy: "largest", the field's rule: the pixel of either error mask farthest from the mask's edge (the
            image's border is an edge); a tie between the masks gives the negative click. "random": any region, each
            as likely. "entropy": the highest mean entropy. "least-confidence": the highest mean of 1 - max(p, 1 - p).
            "acselect": the highest score by `reading`.
        threshold: probabilities above it, strictly, are predicted object; read as float32.
        connectivity: 4 or 8.
        reading: for "acselect": "error_sum" Σ|p - g|; "entropy_sum" Σ entropy; "literal" Eq. 6 with the mean foreground
            probability for Eq. 5; "class_sum" Eq. 6 with Eq. 5 word for word, which is 1; "bounded" Eq. 6 with
            1 - |P_e - P̄| for Eq. 3. Entropies are in nats.
        weights: w_a, w_b, w_c of Eq. 6: of largest entropy, mean entropy and regional group uncertainty.
        rgu_eps: floor under the logarithm of Eq. 3; read as float32.
        min_area: in pixels.
        placement: "distance" puts the pixel farthest from the edge first; "distance_error", "distance_error3" and
            "distance_entropy" maximise distance × |p - g|, distance × |p - g|³ and distance × entropy. Ties: the first
            pixel in row-major order. "by_strategy" is "distance_error3" for "acselect" and "distance" for the others.
        seed: for "random": an int, or (B,) int64, one per image. A draw depends on the seed and the image's regions
            alone, never on the batch.

    Returns:
        `Selection`. Not differentiable. The same bits for any batch size, number of threads, instruction set and
        device. CUDA never synchronises with the host and takes 17 bytes of workspace per pixel for 8 neighbours and 27
        for 4; readings of Eq. 6 take 8 and 16 more. Nobody can be told of NaN or infinity in `prob` there: such an
        image has no valid click, and the score NaN.

    Raises:
        TypeError: an argument that should be a tensor is none.
        ValueError: wrong shape, dtype, device or option, NaN or infinity in `prob` on the CPU (the image is named), an
            image that is too large.

    Source: ActiveFreq, section 3.1; `activefreq.acselect` explains the readings.
    """
    make_rule = ClickRule if torch.compiler.is_compiling() else _cached_rule
    three = weights if weights is ClickRule.weights else _three(weights)
    rule = make_rule(strategy, threshold, connectivity, reading, three, rgu_eps, min_area, placement)
    check_shape("select_click", "prob", prob, ("B", "H", "W"))
    if not prob.is_floating_point():
        raise ValueError(f"select_click: prob must be floating point, got {prob.dtype}")
    check_image_size("select_click", "prob", prob)
    _check_like("target", target, prob)
    if target.is_floating_point() or target.is_complex():
        raise ValueError(f"select_click: target must be integer or bool, got {target.dtype}")
    if clicked is not None:
        _check_like("clicked", clicked, prob)
        if clicked.dtype != torch.bool:
            raise ValueError(f"select_click: clicked must be bool, got {clicked.dtype}")
    direct = runs_past_dispatcher(prob, target, clicked, seed if isinstance(seed, torch.Tensor) else None)
    make_seeds = _kept_seeds if direct and type(seed) is int else _seeds
    seeds = make_seeds(seed, prob.shape[0], prob.device)
    operator = _select_click_cpu if direct else torch.ops.activefreq.select_click
    return Selection(
        *operator(
            prob,
            target,
            clicked,
            seeds,
            rule.strategy,
            rule.threshold,
            rule.connectivity,
            rule.reading,
            rule.weights,
            rule.rgu_eps,
            rule.min_area,
            rule.placement,
        )
    )


_cached_rule = functools.lru_cache(maxsize=64)(ClickRule)  # the same rule is made for every click


def _three(weights: Sequence[float]) -> tuple[float, float, float]:
    if len(weights) != 3:
        raise ValueError(f"select_click: weights must be three finite numbers, got {tuple(weights)}")
    return float(weights[0]), float(weights[1]), float(weights[2])


def _check_like(name: str, tensor: torch.Tensor, prob: torch.Tensor) -> None:
    check_shape("select_click", name, tensor, ("B", "H", "W"))
    if tensor.shape != prob.shape:
        want, got = tuple(prob.shape), tuple(tensor.shape)
        raise ValueError(f"select_click: {name} must have prob's shape {want}, got {got}")
    if tensor.device != prob.device:
        raise ValueError(f"select_click: {name} must be on prob's device {prob.device}, got {tensor.device}")


def _seeds(seed: int | torch.Tensor, batch: int, device: torch.device) -> torch.Tensor:
    """(B,) int64 on prob's device."""
    if not isinstance(seed, torch.Tensor):
        if not -(2**63) <= seed < 2**63:
            raise ValueError(f"select_click: seed must fit 64 bits, got {seed}")
        return torch.full((batch,), seed, dtype=torch.int64, device=device)
    if seed.dtype != torch.int64 or seed.shape != (batch,) or seed.device != device:
        got = f"{seed.dtype} of shape {tuple(seed.shape)} on {seed.device}"
        raise ValueError(f"select_click: seed must be int64 of shape ({batch},) on prob's device {device}, got {got}")
    return seed


_DTYPES = (torch.int32, torch.int32, torch.bool, torch.bool, torch.int32, torch.float32)  # of Selection's tensors
_kept_seeds = functools.lru_cache(maxsize=64)(_seeds)  # read by kernels only, and the same for every click


@torch.library.impl(LIBRARY, "select_click", "CPU")
def _select_click_cpu(
    prob: torch.Tensor,
    target: torch.Tensor,
    clicked: torch.Tensor | None,
    seed: torch.Tensor,
    strategy: str,
    threshold: float,
    connectivity: int,
    reading: str,
    weights: Sequence[float],
    rgu_eps: float,
    min_area: int,
    placement: str,
) -> tuple[torch.Tensor, ...]:
    values = (prob if prob.dtype is torch.float32 else prob.to(torch.float32)).contiguous()  # the quick way: as it is
    classes = _int8_target(target)
    excluded, seeds = None if clicked is None else clicked.contiguous(), seed.contiguous()
    batch, height, width = prob.shape
    if not prob.numel():
        return _no_clicks(prob)
    y, positive = prob.new_empty(batch, dtype=torch.int32), prob.new_empty(batch, dtype=torch.bool)
    x, area, valid = torch.empty_like(y), torch.empty_like(y), torch.empty_like(positive)  # the quick way to allocate
    score = prob.new_empty(batch, dtype=torch.float32)
    bad = cpu.select_click(
        *map(pointer, (values, classes, excluded, seeds, y, x, positive, valid, area, score)),
        *(batch, height, width),
        *(STRATEGIES.index(strategy), READINGS.index(reading), PLACEMENTS.index(placement)),
        *(connectivity, threshold, rgu_eps, min_area, *weights),
        torch.get_num_threads(),
    )
    if bad >= 0:
        raise ValueError(f"select_click: prob of image {bad} holds NaN or infinity")
    return y, x, positive, valid, area, score


def _int8_target(target: torch.Tensor) -> torch.Tensor:
    """1 object, -1 ignore, 0 background. A wider type is compared before it is narrowed: 257 is not 1."""
    if target.dtype == torch.int8:
        return target.contiguous()
    if target.dtype == torch.bool:
        return target.contiguous().view(torch.int8)
    is_object = (target == 1).to(torch.int8)
    return is_object if target.dtype == torch.uint8 else is_object - (target == -1).to(torch.int8)


def _no_clicks(prob: torch.Tensor) -> tuple[torch.Tensor, ...]:
    clicks = _select_click_fake(prob)
    for field, nothing in zip(clicks, (-1, -1, False, False, 0, 0.0), strict=True):
        field.fill_(nothing)
    return clicks


@torch.library.impl(LIBRARY, "select_click", "CUDA")
def _select_click_cuda(
    prob: torch.Tensor,
    target: torch.Tensor,
    clicked: torch.Tensor | None,
    seed: torch.Tensor,
    strategy: str,
    threshold: float,
    connectivity: int,
    reading: str,
    weights: Sequence[float],
    rgu_eps: float,
    min_area: int,
    placement: str,
) -> tuple[torch.Tensor, ...]:
    values, classes = prob.detach().to(torch.float32).contiguous(), _int8_target(target)
    excluded, seeds = None if clicked is None else clicked.contiguous(), seed.contiguous()
    if not prob.numel():
        return _no_clicks(prob)
    strategy_index, reading_index = STRATEGIES.index(strategy), READINGS.index(reading)
    clicks = _select_click_fake(prob)
    size = cuda().select_click_workspace(excluded is not None, *prob.shape, strategy_index, reading_index, connectivity)
    workspace = torch.empty(size, dtype=torch.uint8, device=prob.device)
    cuda().select_click(
        *map(pointer, (values, classes, excluded, seeds, *clicks, workspace)),
        *prob.shape,
        *(strategy_index, reading_index, PLACEMENTS.index(placement)),
        *(connectivity, threshold, rgu_eps, min_area, *weights),
        _LAUNCH,
        *launch_arguments(values),
    )
    return clicks


_LAUNCH = 0  # chosen by image size and device; tests name one of csrc/cuda/operators.h


@torch.library.register_fake("activefreq::select_click", lib=LIBRARY)
def _select_click_fake(prob: torch.Tensor, *_: object) -> tuple[torch.Tensor, ...]:
    return tuple(prob.new_empty(prob.shape[0], dtype=dtype) for dtype in _DTYPES)
