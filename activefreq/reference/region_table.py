"""Error regions of one image with their statistics and scores, in plain torch. Mirrors csrc/core/region_score.h."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from activefreq.reference.click_rule import ClickRule
from activefreq.reference.fixed_point import ONE, TINY, entropy, log_positive, probability
from activefreq.reference.label import label

__all__ = ["RegionTable", "draw", "pixel_error", "region_table"]


@dataclass(frozen=True)
class RegionTable:
    """One entry per error region of one image: first the false negatives, then the false positives, in raster order."""

    index: torch.Tensor
    """(H, W) int64: the region that a pixel belongs to, -1 where the prediction is right or the pixel is ignored."""
    positive: torch.Tensor
    """(N,) bool: True for missed object (false negative), where the click is positive."""
    first: torch.Tensor
    """(N,) int64: y W + x of the region's first pixel in row-major order."""
    area: torch.Tensor
    """(N,) int64, pixels."""
    unclicked: torch.Tensor
    """(N,) int64, pixels that have not been clicked."""
    error_sum: torch.Tensor
    """(N,) int64: the sum of |p - g| in steps of 2⁻³⁰."""
    error_max: torch.Tensor
    """(N,) int64: the largest |p - g|, at the pixel that Eq. 4 calls P_e."""
    entropy_sum: torch.Tensor
    """(N,) int64: the sum of the pixels' entropies."""
    entropy_max: torch.Tensor
    """(N,) int64: the largest of them (Eq. 1)."""
    doubt_sum: torch.Tensor
    """(N,) int64: the sum of 1 - max(p, 1 - p)."""

    def score(self, rule: ClickRule, seed: int) -> torch.Tensor:
        """(N,) float32: what the strategy maximises, in double and then rounded."""
        scale = self.area.double() * ONE
        if rule.strategy == "random":
            return draw(seed, self.first)
        if rule.strategy == "entropy":
            return (self.entropy_sum.double() / scale).float()
        if rule.strategy == "least-confidence":
            return (self.doubt_sum.double() / scale).float()
        if rule.reading == "error_sum":
            return (self.error_sum.double() / ONE).float()
        if rule.reading == "entropy_sum":
            return (self.entropy_sum.double() / ONE).float()
        largest, average, group = rule.weights
        uncertainty = self._group_uncertainty(rule)
        score = largest * (self.entropy_max.double() / ONE) + average * (self.entropy_sum.double() / scale)
        return (score + group * uncertainty).float() + 0.0  # minus zero becomes zero: -0 and 0 tie on every backend

    def _group_uncertainty(self, rule: ClickRule) -> torch.Tensor:
        """Eq. 3 of each region. P_e = 1 - error_max for a false negative, error_max for a false positive."""
        extreme = self.error_max.double() / ONE
        gap = (extreme - self.error_sum.double() / (self.area.double() * ONE)).abs()
        if rule.reading == "bounded":
            return 1.0 - gap
        if rule.reading == "class_sum":  # the mean over both classes' probabilities is 1
            gap = torch.where(self.positive, extreme, 1.0 - extreme)
        floor = torch.tensor(rule.rgu_eps, dtype=torch.float32, device=gap.device).clamp(min=TINY)
        return (1.0 - log_positive(torch.maximum(gap.float(), floor))).double()


def region_table(
    prob: torch.Tensor, target: torch.Tensor, clicked: torch.Tensor | None, rule: ClickRule
) -> RegionTable:
    """Regions of one image, (H, W) each: connected components of false negatives and of false positives."""
    threshold = torch.tensor(rule.threshold, dtype=torch.float32, device=prob.device)
    predicted, is_object, ignored = prob > threshold, target == 1, target == -1
    missed, wrong = is_object & ~predicted, predicted & ~is_object & ~ignored
    labels, counts = label(torch.stack([missed, wrong]), rule.connectivity)
    negatives, total = int(counts[0]), int(counts.sum())
    index = torch.where(missed, labels[0] - 1, torch.where(wrong, labels[1] + (negatives - 1), -1)).long()
    held = index >= 0
    region = index[held]

    def add_up(values: torch.Tensor) -> torch.Tensor:
        return values.new_zeros(total).index_add_(0, region, values)

    def largest(values: torch.Tensor) -> torch.Tensor:
        return values.new_zeros(total).scatter_reduce_(0, region, values, "amax")

    position = torch.arange(prob.numel(), device=prob.device).view(prob.shape)[held]
    one = torch.ones_like(region)
    error, information = pixel_error(prob, target)[held], entropy(prob)[held]
    return RegionTable(
        index=index,
        positive=torch.arange(total, device=prob.device) < negatives,
        first=position.new_full((total,), prob.numel()).scatter_reduce_(0, region, position, "amin"),
        area=add_up(one),
        unclicked=add_up(one if clicked is None else (~clicked[held]).long()),
        error_sum=add_up(error),
        error_max=largest(error),
        entropy_sum=add_up(information),
        entropy_max=largest(information),
        doubt_sum=add_up(torch.minimum(error, ONE - error)),
    )


def pixel_error(prob: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """|p - g| of every pixel in steps of 2⁻³⁰, int64, with g = 1 on the object and 0 elsewhere."""
    p = probability(prob)
    return torch.where(target == 1, ONE - p, p)


def draw(seed: int, first: torch.Tensor) -> torch.Tensor:
    """A number in [0, 1) per region, a multiple of 2⁻²⁴, from the seed and the region's first pixel alone.

    splitmix64 (Steele, Lea and Flood 2014): the state advances by the golden ratio and is then mixed. int64 arithmetic
    wraps, which is what the algorithm wants of unsigned numbers; only the shifts have to be made unsigned.
    """
    mixed = _mix(first + _mix(torch.tensor(seed, dtype=torch.int64, device=first.device)))
    return _shift(mixed, 40).float() * 2.0**-24


def _mix(state: torch.Tensor) -> torch.Tensor:
    z = state + _signed(0x9E3779B97F4A7C15)
    z = (z ^ _shift(z, 30)) * _signed(0xBF58476D1CE4E5B9)
    z = (z ^ _shift(z, 27)) * _signed(0x94D049BB133111EB)
    return z ^ _shift(z, 31)


def _shift(x: torch.Tensor, bits: int) -> torch.Tensor:
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _signed(constant: int) -> int:
    return constant - (1 << 64) if constant >= 1 << 63 else constant
