"""Frequency-disentangled learning as a task: volumes in, one mask per class out (Fu et al. 2024)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from activefreq.data.volumes import Volume, Volumes, crop_or_pad
from activefreq.tasks.interface import Answer

__all__ = ["FrequencyDisentangledTask", "squared_dice_loss"]


def squared_dice_loss(logits: torch.Tensor, target: torch.Tensor, smooth: float = 1e-6) -> torch.Tensor:
    """1 - mean over classes of (2 Σ p g + ε) / (Σ p² + Σ g² + ε), the background left out.

    Args:
        logits: (B, K + 1, ...), background first.
        target: (B, ...) integers from 0 to K.
        smooth: ε.

    Returns:
        A scalar; the sums run over one item, their ratios are meaned over items and classes.

    Source: Milletari et al. 2016 with the constants of Fu et al. 2024's code.
    """
    probability = logits.softmax(1).flatten(2)[:, 1:]
    truth = F.one_hot(target, logits.shape[1]).to(probability.dtype).flatten(1, -2).mT[:, 1:]
    overlap, sizes = (probability * truth).sum(2), (probability.square() + truth.square()).sum(2)
    return 1 - ((2 * overlap + smooth) / (sizes + smooth)).mean()


class FrequencyDisentangledTask:
    """Volumes cropped or padded to one size; no augmentation, as in the paper.

    Args:
        size: (H, W, D) that the network sees. The default holds every labelled voxel of the Decathlon's hippocampi
            (the paper: 56, 56, 40).
        classes: names of the foreground classes, in the order of `ids`.
        ids: their values in the label files.
    """

    network_name = "frequency-disentangled"
    unit = "mm"
    # The authors' code; the paper says Adam with 1e-3.
    defaults: dict[str, Any] = {  # noqa: RUF012 (an instance may not change it)
        "learning_rate": 1e-3,
        "epochs": 300,
        "batch_size": 1,
        "optimizer": "adam",
        "weight_decay": 1e-10,
        "schedule": "constant",
    }

    def __init__(
        self,
        size: Sequence[int] = (40, 56, 40),
        classes: Sequence[str] = ("anterior", "posterior"),
        ids: Sequence[int] = (1, 2),
    ) -> None:
        self.size = tuple(size)
        self.classes = tuple(classes)
        self.ids = tuple(ids)
        if len(self.size) != 3 or min(self.size) < 1:
            raise ValueError(f"FrequencyDisentangledTask: size must be (H, W, D), got {self.size}")
        if len(self.classes) != len(self.ids):
            raise ValueError(f"FrequencyDisentangledTask: ids must be one per class {self.classes}, got {self.ids}")

    def items(self, data: str | Path, split: str | None, limit: int | None = None, **reading: object) -> Volumes:
        """The volumes of a split, to be scored at their own size.

        Raises:
            FileNotFoundError, ValueError, ImportError: as `Volumes`; an option of another kind of data.
        """
        if reading:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(reading))
            raise ValueError(f"{self.network_name} reads NIfTI volumes, which {options} is not for")
        return Volumes(data, split, limit, self.ids)

    def training_items(
        self, data: str | Path, split: str | None, limit: int | None = None, **reading: object
    ) -> Volumes:
        """The same volumes: a step takes whole ones."""
        return self.items(data, split, limit, **reading)

    def batch(self, items: list[Volume], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Image (B, 1, H, W, D) in [0, 1] and target (B, H, W, D) from 0 to K; nothing is left to chance."""
        images = [torch.from_numpy(crop_or_pad(item.image, self.size)) for item in items]
        targets = [torch.from_numpy(crop_or_pad(item.labels, self.size)).long() for item in items]
        return {"image": torch.stack(images)[:, None], "target": torch.stack(targets)}

    def loss(self, network: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """`squared_dice_loss` of a batch.

        Raises:
            ValueError: the network is for another number of classes.
        """
        logits = network(batch["image"]).float()
        if logits.shape[1] != len(self.classes) + 1:
            raise ValueError(
                f"FrequencyDisentangledTask: the network has {logits.shape[1] - 1} classes, the task "
                f"{len(self.classes)}: {', '.join(self.classes)}"
            )
        return squared_dice_loss(logits, batch["target"])

    def answers(self, network: torch.nn.Module, item: Volume) -> Iterator[Answer]:
        """One answer per volume, at its own size; voxels that the crop leaves out are background."""
        place = next(network.parameters())
        image = torch.from_numpy(crop_or_pad(item.image, self.size)).to(place.device)
        chosen = network(image[None, None]).argmax(1)[0].cpu().numpy()
        labels = torch.from_numpy(crop_or_pad(chosen, item.labels.shape))
        truth = torch.from_numpy(item.labels)
        numbers = range(1, len(self.classes) + 1)
        yield Answer(
            item.name,
            torch.stack([labels == k for k in numbers]),
            torch.stack([truth == k for k in numbers]),
            item.spacing,
        )
