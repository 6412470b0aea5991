"""Error regions judged together: several small ones side by side can outweigh a larger one that stands alone.

AcSelect scores every region by itself, which its authors name as a limitation. Here regions of one sign that lie within
`reach` of each other make a group, a group's score is the sum of its regions', and the click falls in the best group.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from activefreq.ops.label import label
from activefreq.ops.select_click import Selection, select_click
from activefreq.ops.squared_distance import squared_distance
from activefreq.reference.click_rule import BY_STRATEGY, ClickRule, is_number
from activefreq.reference.region_table import pixel_error
from activefreq.strategies.interface import Seed

__all__ = ["Grouped"]


@dataclass(frozen=True)
class Grouped:
    """The click of "acselect" within the group of regions with the largest sum of probability error.

    Raises:
        ValueError: an option out of range.
    """

    reach: float = 0.03
    """Regions are of one group where their gap is at most this share of √(H W): 8 pixels at 256 × 256."""
    placement: str = BY_STRATEGY
    """As in `activefreq.ops.select_click`, within the group's region of largest error."""
    threshold: float = 0.5
    """A pixel is predicted object where its probability is above this, strictly."""

    def __post_init__(self) -> None:
        if not (is_number(self.reach) and 0 <= self.reach <= 1):
            raise ValueError(f"grouped: reach must lie in [0, 1], got {self.reach!r}")
        ClickRule(placement=self.placement, threshold=self.threshold)  # raises now rather than at the first click

    def __call__(
        self, prob: torch.Tensor, target: torch.Tensor, clicked: torch.Tensor | None = None, seed: Seed = 0
    ) -> Selection:
        """Arguments and answer as of `activefreq.ops.select_click`; `score` is that of the clicked region."""
        if not prob.numel():
            return self._click(prob, target, clicked)
        groups, errors = self._groups(prob, target)
        best = _best_group(groups, prob, target, errors if clicked is None else errors & ~clicked, errors)
        # Ignored pixels belong to no region, so that only the group's regions are left to choose from.
        left = torch.where(errors & (groups != best), -1, target.to(torch.int8))
        return self._click(prob, left, clicked)

    def _click(self, prob: torch.Tensor, target: torch.Tensor, clicked: torch.Tensor | None) -> Selection:
        return select_click(prob, target, clicked, threshold=self.threshold, placement=self.placement)

    def _groups(self, prob: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, H, W) int64: the number of every error pixel's group, false positives after false negatives; the errors.

        Half the reach is grown around every region, and what touches is one group.
        """
        limit = torch.tensor(self.threshold, dtype=torch.float32, device=prob.device)
        is_object = target == 1
        errors = ((prob > limit) != is_object) & (target != -1)
        radius = self.reach * (prob.shape[1] * prob.shape[2]) ** 0.5 / 2
        margin = int(radius) + 1  # beyond the image nothing is an error, and its border is far away
        masks = F.pad(torch.cat([errors & is_object, errors & ~is_object]), (margin,) * 4)
        border = F.pad(~masks, (margin,) * 4, value=True)
        distance = squared_distance(border)[:, margin:-margin, margin:-margin]
        labels, counts = label(distance <= radius * radius)
        inner = labels[:, margin:-margin, margin:-margin].long()
        missed, wrong = inner.chunk(2)
        first = counts[: len(prob)].long().view(-1, 1, 1)
        return torch.where(is_object, missed, wrong + first), errors


def _best_group(
    groups: torch.Tensor, prob: torch.Tensor, target: torch.Tensor, unclicked: torch.Tensor, errors: torch.Tensor
) -> torch.Tensor:
    """(B, 1, 1): the group with the largest sum of |p - g| of those with a pixel to click; ties: the first."""
    last = int(groups.max()) + 1
    image = torch.arange(len(prob), device=prob.device).view(-1, 1, 1) * last

    def add_up(values: torch.Tensor) -> torch.Tensor:
        sums = values.new_zeros(len(prob) * last)
        return sums.index_add_(0, (groups + image)[errors], values[errors]).view(len(prob), last)

    error = add_up(pixel_error(prob.to(torch.float32), target))
    return torch.where(add_up(unclicked.long()) > 0, error, -1).argmax(dim=1).view(-1, 1, 1)
