"""FreqMedCLIP's task: images with phrases, from one or several data sets (2026; its sections 3.9 and 4).

With one data set and its own phrases a network may ignore the text: the answer never depends on it. So several sets
are trained together, and a share of the images meets the phrase of another set, for which nothing is to be found: the
target is empty. Asking for the wrong thing at scoring then shows whether the network listens.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from activefreq.data.opening import open_dataset
from activefreq.data.samples import Dataset
from activefreq.models.freqmedclip import FreqMedCLIP
from activefreq.models.network_input import normalise
from activefreq.nn.enlarge import enlarge
from activefreq.tasks.interface import Answer
from activefreq.tasks.phrases import Phrases, phrase_table

__all__ = ["FreqMedCLIPTask", "PhrasedImage", "PhrasedImages", "dice_loss"]


@dataclass(frozen=True)
class PhrasedImage:
    """One image and the set whose phrases name what its mask shows."""

    name: str
    """Set and name of the sample."""
    source: str
    """Name of the data set."""
    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    mask: NDArray[np.int8]
    """(H, W): 1 object, 0 background, -1 ignore."""


class PhrasedImages:
    """`Items` over one or several data sets, one after the other.

    Args:
        sets: the data sets.
        split: what to call their part.
        balanced: repeat the smaller sets, whole, so that all come about as often as the largest.
    """

    def __init__(self, sets: Sequence[Dataset], split: str, balanced: bool = False) -> None:
        self.sets, self.split = list(sets), split
        self.name = "+".join(dataset.name for dataset in sets)
        largest = max(map(len, sets))
        times = [round(largest / len(dataset)) if balanced else 1 for dataset in sets]
        self._places = [
            (number, index)
            for number, dataset in enumerate(sets)
            for _ in range(times[number])
            for index in range(len(dataset))
        ]

    @property
    def names(self) -> list[str]:
        """Set and name of every image."""
        names = [dataset.names for dataset in self.sets]
        return [f"{self.sets[number].name}/{names[number][index]}" for number, index in self._places]

    @property
    def skipped(self) -> dict[str, str]:
        """Images that the sets leave out, by set and name, with the reason; those without an object are among them."""
        return {f"{found.name}/{name}": why for found in self.sets for name, why in found.skipped.items()}

    @property
    def fingerprint(self) -> str:
        """A digest of the sets' fingerprints and of how often each comes."""
        parts = [*(dataset.fingerprint for dataset in self.sets), str(len(self))]
        return hashlib.blake2b("|".join(parts).encode(), digest_size=16).hexdigest()

    def __len__(self) -> int:
        """Number of images, repeated ones counted."""
        return len(self._places)

    def __getitem__(self, index: int) -> PhrasedImage:
        """Decode one image and its mask."""
        number, place = self._places[index]
        dataset = self.sets[number]
        sample = dataset[place]
        return PhrasedImage(f"{dataset.name}/{sample.name}", dataset.name, sample.image, sample.mask)


class FreqMedCLIPTask:
    """Segment what a phrase names.

    `data` may be several data sets with commas between them; their items come one after the other, and scores are
    broken down by set.

    Args:
        size: side in pixels at which images are trained on and shown to the network, its `input_size`.
        phrases: of data sets that `activefreq.tasks.phrases.PHRASES` lacks: one or several, or a mapping from the
            name of a data set.
        wrong: share of the training images that meet a phrase of another set and an empty target.
        phrase: what is asked at scoring: "right" the first phrase of an image's own set, "wrong" that of another set,
            or any phrase, asked of every image. The target stays the image's mask.
        deep_supervision: α = β of Eq. 20.
        bce: λ of Eq. 19.
        balanced: train on smaller sets several times an epoch, as the paper's balanced sampling does.

    Raises:
        ValueError: a share outside [0, 1], or an empty phrase.
    """

    network_name = "freqmedclip"
    classes: tuple[str, ...] = ("object",)
    unit = "px"
    # Table 2: 16 images a step, AdamW at 1e-4 under a cosine, 100 epochs.
    defaults: dict[str, Any] = {  # noqa: RUF012
        "epochs": 100,
        "batch_size": 16,
        "learning_rate": 1e-4,
        "optimizer": "adamw",
        "schedule": "cosine",
    }

    def __init__(
        self,
        size: int = 224,
        phrases: Phrases | Mapping[str, Phrases] | None = None,
        wrong: float = 0.25,
        phrase: str = "right",
        deep_supervision: float = 0.4,
        bce: float = 1.0,
        balanced: bool = True,
    ) -> None:
        if not 0 <= wrong <= 1:
            raise ValueError(f"FreqMedCLIPTask: wrong must lie in [0, 1], got {wrong}")
        if not phrase.strip():
            raise ValueError("FreqMedCLIPTask: phrase must be right, wrong or a phrase, got an empty one")
        self.size, self.wrong, self.phrase = size, wrong, phrase
        self.deep_supervision, self.bce, self.balanced = deep_supervision, bce, balanced
        self.phrases = phrase_table(phrases)
        self._every = list(itertools.chain.from_iterable(self.phrases.values()))
        starts = itertools.accumulate(map(len, self.phrases.values()), initial=0)
        self._rows = {
            name: range(start, start + len(self.phrases[name]))
            for name, start in zip(self.phrases, starts, strict=False)
        }

    def items(self, data: str, split: str | None, limit: int | None = None, **reading: Any) -> PhrasedImages:  # noqa: ANN401
        """Images to score; `limit` takes the first of each data set. A mask with several ids is one object."""
        return self._open(data, split, limit, False, reading)

    def training_items(self, data: str, split: str, limit: int | None = None, **reading: Any) -> PhrasedImages:  # noqa: ANN401
        """Images to train on, balanced where the task is."""
        return self._open(data, split, limit, self.balanced, reading)

    def _open(
        self, data: str, split: str | None, limit: int | None, balanced: bool, reading: dict[str, Any]
    ) -> PhrasedImages:
        options = {"objects": "merged", **reading}
        sets = [open_dataset(path.strip(), split=split, limit=limit, **options) for path in str(data).split(",")]
        for dataset in sets:
            self._named(dataset.name)
        return PhrasedImages(sets, sets[0].split, balanced)

    def batch(self, items: list[PhrasedImage], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Images mirrored, turned by quarters and changed in brightness, each under a random phrase.

        Returns:
            "image" (B, 3, size, size) normalised, "target" (B, size, size) int8 of 1, 0 and -1, empty under a wrong
            phrase, and "phrase" (B,) int64, rows of the task's phrases.
        """
        pixels, masks, rows = [], [], []
        for item in items:
            image, mask = self._pixels(item)
            wrong = bool(torch.rand((), generator=generator) < self.wrong)
            own = self._named(item.source)
            choice = [row for name, span in self._rows.items() if (name != own) == wrong for row in span]
            rows.append(choice[int(torch.randint(len(choice), (), generator=generator))])
            image, mask = _augment(image, mask, generator)
            pixels.append(image)
            masks.append(torch.where(mask == 1, 0, mask) if wrong else mask)
        return {
            "image": normalise(torch.stack(pixels)),
            "target": torch.stack(masks),
            "phrase": torch.tensor(rows),
        }

    def _pixels(self, item: PhrasedImage) -> tuple[torch.Tensor, torch.Tensor]:
        """(3, size, size) in [0, 1] and (size, size) int8."""
        side = (self.size, self.size)
        picture = Image.fromarray(item.image).resize(side, Image.Resampling.BILINEAR)
        mask = Image.fromarray((item.mask + 1).astype(np.uint8)).resize(side, Image.Resampling.NEAREST)
        image = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
        return image, torch.from_numpy(np.array(mask).astype(np.int8) - 1)

    def loss(self, network: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Dice + λ BCE of the answer, and α and β times the Dice loss of the branches (Eq. 19 and 20)."""
        assert isinstance(network, FreqMedCLIP)
        text = network.encode_text(self._every).rows(batch["phrase"])
        fused, *branches = (
            logits.squeeze(1).float() for logits in network.all_logits(batch["image"], text) if logits is not None
        )
        target = batch["target"]
        truth, counted = (target == 1).float(), (target >= 0).float()
        errors = F.binary_cross_entropy_with_logits(fused, truth, counted, reduction="sum")
        loss = dice_loss(fused, target) + self.bce * errors / counted.sum().clamp(min=1)
        for logits in branches:
            loss = loss + self.deep_supervision * dice_loss(logits, target)
        return loss

    def asked(self, source: str) -> str:
        """The phrase that an image of a data set is scored under."""
        own = self._named(source)
        if self.phrase == "right":
            return self.phrases[own][0]
        if self.phrase == "wrong":
            return next(phrases[0] for name, phrases in self.phrases.items() if name != own)
        return self.phrase

    def _named(self, source: str) -> str:
        """The name under which the phrases of a data set stand."""
        if source in self.phrases:
            return source
        if "" in self.phrases:
            return ""
        raise ValueError(
            f"freqmedclip has no phrase for the data set {source!r}, only for {', '.join(self.phrases)}; "
            'the task option phrases="the object" gives it one'
        )

    def answers(self, network: nn.Module, item: PhrasedImage) -> Iterator[Answer]:
        """The mask under the asked phrase, at the image's own size."""
        device = next(network.parameters()).device
        image, _ = self._pixels(item)
        phrase = self.asked(item.source)
        logits = network(normalise(image[None]).to(device), [phrase])
        mask = torch.from_numpy(item.mask)[None].to(device)
        found = enlarge(logits.float(), mask.shape[-2:])[0] > 0
        attributes = {"set": item.source, "phrase": phrase}
        yield Answer(item.name, found & (mask >= 0), mask == 1, (1.0, 1.0), attributes)


def dice_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """1 − (2 Σ p g + 1) / (Σ p + Σ g + 1) over the pixels that are not ignored, mean over images: a scalar.

    An image without object asks for p = 0 everywhere.
    """
    counted = (target >= 0).to(logits.dtype)
    probability, truth = logits.sigmoid() * counted, (target == 1).to(logits.dtype)
    overlap = (probability * truth).sum((1, 2))
    return (1 - (2 * overlap + 1) / (probability.sum((1, 2)) + truth.sum((1, 2)) + 1)).mean()


def _augment(image: torch.Tensor, mask: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One of the square's eight symmetries, and brightness and contrast changed by up to a fifth."""
    mirror, turns = (int(torch.randint(n, (), generator=generator)) for n in (2, 4))
    gain, offset = (torch.rand(2, generator=generator) * 0.4 - 0.2).tolist()
    if mirror:
        image, mask = image.flip(2), mask.flip(1)
    image, mask = image.rot90(turns, (1, 2)), mask.rot90(turns, (0, 1))
    mean = image.mean()
    return ((image - mean) * (1 + gain) + mean + offset / 2).clamp(0, 1), mask
