"""What a pixel adds to a region, as integers: sums of integers do not depend on their order, sums of floats do.

Mirrors csrc/core/fixed_point.h operation by operation, each rounded to float32, so that every backend that follows
it picks the same click from the same probabilities.
"""

from __future__ import annotations

import math

import torch

__all__ = ["ONE", "TINY", "entropy", "log_positive", "probability"]

ONE = 1 << 30
"""The integer that stands for 1: values are counted in steps of 2⁻³⁰."""

TINY = 2.0**-126
"""The smallest normal float32, the floor under every logarithm."""

_SQRT_HALF = 0x3F3504F3  # bits of the float32 next to sqrt(1/2)


def log_positive(x: torch.Tensor) -> torch.Tensor:
    """Natural logarithm of normal, positive float32 numbers, to about one part in 10⁷.

    x = 2ᵉ m with sqrt(1/2) <= m < sqrt(2), so log x = e ln 2 + log m. With s = (m - 1) / (m + 1) and z = s²,
    log m = 2 artanh s = 2 s (1 + z/3 + z²/5 + z³/7 + z⁴/9 + …); z < 0.0295, so the next term is below 3·10⁻⁹.
    """
    bits = x.view(torch.int32)
    exponent = (bits - _SQRT_HALF) >> 23
    mantissa = (bits - (exponent << 23)).view(torch.float32)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    series = z * (z * (z * (z * (1 / 9) + 1 / 7) + 1 / 5) + 1 / 3)
    twice = s + s
    return exponent.to(torch.float32) * math.log(2) + (twice * series + twice)


def probability(prob: torch.Tensor) -> torch.Tensor:
    """Probabilities in steps of 2⁻³⁰, rounded down, int64; values outside [0, 1] count as 0 or 1."""
    return (prob.to(torch.float32).clamp(0.0, 1.0) * float(ONE)).to(torch.int64)


def entropy(prob: torch.Tensor) -> torch.Tensor:
    """Entropy -(p log p + q log q), q = 1 - p, in nats and steps of 2⁻³⁰, rounded down, int64. 0 log 0 is 0."""
    p = prob.to(torch.float32).clamp(0.0, 1.0)
    q = 1.0 - p
    negative = p * log_positive(p.clamp(min=TINY)) + q * log_positive(q.clamp(min=TINY))
    return ((-negative).clamp(min=0.0) * float(ONE)).to(torch.int64)
