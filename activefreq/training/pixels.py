"""A data set's samples at one size, decoded once and kept in memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image

from activefreq.data.samples import Dataset

__all__ = ["load_pixels"]


def load_pixels(dataset: Dataset, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """All samples at side × side: images (N, 3, side, side) uint8, masks (N, side, side) int8, kept in memory.

    Samples are decoded on as many threads as torch uses.
    """
    images = torch.empty(len(dataset), 3, side, side, dtype=torch.uint8)
    masks = torch.empty(len(dataset), side, side, dtype=torch.int8)

    def decode(index: int) -> None:
        sample = dataset[index]
        picture = Image.fromarray(sample.image).resize((side, side), Image.Resampling.BILINEAR)
        images[index] = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        mask = Image.fromarray((sample.mask + 1).astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)
        masks[index] = torch.from_numpy(np.array(mask).astype(np.int8) - 1)

    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        for _ in threads.map(decode, range(len(dataset))):
            pass  # a sample that does not decode raises here
    return images, masks
