"""Every tolerance of the operator tests, with its reason. Relative means in the Euclidean norm of the whole tensor."""

from __future__ import annotations

import math

import torch


def transform_tolerance(dtype: torch.dtype, points: int) -> float:
    """Relative error of a filter over `points` points, forward or gradient, against float64.

    A fast transform of N points makes log2 N roundings in a row, each at random, so the error grows more slowly than
    log2 N · epsilon / 2; three transforms, and a large prime's sum of N terms, fit in 2e-6 · log2 N. float64 is the
    same with its epsilon, 2^-29 of float32's.
    """
    steps = max(1.0, math.log2(points))
    return 2e-6 * steps * (1.0 if dtype == torch.float32 else 2.0**-29)


# One rounding to a narrow type, of which two results that are rounded from nearly the same number may differ.
ROUNDING = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11}

# Weighted sums of a few values in float32, added up in another order.
REORDERED = 1e-6

# float64 against float64 (numpy, or the plain twin): both err, each as above.
ORACLE = 1e-13


def relative_error(value: torch.Tensor, expected: torch.Tensor) -> float:
    """‖value − expected‖ / ‖expected‖, computed in float64."""
    difference = (value.double() - expected.double()).norm()
    return (difference / expected.double().norm().clamp_min(1e-300)).item()
