"""Clicks, their history on one object, and the tensor in which a predictor gets them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

__all__ = ["NEGATIVE", "PADDING", "POSITIVE", "Click", "ClickHistory", "pad_clicks"]

POSITIVE = 1
NEGATIVE = 0
PADDING = -1


class Click(NamedTuple):
    """One click on one object."""

    y: int
    """Row of the clicked pixel, 0 at the top."""
    x: int
    """Column of the clicked pixel, 0 at the left."""
    label: int
    """1: the pixel belongs to the object, 0: it does not."""


@dataclass
class ClickHistory:
    """The clicks made on one object, in order.

    Raises:
        ValueError: a click outside the image, or with a label other than 0 and 1.
    """

    size: tuple[int, int]
    """(H, W) of the image, in pixels."""
    clicks: list[Click] = field(default_factory=list)
    """The clicks, oldest first."""

    def __post_init__(self) -> None:
        given, self.clicks = self.clicks, []
        for click in given:
            self.add(*click)

    def add(self, y: int, x: int, label: int) -> Click:
        """Append a click and return it."""
        height, width = self.size
        if not (0 <= y < height and 0 <= x < width):
            raise ValueError(f"ClickHistory: click ({y}, {x}) lies outside the image of size {self.size}")
        if label not in (POSITIVE, NEGATIVE):
            raise ValueError(f"ClickHistory: label must be 1 (positive) or 0 (negative), got {label}")
        click = Click(int(y), int(x), int(label))
        self.clicks.append(click)
        return click

    def undo(self) -> Click:
        """Take back the newest click and return it."""
        if not self.clicks:
            raise IndexError("ClickHistory: there is no click to take back")
        return self.clicks.pop()

    def mask(self) -> torch.Tensor:
        """The clicked pixels: (H, W) bool on the CPU."""
        clicked = torch.zeros(self.size, dtype=torch.bool, device="cpu")
        for click in self.clicks:
            clicked[click.y, click.x] = True
        return clicked

    def __len__(self) -> int:
        return len(self.clicks)

    def __iter__(self) -> Iterator[Click]:
        return iter(self.clicks)


def pad_clicks(
    histories: Sequence[ClickHistory | Sequence[Click]], device: torch.device | str | None = None
) -> torch.Tensor:
    """The clicks of several objects as one tensor.

    Args:
        histories: one sequence of clicks per object, oldest first; lengths may differ.
        device: where the tensor is made, the CPU by default.

    Returns:
        (B, K, 3) int64 of (y, x, label), K the largest number of clicks; rows past an object's last click are
        (-1, -1, -1).
    """
    longest = max((len(history) for history in histories), default=0)
    padding = [(PADDING, PADDING, PADDING)]
    rows = [[*history, *(padding * (longest - len(history)))] for history in histories]
    return torch.tensor(rows, dtype=torch.int64, device=device or "cpu").reshape(len(histories), longest, 3)
