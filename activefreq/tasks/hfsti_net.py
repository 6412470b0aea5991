"""HFSTI-Net's task: polyps in videos, trained on clips and scored on whole videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from activefreq.data.video import Video, Videos, open_videos
from activefreq.models.hfsti_net import HFSTINet, resized
from activefreq.models.network_input import normalise
from activefreq.tasks.interface import Answer
from activefreq.tasks.weighted_losses import weighted_bce_iou

__all__ = ["HFSTINetTask"]


class HFSTINetTask:
    """Segment one kind of object in videos.

    Trained on clips with the loss Σ_i 2^(1-i) (weighted BCE + weighted IoU) over the four predictions, the finest
    first; scored on whole videos, frame by frame as they come. The publication's recipe is not known: AdamW at 1e-4,
    as the open relatives have it.

    Args:
        clip: frames of a training clip. Memory is trained across a clip, so it should exceed the memory.
        size: side in pixels that training frames are resized to; a network of another input_size resizes them again.
        starts: the first frame of each video, where the data does not say; see `open_videos`.
        augmentation: mirror, quarter turns, zoom and brightness, the same for all frames of a clip, and the clip
            backwards half of the time.

    Raises:
        ValueError: a clip or a size that is not positive.
    """

    network_name = "hfsti-net"
    classes: tuple[str, ...] = ("polyp",)
    unit = "px"
    defaults: dict[str, Any] = {  # noqa: RUF012 (the task's protocol)
        "optimizer": "adamw",
        "learning_rate": 1e-4,
        "weight_decay": 1e-4,
        "batch_size": 4,
        "epochs": 50,
        "schedule": "cosine",
    }

    def __init__(
        self,
        clip: int = 3,
        size: int = 352,
        starts: Sequence[str | int] | None = None,
        augmentation: bool = True,
    ) -> None:
        if clip < 1 or size < 1:
            raise ValueError(f"HFSTINetTask: clip and size must be positive, got {clip} and {size}")
        self.clip, self.size, self.starts, self.augmentation = clip, size, starts, augmentation

    def items(
        self,
        data: str | Path,
        split: str | None = None,
        limit: int | None = None,
        masks: str | Path | None = None,
        **reading: Any,  # noqa: ANN401
    ) -> Videos:
        """Whole videos, for scoring; see `open_videos`."""
        return self._open(data, split, None, limit, masks, reading)

    def training_items(
        self,
        data: str | Path,
        split: str | None = None,
        limit: int | None = None,
        masks: str | Path | None = None,
        **reading: Any,  # noqa: ANN401
    ) -> Videos:
        """Clips, for training; see `open_videos`."""
        return self._open(data, split, self.clip, limit, masks, reading)

    def _open(
        self,
        data: str | Path,
        split: str | None,
        clip: int | None,
        limit: int | None,
        masks: str | Path | None,
        reading: dict[str, Any],
    ) -> Videos:
        if reading:
            raise ValueError(f"hfsti-net: videos are not read with {', '.join(sorted(reading))}; there is: masks")
        return open_videos(data, split, clip, limit, self.starts, masks)

    def batch(self, items: list[Video], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Clips of one length as "images" (B, T, 3, size, size) in [0, 1] and "masks" (B, T, 1, size, size) 0 or 1.

        A video shorter than the clip is continued backwards and forwards again.
        """
        length = max(len(item.frames) for item in items)
        images, masks = [], []
        for item in items:
            order = _back_and_forth(len(item.frames), length)
            pixels = torch.from_numpy(item.images).permute(0, 3, 1, 2).float() / 255
            marked = torch.from_numpy(item.masks).unsqueeze(1).float()
            if self.augmentation:
                pixels, marked, order = _augment(pixels, marked, order, generator)
            images.append(resized(pixels, self.size)[order])
            masks.append((resized(marked, self.size)[order] > 0.5).float())
        return {"images": torch.stack(images), "masks": torch.stack(masks)}

    def loss(self, network: HFSTINet, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Σ_i 2^(1-i) (weighted BCE + weighted IoU) over the four predictions and all frames."""
        images, masks = batch["images"].flatten(0, 1), batch["masks"].flatten(0, 1)
        side = network.config.input_size
        if images.shape[-1] != side:
            images, masks = resized(images, side), (resized(masks, side) > 0.5).float()
        predictions = network.supervised(normalise(images).unflatten(0, batch["images"].shape[:2]))
        losses = [weighted_bce_iou(level.flatten(0, 1).float(), masks) for level in predictions]
        return torch.stack([loss / 2**i for i, loss in enumerate(losses)]).sum()

    def answers(self, network: HFSTINet, item: Video) -> Iterator[Answer]:
        """Every frame of a video at its own size, probability over one half, as a stream gives them."""
        stream = network.stream()
        for frame, image, mask in zip(item.frames, item.images, item.masks, strict=True):
            probability = stream.step(torch.from_numpy(image).permute(2, 0, 1).float() / 255)
            yield Answer(
                name=frame,
                prediction=(probability > 0.5).unsqueeze(0).cpu(),
                target=torch.from_numpy(mask).unsqueeze(0),
                spacing=(1.0, 1.0),
                attributes={"video": item.video},
            )


def _back_and_forth(frames: int, length: int) -> torch.Tensor:
    """0, 1, …, frames - 1, frames - 2, …, 0, 1, …: `length` of them."""
    period = max(1, 2 * frames - 2)
    place = torch.arange(length) % period
    return torch.minimum(place, period - place) if frames > 1 else place


def _augment(
    images: torch.Tensor, masks: torch.Tensor, order: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One draw for a clip: window of 0.75 to 1 of the sides, mirror, quarter turn, brightness, contrast, direction."""
    share, down, along, gain, offset = torch.rand(5, generator=generator).tolist()
    turns, mirror, backwards = torch.randint(0, 4, (3,), generator=generator).tolist()
    height, width = (round(side * (0.75 + share / 4)) for side in images.shape[-2:])
    top, left = round(down * (images.shape[-2] - height)), round(along * (images.shape[-1] - width))
    images, masks = (t[..., top : top + height, left : left + width].rot90(turns, (-2, -1)) for t in (images, masks))
    if mirror % 2:
        images, masks = images.flip(-1), masks.flip(-1)
    mean = images.mean((-3, -2, -1), keepdim=True)
    images = ((images - mean) * (0.8 + 0.4 * gain) + mean + 0.2 * (offset - 0.5)).clamp(0, 1)
    return images, masks, order.flip(0) if backwards % 2 else order
