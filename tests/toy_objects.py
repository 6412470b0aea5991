"""Small objects on noise for the tests of the evaluator and the command line."""

from dataclasses import dataclass

import numpy as np


@dataclass
class ToySample:
    name: str
    image: np.ndarray
    mask: np.ndarray


class ToyDataset:
    """Blobs, some with a band of ignored pixels; counts how often each sample is decoded."""

    name = "toy"
    split = "test"

    def __init__(self, count, sizes=((24, 36), (36, 24), (21, 31)), seed=0):
        self.samples = [make_sample(i, sizes[i % len(sizes)], np.random.default_rng([seed, i])) for i in range(count)]
        self.decoded = [0] * count

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        self.decoded[index] += 1
        return self.samples[index]


def make_sample(index, size, rng):
    rows, columns = np.mgrid[: size[0], : size[1]]
    distance = np.full(size, np.inf)
    for _ in range(rng.integers(1, 4)):
        y, x = rng.uniform(0.2, 0.8, 2) * size
        distance = np.minimum(distance, np.hypot((rows - y) / rng.uniform(3, 9), (columns - x) / rng.uniform(3, 9)))
    mask = (distance < 1).astype(np.int8)
    if index % 3 == 0:
        mask[(distance >= 1) & (distance < 1.2)] = -1
    noise = rng.normal(0, rng.uniform(5, 40), (*size, 3))
    image = np.clip(90 + 70 * (mask == 1)[..., None] + noise, 0, 255).astype(np.uint8)
    return ToySample(f"object-{index}", image, mask)
