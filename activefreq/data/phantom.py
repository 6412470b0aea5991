"""Synthetic dermoscopy: skin, a lesion with an irregular border, hair, bubbles, a ruler, vignette and noise.

Made on the fly with exact masks, so that everything can be tried without downloading anything. It stands in for
real images in demonstrations and tests; figures measured on it say nothing of real ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from activefreq.data.samples import Sample

__all__ = ["SPLITS", "Phantom"]

SPLITS = {"train": 256, "val": 32, "test": 64}
"""Splits and their lengths. No sample of one split is in another."""

Plane = NDArray[np.float64]


class Phantom:
    """A `Dataset` of synthetic dermoscopy. Sample i depends on (seed, split, i, size) alone.

    Args:
        split: "train", "val", "test" or "all".
        size: (H, W) in pixels.
        seed: another seed is another data set.
        limit: the first N samples.

    Raises:
        ValueError: unknown split, a size under 32, or a negative seed.
    """

    name = "phantom"

    def __init__(
        self, split: str = "test", size: tuple[int, int] = (256, 256), seed: int = 0, limit: int | None = None
    ) -> None:
        if split not in SPLITS and split != "all":
            raise ValueError(f"phantom has no split {split!r}; there is {', '.join(SPLITS)}, all")
        if min(size) < 32:
            raise ValueError(f"phantom: size must be at least 32 × 32, got {tuple(size)}")
        if seed < 0:
            raise ValueError(f"phantom: seed must not be negative, got {seed}")
        self.split, self.size, self.seed = split, size, seed
        self.skipped: dict[str, str] = {}
        parts = list(SPLITS) if split == "all" else [split]
        self._entries = [(part, i) for part in parts for i in range(SPLITS[part])][:limit]

    @property
    def fingerprint(self) -> str:
        """What the samples depend on."""
        return f"phantom {self.split} {self.size} {self.seed} {len(self)}"

    @property
    def names(self) -> list[str]:
        """Names of the samples, such as "test-007"."""
        return [f"{part}-{i:03d}" for part, i in self._entries]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._entries)

    def __getitem__(self, index: int) -> Sample:
        """Make one sample."""
        part, i = self._entries[index]
        random = np.random.default_rng([self.seed, list(SPLITS).index(part), i])
        image, mask = _dermoscopy(random, *self.size)
        return Sample(f"{part}-{i:03d}", image, mask)


def _dermoscopy(random: np.random.Generator, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    scale = min(height, width) / 256  # lengths below are for 256 pixels
    y, x = np.mgrid[:height, :width].astype(np.float64)
    depth = _lesion(random, y, x)  # > 0 inside, in pixels from the border roughly
    mask = (depth > 0).astype(np.int8)

    skin = np.array([0.80, 0.60, 0.53]) + random.normal(0, [0.06, 0.05, 0.05])
    tone = _smooth(random, height, width, 4) * 0.04 + _smooth(random, height, width, 24) * 0.015
    image = skin * (1 + tone[..., None])

    dark = skin * random.uniform(0.35, 0.8) * np.array([1.0, 0.86, 0.78])
    second = dark * random.uniform(0.6, 1.25) * (1 + random.normal(0, 0.05, 3))
    if random.random() < 0.5:  # a part of the lesion that has nearly faded into the skin
        second = skin * random.uniform(0.82, 0.97) * np.array([1.0, 0.96, 0.93])
    zone = 1 / (1 + np.exp(-5 * (_smooth(random, height, width, 4) + 0.7)))
    texture = 1 + 0.06 * _smooth(random, height, width, 32) + 0.05 * _smooth(random, height, width, 64)
    lesion = (dark * zone[..., None] + second * (1 - zone[..., None])) * texture[..., None]
    softness = random.uniform(1.0, 6.0) * scale
    cover = (1 / (1 + np.exp(-np.clip(depth / softness, -30, 30))))[..., None]
    image = image * (1 - cover) + lesion * cover

    for _ in range(int(random.choice([0, 0, 1, 2]))):
        _draw_stain(random, image, y, x, depth, scale)
    for _ in range(int(random.choice([0, 0, 0, 6, 14]))):
        _draw_hair(random, image, scale)
    for _ in range(int(random.choice([0, 0, 2, 5]))):
        _draw_bubble(random, image, y, x, scale)
    if random.random() < 0.2:
        _draw_ruler(random, image, scale)
    image *= _vignette(random, y, x)[..., None]
    image += random.normal(0, 0.012, image.shape)
    return (image.clip(0, 1) * 255).round().astype(np.uint8), mask


def _lesion(random: np.random.Generator, y: Plane, x: Plane) -> Plane:
    """A star-shaped blob with a rough border; the value is about the distance to the border, positive inside."""
    height, width = y.shape
    side = min(height, width)
    centre = np.array([height, width]) / 2 + random.normal(0, 0.06, 2) * side
    radius = side * random.uniform(0.14, 0.36)
    stretch = random.uniform(1.0, 1.45)
    turn = random.uniform(0, np.pi)
    dy, dx = y - centre[0], x - centre[1]
    along, across = dx * np.cos(turn) + dy * np.sin(turn), -dx * np.sin(turn) + dy * np.cos(turn)
    along, across = along / np.sqrt(stretch), across * np.sqrt(stretch)
    angle, distance = np.arctan2(across, along), np.hypot(across, along)
    border = np.ones_like(y)
    for wave in range(2, 8):
        border += random.normal(0, 0.11 / wave) * np.cos(wave * angle + random.uniform(0, 2 * np.pi))
    rough = 0.05 * _smooth(random, height, width, 10) + 0.02 * _smooth(random, height, width, 28)
    depth: Plane = radius * (border + rough) - distance
    return depth


def _smooth(random: np.random.Generator, height: int, width: int, cells: int) -> Plane:
    """Noise of deviation about one whose features are 1 / `cells` of the image: a coarse grid, enlarged smoothly."""
    grid = random.normal(0, 1, (cells + 3, cells + 3))
    return _enlarge(_enlarge(grid, height, cells).T, width, cells).T


def _enlarge(grid: Plane, length: int, cells: int) -> Plane:
    """Cubic B-spline along the first axis: the four nearest samples, weighted."""
    position = np.arange(length) * (cells / length)
    low = position.astype(np.int64)
    t = (position - low)[:, None]
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    total = sum(weight * grid[low + k] for k, weight in enumerate(weights))
    out: Plane = total / 6 * 1.6  # the spline smooths: bring the deviation back to about one
    return out


def _draw_stain(random: np.random.Generator, image: Plane, y: Plane, x: Plane, depth: Plane, scale: float) -> None:
    """A brown stain beside the lesion that is not part of it: what an annotator clicks away."""
    height, width, _ = image.shape
    turn, radius = random.uniform(0, 2 * np.pi), random.uniform(10, 26) * scale
    reach = min(height, width) * random.uniform(0.3, 0.46)
    row, column = height / 2 + reach * np.sin(turn), width / 2 + reach * np.cos(turn)
    rough = 0.12 * _smooth(random, height, width, 12)
    inside = radius * (1 + rough) - np.hypot(y - row, x - column)
    cover = 1 / (1 + np.exp(-np.clip(inside / (3 * scale), -30, 30)))
    cover *= 1 / (1 + np.exp(np.clip(depth / (2 * scale), -30, 30)))  # the lesion lies over it
    image *= 1 - random.uniform(0.15, 0.4) * cover[..., None] * np.array([0.7, 0.9, 1.0])


def _draw_hair(random: np.random.Generator, image: Plane, scale: float) -> None:
    height, width, _ = image.shape
    start, end = random.uniform(-0.1, 1.1, 2), random.uniform(-0.1, 1.1, 2)
    bend = (start + end) / 2 + random.normal(0, 0.15, 2)
    t = np.linspace(0, 1, 3 * max(height, width))[:, None]
    path = ((1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end) * [height, width]
    thickness = max(1, round(random.uniform(1, 2.2) * scale))
    shade = random.uniform(0.12, 0.3)
    for offset in range(thickness):
        rows, columns = path[:, 0].astype(int) + offset, path[:, 1].astype(int)
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        image[rows[inside], columns[inside]] = shade * np.array([1.0, 0.85, 0.75])


def _draw_bubble(random: np.random.Generator, image: Plane, y: Plane, x: Plane, scale: float) -> None:
    height, width, _ = image.shape
    centre, radius = random.uniform(0, [height, width]), random.uniform(3, 9) * scale
    distance = np.hypot(y - centre[0], x - centre[1])
    image += 0.22 * np.exp(-(((distance - radius) / (1.2 * scale)) ** 2))[..., None]
    image += 0.06 * (distance < radius)[..., None]


def _draw_ruler(random: np.random.Generator, image: Plane, scale: float) -> None:
    height, width, _ = image.shape
    column = int(random.uniform(0.02, 0.06) * width)
    for number, row in enumerate(range(0, height, max(3, round(9 * scale)))):
        length = round((14 if number % 5 == 0 else 8) * scale)
        image[row, column : column + length] = 0.15


def _vignette(random: np.random.Generator, y: Plane, x: Plane) -> Plane:
    height, width = y.shape
    away = np.hypot((y - height / 2) / height, (x - width / 2) / width) * 2
    strength = random.uniform(0.05, 0.35)
    if random.random() < 0.12:  # the round field of an immersion lens
        edge = random.uniform(1.05, 1.2)
        shade: Plane = np.where(away > edge, 0.03, 1.0) * (1 - strength * (away / 1.5) ** 2)
    else:
        shade = 1 - strength * (away / 1.5) ** 2.5
    return shade
