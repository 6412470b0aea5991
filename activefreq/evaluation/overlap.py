"""How well an answer without clicks overlaps its truth: Dice, IoU, Hausdorff distances, boundary Dice.

Dice, IoU and Hausdorff distances are MONAI's (`monai.metrics`), class by class, without a background class:

- dice: 2 |P ∩ T| / (|P| + |T|);
- iou: |P ∩ T| / |P ∪ T|;
- hausdorff: the largest distance from an outline pixel of P or T to the nearest one of the other, in the answer's unit;
- hausdorff95: the larger of the two 95th percentiles (P to T, T to P) of these distances;
- boundary_dice: the Dice of two bands, the pixels within `band` pixels of an outline of P and of T.

An outline is the object's own pixels that touch something else along an axis, the edge of the image included.

The boundary Dice is that of the bands because "boundary Dice" is used so for 2-D masks; where it was published for
FreqMedCLIP no definition goes with it. MONAI's SurfaceDice is another measure (the share of both outlines that lies
within a tolerance of the other): it does not see how far the rest is off, and reaches 1 for outlines that differ.

Where a mask is empty the limits of overlap hold, and a distance that does not exist has the largest one possible, so
that a missed object costs something and the mean stays a number:

| prediction | truth | dice, iou, boundary_dice | hausdorff, hausdorff95 |
|---|---|---|---|
| empty | empty | 1 | 0 |
| empty | not | 0 | the image's diagonal |
| not | empty | 0 | the image's diagonal |
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch

from activefreq.tasks.interface import Answer

__all__ = ["BAND", "MEASURES", "check_overlap_packages", "overlap"]

MEASURES = ("dice", "iou", "hausdorff", "hausdorff95", "boundary_dice")
"""What `overlap` measures, in the order of tables."""

BAND = 2.0
"""Distance in pixels or voxels up to which a pixel belongs to the band of an outline."""


def overlap(answer: Answer, measures: Sequence[str] = MEASURES, band: float = BAND) -> dict[str, torch.Tensor]:
    """Each measure of each class: (K,) float64 on the CPU.

    Args:
        answer: masks and the size of their pixels.
        measures: some of `MEASURES`; Dice and IoU take no time beside the others.
        band: half the width of the bands of boundary_dice, in pixels or voxels.

    Raises:
        ImportError: MONAI or SciPy is not installed.
        ValueError: an unknown measure.
    """
    unknown = [name for name in measures if name not in MEASURES]
    if unknown:
        raise ValueError(f"overlap: measures must be some of {', '.join(MEASURES)}, got {unknown[0]!r}")
    check_overlap_packages()
    prediction, target = answer.prediction.cpu(), answer.target.cpu()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MONAI warns of its dependencies' deprecations; empty masks do not reach it
        computed = {name: _measure(name, prediction, target, answer.spacing, band) for name in measures}
    return {name: values.double() for name, values in computed.items()}


def check_overlap_packages() -> None:
    """Raise where `overlap` could not work.

    Raises:
        ImportError: MONAI or SciPy is not installed.
    """
    _packages()


def _packages() -> tuple[Any, Any]:
    """MONAI's metrics and SciPy's image functions, imported when they are first wanted: they take seconds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import monai.metrics
            import scipy.ndimage
    except ImportError as error:
        raise ImportError(
            f"scores without clicks need MONAI and SciPy ({error}): pip install 'activefreq[medical]'"
        ) from error
    return monai.metrics, scipy.ndimage


def _measure(
    name: str, prediction: torch.Tensor, target: torch.Tensor, spacing: tuple[float, ...], band: float
) -> torch.Tensor:
    metrics, _ = _packages()
    if name.startswith("hausdorff"):
        return _hausdorff(prediction, target, spacing, 95.0 if name == "hausdorff95" else None)
    if name == "boundary_dice":
        prediction, target = _bands(prediction, target, band)
    compute = metrics.compute_iou if name == "iou" else metrics.compute_dice
    values: torch.Tensor = compute(prediction[None].double(), target[None].double(), ignore_empty=False)[0]
    return values


def _hausdorff(
    prediction: torch.Tensor, target: torch.Tensor, spacing: tuple[float, ...], percentile: float | None
) -> torch.Tensor:
    metrics, _ = _packages()
    found, there = prediction.flatten(1).any(1), target.flatten(1).any(1)
    diagonal = math.hypot(*(size * (count - 1) for size, count in zip(spacing, target.shape[1:], strict=True)))
    distances = torch.where(found == there, 0.0, diagonal).double()
    both = found & there
    if both.any():
        distances[both] = metrics.compute_hausdorff_distance(
            prediction[both][None].float(),
            target[both][None].float(),
            include_background=True,
            percentile=percentile,
            spacing=list(spacing),
        )[0].double()
    return distances


def _bands(prediction: torch.Tensor, target: torch.Tensor, band: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The pixels within `band` of the outlines of both, class by class; an empty mask has none."""
    metrics, image = _packages()
    bands: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
    for masks in zip(prediction.numpy(), target.numpy(), strict=True):
        for made, outline in zip(bands, metrics.utils.get_mask_edges(*masks, crop=False), strict=True):
            near = image.distance_transform_edt(~outline) <= band if outline.any() else outline
            made.append(torch.from_numpy(near))
    return torch.stack(bands[0]), torch.stack(bands[1])
