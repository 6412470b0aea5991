"""Asking a strategy for clicks, and not believing it blindly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from activefreq.acselect import Selection, Strategy
from activefreq.clicks import pad_clicks
from activefreq.evaluation.answers import evaluation_mode, writes
from activefreq.evaluation.objects import click_seed
from activefreq.evaluation.pool import Group
from activefreq.strategies import AskingStrategy, Situation

if TYPE_CHECKING:  # only the type: it would load the networks
    from activefreq.predictor import Predictor

__all__ = ["Row", "select_rows"]

Row = tuple[int, int, bool, bool]
"""(y, x, positive, valid) of one object's next click."""


def select_rows(
    strategy: Strategy | AskingStrategy, predictor: Predictor, name: str, group: Group, part: slice, seed: int
) -> list[Row]:
    """The next click of each object of a part of the group.

    Args:
        strategy: chooses the clicks.
        predictor: asked by strategies that have `select_with`.
        name: what messages call it.
        group: the objects.
        part: which of them.
        seed: of the run.

    Raises:
        ValueError: the strategy wrote into its arguments, answered for another number of objects, or clicked outside
            the image; names the strategy.
        TypeError: a part of its answer is not a tensor of the right dtype; names the strategy.
    """
    objects = group.objects[part]
    seeds = [click_seed(seed, o.name, len(o.history) + 1) for o in objects]
    arguments = (group.previous[part], group.targets[part], group.clicked[part])
    written = [writes(tensor) for tensor in (*arguments, group.images)]
    seed_tensor = torch.tensor(seeds, dtype=torch.int64, device=group.device)
    if hasattr(strategy, "select_with"):
        clicks = pad_clicks([o.history for o in objects], group.device)
        with evaluation_mode(predictor):
            selection = strategy.select_with(Situation(predictor, group.images[part], clicks, *arguments, seed_tensor))
    else:
        selection = strategy(*arguments, seed_tensor)
    who = f"evaluate: strategy {name}"
    if [writes(tensor) for tensor in (*arguments, group.images)] != written:
        raise ValueError(
            f"{who} wrote into its arguments; `prob`, `target` and `clicked`, and `images`, must stay as they are"
        )
    rows = _rows(selection, len(seeds), who)
    height, width = group.size
    for active, (y, x, _, valid) in zip(objects, rows, strict=True):
        if valid and not (0 <= y < height and 0 <= x < width):
            raise ValueError(
                f"{who} clicked ({y}, {x}) on object {active.name!r}, outside the image of size {group.size}"
            )
    return rows


def _rows(selection: Selection, count: int, who: str) -> list[Row]:
    columns = {key: getattr(selection, key) for key in ("y", "x", "positive", "valid")}
    for key, column in columns.items():
        if not isinstance(column, torch.Tensor):
            raise TypeError(f"{who} must return tensors, got {type(column).__name__} for {key}")
        number = key in ("y", "x")
        if number == (column.dtype == torch.bool) or column.is_floating_point() or column.is_complex():
            raise TypeError(f"{who} must return {'integer' if number else 'bool'} {key}, got {column.dtype}")
    if any(column.shape != (count,) for column in columns.values()):
        shapes = ", ".join(str(tuple(column.shape)) for column in columns.values())
        raise ValueError(f"{who} must return y, x, positive and valid of shape ({count},), got {shapes}")
    table = torch.stack([column.to(torch.int64) for column in columns.values()], dim=1).tolist()
    return [(y, x, bool(positive), bool(valid)) for y, x, positive, valid in table]
