"""Ways of choosing a click that the study tries and the operator does not have, in plain torch.

Each is a function f(prob, target, clicked) -> Selection, as `activefreq.evaluate` takes one. `place` keeps the region
with the largest sum of error and chooses another pixel in it, `choose` chooses another region and its farthest pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

import activefreq as af
from activefreq.acselect import Selection
from activefreq.reference.click_rule import ClickRule
from activefreq.reference.region_table import RegionTable, region_table

Score = Callable[["Image"], torch.Tensor]


@dataclass(frozen=True)
class Image:
    """One image as a trial sees it."""

    table: RegionTable  # its N error regions
    positive: torch.Tensor  # (H, W) bool: the object
    distance: torch.Tensor  # (H, W) float64: to the edge of the error mask, in pixels
    error: torch.Tensor  # (H, W) float64: |p - g|, 0 where the prediction is right
    region: torch.Tensor  # (H, W) bool: the unclicked region with the largest sum of error

    def over_regions(self, values: torch.Tensor, reduce: str) -> torch.Tensor:
        """(N,) of values (H, W): their "sum" or their "amax" over each region."""
        held = self.table.index >= 0
        return torch.zeros(len(self.table.area), dtype=torch.float64).scatter_reduce_(
            0, self.table.index[held], values[held], reduce
        )

    def of_region(self, values: torch.Tensor) -> torch.Tensor:
        """(H, W) of values (N,): each pixel's region's; 0 where the prediction is right."""
        return torch.where(self.table.index >= 0, values[self.table.index.clamp(min=0)], 0.0)


def trial(score: Score) -> Callable[..., Selection]:
    """The unclicked error pixel with the largest score (H, W); of equals the first."""

    def click(prob: torch.Tensor, target: torch.Tensor, clicked: torch.Tensor) -> tuple[int, int, bool, bool, int]:
        table = region_table(prob, target, clicked, ClickRule())
        candidates = (table.index >= 0) & ~clicked
        if not bool(candidates.any()):
            return -1, -1, False, False, 0
        positive = target == 1
        held = table.index >= 0
        masks = torch.stack([held & positive, held & ~positive])
        distance = af.ops.squared_distance(masks).sum(dim=0).double().sqrt()
        best = int(torch.where(table.unclicked > 0, table.error_sum, -1).argmax())
        error = torch.where(positive, 1 - prob, prob).double() * held
        scores = score(Image(table, positive, distance, error, table.index == best))
        y, x = divmod(int(torch.where(candidates, scores, -torch.inf).argmax()), prob.shape[1])
        return y, x, bool(positive[y, x]), True, int(table.area[table.index[y, x]])

    def select(prob: torch.Tensor, target: torch.Tensor, clicked: torch.Tensor) -> Selection:
        rows = [click(*image) for image in zip(prob, target, clicked, strict=True)]
        y, x, positive, valid, area = (torch.tensor(column) for column in zip(*rows, strict=True))
        return Selection(y, x, positive, valid, area, torch.zeros(len(rows)))

    return select


def place(score: Score) -> Callable[..., Selection]:
    """The pixel with the largest score within the region with the largest sum of error."""
    return trial(lambda image: torch.where(image.region, score(image).double(), -torch.inf))


def choose(score: Score) -> Callable[..., Selection]:
    """The farthest pixel of the region with the largest score (N,)."""

    def of_pixels(image: Image) -> torch.Tensor:
        scores = torch.where(image.table.unclicked > 0, score(image), -torch.inf)
        return torch.where(image.table.index == scores.argmax(), image.distance, -torch.inf)

    return trial(of_pixels)


def area(image: Image) -> torch.Tensor:
    """Pixels alone."""
    return image.table.area.double()


def consistent_error(image: Image) -> torch.Tensor:
    """Sum of error times 1 - |P_e - P̄| (Eq. 3, bounded): the paper's three criteria in a product."""
    total = image.over_regions(image.error, "sum")
    return total * (1 - (image.over_regions(image.error, "amax") - total / image.table.area))


def error_and_depth(image: Image) -> torch.Tensor:
    """Sum of error times the distance of the farthest pixel."""
    return image.over_regions(image.error, "sum") * image.over_regions(image.distance, "amax")


def error_power(power: float) -> Callable[..., Selection]:
    """Distance × |p - g|^power: the farther from the edge and the surer the network is of its mistake, the better."""
    return place(lambda image: image.distance * image.error**power)


def every_level(image: Image) -> torch.Tensor:
    """The region's sum of error × distance × |p - g|³: region, pixel set and pixel judged in one product."""
    return image.of_region(image.over_regions(image.error, "sum")) * image.distance * image.error**3


def most_mistaken(image: Image) -> torch.Tensor:
    """P_e of Eq. 4: the pixel with the largest error; of equals the farthest."""
    return image.error + 1e-6 * image.distance


def after_erosion(share: float) -> Callable[..., Selection]:
    """The most mistaken of the pixels that lie at least `share` as far in as the region's farthest."""

    def score(image: Image) -> torch.Tensor:
        return image.error + (image.distance >= share * image.distance[image.region].max()).double()

    return place(score)


def centroid(image: Image) -> torch.Tensor:
    """The pixel nearest to the centre of mass of the region's error."""
    weight = image.error * image.region
    rows, columns = torch.meshgrid(*(torch.arange(n).double() for n in weight.shape), indexing="ij")
    total = weight.sum().clamp(min=1e-12)
    return -((rows - (weight * rows).sum() / total) ** 2 + (columns - (weight * columns).sum() / total) ** 2)


def density(sigma: float) -> Callable[..., Selection]:
    """Errors judged together without regions: the error of one sign, blurred by a Gaussian; its highest error pixel."""

    def score(image: Image) -> torch.Tensor:
        steps = torch.arange(-int(3 * sigma), int(3 * sigma) + 1).float()
        kernel = torch.exp(-(steps**2) / (2 * sigma**2))
        planes = image.error.float() * torch.stack([image.positive, ~image.positive])
        half = len(steps) // 2
        blurred = F.conv2d(planes.unsqueeze(1), kernel.view(1, 1, -1, 1), padding=(half, 0))
        missed, wrong = F.conv2d(blurred, kernel.view(1, 1, 1, -1), padding=(0, half)).squeeze(1)
        return torch.where(image.positive, missed, wrong)

    return trial(score)
