import numpy as np
import pytest
from PIL import Image


class Folder:
    """A data set on disk, made a file at a time."""

    def __init__(self, root):
        self.root = root

    def image(self, path, size=(6, 8), **options):
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(full, **options)
        return full

    def mask(self, path, values):
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(values, dtype=np.uint8)).save(full)
        return full

    def pair(self, stem, values=None):
        if values is None:
            values = np.zeros((6, 8))
            values[2:4, 2:5] = 255
        self.image(f"images/{stem}.jpg")
        self.mask(f"masks/{stem}.png", values)

    def text(self, path, content):
        (self.root / path).write_text(content)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "skin")
