"""A network, a task and data that tests register beside the real ones, small enough to train in a second."""

import dataclasses
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from activefreq.models.network_input import normalise
from activefreq.tasks import Answer


@dataclass(frozen=True)
class TinyConfig:
    input_size: int = 16
    width: int = 4
    sizes: tuple[int, ...] = (3, 3)
    clicks: bool = False

    @classmethod
    def from_dict(cls, values):
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


class Tiny(nn.Module):
    """Two convolutions with dropout between them; click channels enter through a convolution that starts at zero."""

    def __init__(self, config=None, **settings):
        super().__init__()
        self.config = config = dataclasses.replace(config or TinyConfig(), **settings)
        first, second = config.sizes
        self.first = nn.Conv2d(3, config.width, first, padding=first // 2)
        self.dropout = nn.Dropout(0.1)
        self.second = nn.Conv2d(config.width, 1, second, padding=second // 2)
        self.further = None
        if config.clicks:
            self.further = nn.Conv2d(3, config.width, 3, padding=1)
            nn.init.zeros_(self.further.weight)
            nn.init.zeros_(self.further.bias)

    @classmethod
    def small(cls, **settings):
        return cls(TinyConfig(width=2), **settings)

    def forward(self, x):
        features = self.first(x[:, :3])
        if self.further is not None and x.shape[1] == 6:
            features = features + self.further(x[:, 3:])
        return self.second(self.dropout(features.relu()))


class Squares:
    """Noisy images with one bright square each; the squares of a split lie on its own side."""

    name = "squares"

    def __init__(self, split, limit=None):
        if split not in ("train", "val", "test"):
            raise ValueError(f"squares has no split {split!r}; there is: train, val, test")
        self.split = split
        self.names = [f"{split}{number}" for number in range(limit or 6)]
        self.fingerprint = f"squares {len(self.names)}"

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(sum(map(ord, self.names[index])))
        image = torch.rand(3, 16, 16, generator=generator) * 0.4
        mask = torch.zeros(1, 16, 16, dtype=torch.bool)
        y, x = torch.randint(0, 8, (2,), generator=generator).tolist()
        mask[:, y : y + 7, x : x + 7] = True
        return self.names[index], torch.where(mask, image + 0.6, image), mask


class SquaresTask:
    """Find the square."""

    network_name = "tiny"
    classes = ("square",)
    unit = "px"
    defaults = {"epochs": 2, "batch_size": 2, "learning_rate": 1e-2}  # noqa: RUF012

    def __init__(self, threshold=0.5, noise=0.05, size=16):
        self.threshold, self.noise, self.size = threshold, noise, size

    def items(self, data, split, limit=None, **reading):
        if data != "squares" or reading:
            raise ValueError(f"--data {data} {reading}: tiny reads squares, as they are")
        return Squares(split or "test", limit)

    training_items = items

    def batch(self, items, generator):
        images = torch.stack([image for _, image, _ in items])
        noise = torch.randn(images.shape, generator=generator) * self.noise
        return {"image": normalise(images + noise), "target": torch.stack([mask for *_, mask in items]).float()}

    def loss(self, network, batch):
        return F.binary_cross_entropy_with_logits(network(batch["image"]).float(), batch["target"])

    def answers(self, network, item):
        name, image, mask = item
        device = next(network.parameters()).device
        probability = network(normalise(image[None]).to(device)).sigmoid()[0]
        half = "upper" if int(mask.nonzero()[0, 1]) < 4 else "lower"
        yield Answer(name, probability > self.threshold, mask.to(device), (1.0, 1.0), {"half": half})
