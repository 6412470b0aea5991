"""select_click in plain torch: the specification."""

from __future__ import annotations

import torch

from activefreq.reference.click_rule import ClickRule
from activefreq.reference.fixed_point import entropy
from activefreq.reference.region_table import RegionTable, pixel_error, region_table
from activefreq.reference.squared_distance import squared_distance

__all__ = ["select_click"]


def select_click(
    prob: torch.Tensor,
    target: torch.Tensor,
    clicked: torch.Tensor | None = None,
    seed: int | torch.Tensor = 0,
    rule: ClickRule | None = None,
) -> tuple[torch.Tensor, ...]:
    """As `activefreq.ops.select_click`, image by image: y, x, positive, valid, area and score, each (B,).

    `rule` holds the options; None stands for their defaults.
    """
    rule = rule or ClickRule()
    prob = prob.detach().to(torch.float32)
    seeds = seed.tolist() if isinstance(seed, torch.Tensor) else [seed] * prob.shape[0]
    for image, values in enumerate(prob):
        if not bool(values.isfinite().all()):
            raise ValueError(f"select_click: prob of image {image} holds NaN or infinity")
    clicks = [
        _select(prob[i], target[i], None if clicked is None else clicked[i], seeds[i], rule)
        for i in range(prob.shape[0])
    ]
    dtypes = (torch.int32, torch.int32, torch.bool, torch.bool, torch.int32, torch.float32)
    columns = zip(*clicks, strict=True) if clicks else [()] * 6
    return tuple(
        torch.tensor(column, dtype=dtype, device=prob.device) for column, dtype in zip(columns, dtypes, strict=True)
    )


Click = tuple[int, int, bool, bool, int, float]
NO_CLICK: Click = (-1, -1, False, False, 0, 0.0)


def _select(
    prob: torch.Tensor, target: torch.Tensor, clicked: torch.Tensor | None, seed: int, rule: ClickRule
) -> Click:
    table = region_table(prob, target, clicked, rule)
    eligible = table.unclicked > 0
    if not bool(eligible.any()):
        return NO_CLICK
    distance, key = _placement(table, prob, target, clicked, rule)
    large = eligible & (table.area >= rule.min_area)
    candidates = large if bool(large.any()) else eligible
    if rule.strategy == "largest" or not bool(prob.any()):
        return _largest(table, distance, key)
    score = table.score(rule, seed)
    best = score[candidates].max()
    winners = candidates & (score == best)
    if int(candidates.sum()) > 1 and bool(winners.equal(candidates)):
        return _largest(table, distance, key)  # the scores say nothing
    region = int(torch.where(winners, table.first, prob.numel()).argmin())
    at = int(torch.where(table.index == region, key, 0).argmax())  # argmax returns the first maximum
    return (*divmod(at, prob.shape[1]), bool(table.positive[region]), True, int(table.area[region]), float(best))


def _largest(table: RegionTable, distance: torch.Tensor, key: torch.Tensor) -> Click:
    """The field's rule: the farthest pixel of either error mask; a tie between the masks gives the negative click."""
    positive = torch.zeros_like(table.index, dtype=torch.bool)
    held = table.index >= 0
    positive[held] = table.positive[table.index[held]]
    missed, wrong = torch.where(positive, key, 0), torch.where(positive, 0, key)
    is_positive = bool(missed.max() > wrong.max())
    at = int((missed if is_positive else wrong).argmax())
    y, x = divmod(at, key.shape[1])
    return y, x, is_positive, True, int(table.area[table.index[y, x]]), float(distance[y, x])


def _placement(
    table: RegionTable, prob: torch.Tensor, target: torch.Tensor, clicked: torch.Tensor | None, rule: ClickRule
) -> tuple[torch.Tensor, torch.Tensor]:
    """(H, W) int64 each: squared distance within the pixel's error mask, and what the placement maximises.

    A region's own distance transform equals that of its whole class: the nearest pixel outside the region is outside
    the class too, or it would have joined the region, for 4 and for 8 neighbours.
    """
    held = table.index >= 0
    positive = held & (target == 1)
    masks = torch.stack([positive, held & ~positive])
    distance = squared_distance(masks).sum(dim=0)
    key = distance
    if rule.placement != "distance":
        weight = entropy(prob) if rule.placement == "distance_entropy" else pixel_error(prob, target)
        step = weight >> 14  # in steps of 2⁻¹⁶: d² below 2²⁸ times 2³² fits 63 bits
        if rule.placement == "distance_error3":
            step = (step * step >> 16) * step >> 16
        step = step.clamp(min=1)
        key = distance * step * step
    return distance, key if clicked is None else torch.where(clicked, 0, key)
