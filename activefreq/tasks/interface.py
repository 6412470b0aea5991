"""What training and scoring without clicks ask of a task: its data, its loss, its answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

__all__ = ["Answer", "Items", "Task"]


@dataclass(frozen=True)
class Answer:
    """What a network says of one thing that is scored: a volume, an image under a phrase, a frame of a video."""

    name: str
    """Unique in its data set."""
    prediction: torch.Tensor
    """(K, *spatial) bool, one plane or volume for each of the K foreground classes; on any device."""
    target: torch.Tensor
    """(K, *spatial) bool, the truth, on the same device."""
    spacing: tuple[float, ...]
    """Size of a pixel or voxel along each spatial axis, in the task's unit; 1 where it is not known."""
    attributes: dict[str, str] = field(default_factory=dict)
    """Such as {"video": "3"}: results are broken down by their values."""

    def __post_init__(self) -> None:
        shape, truth = tuple(self.prediction.shape), tuple(self.target.shape)
        if shape != truth:
            raise ValueError(f"Answer: target must have the shape of prediction {shape}, got {truth}")
        if self.prediction.dtype != torch.bool or self.target.dtype != torch.bool:
            kinds = f"{self.prediction.dtype} and {self.target.dtype}"
            raise ValueError(f"Answer: prediction and target must be bool, got {kinds}")
        if len(self.spacing) != len(shape) - 1 or not all(size > 0 for size in self.spacing):
            raise ValueError(
                f"Answer: spacing must hold {len(shape) - 1} positive sizes, one for each axis of {shape} "
                f"but the first, got {self.spacing}"
            )


class Items(Protocol):
    """What a task trains on or scores: volumes, images with phrases, clips or whole videos, read when asked for.

    An item is whatever the task's own `batch` and `answers` take.
    """

    name: str
    """Of the data set, for tables and folders."""
    split: str
    """Which part of it this is; "all" where it has no parts."""

    @property
    def names(self) -> list[str]:
        """Names of the items, without reading any."""
        ...

    @property
    def fingerprint(self) -> str:
        """Differs where the items differ, as far as names and file sizes tell."""
        ...

    def __len__(self) -> int:
        """Number of items."""
        ...

    def __getitem__(self, index: int) -> Any:  # noqa: ANN401 (the task's own)
        """Read one item."""
        ...


class Task(Protocol):
    """One system's way from data to a loss and from data to answers."""

    network_name: str
    """Of the network it is for, in `activefreq.models.catalogue`."""
    classes: tuple[str, ...]
    """Names of the K foreground classes."""
    unit: str
    """Of spacings and distances: "mm" or "px"."""
    defaults: dict[str, Any]
    """Fields of `activefreq.training.click_free.ClickFreeConfig` in which the paper's recipe differs from its own."""

    def items(self, data: str, split: str | None, limit: int | None = None, **reading: Any) -> Items:  # noqa: ANN401
        """What is scored, for example whole videos.

        Args:
            data: the folder of a data set, or a name such as "phantom".
            split: None is test where the data has splits, else everything; "all" is everything.
            limit: the first N items.
            reading: further options of the command line that were given (`format`, `masks`, `ignore`, …).

        Raises:
            FileNotFoundError, ValueError: what is wrong with the data, naming folder, split or file.
        """
        ...

    def training_items(self, data: str, split: str, limit: int | None = None, **reading: Any) -> Items:  # noqa: ANN401
        """What is trained on, for example clips of videos; arguments and errors as `items`."""
        ...

    def batch(self, items: list[Any], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Augment and stack items into tensors on the CPU whose first axis counts the items.

        All chance comes from `generator`, so that a resumed run repeats an unbroken one.
        """
        ...

    def loss(self, network: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The loss of a network in training mode on a batch on its device: a scalar."""
        ...

    def answers(self, network: nn.Module, item: Any) -> Iterator[Answer]:  # noqa: ANN401 (the task's own)
        """What a network in eval mode answers to one item; called without gradient, moves the item to its device."""
        ...
