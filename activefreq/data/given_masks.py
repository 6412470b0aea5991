"""Masks to be corrected: a data set whose objects start from a mask that another program made."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from activefreq.data.pictures import find_pictures, read_mask
from activefreq.data.samples import Dataset, Sample

__all__ = ["GivenMasks"]


class GivenMasks:
    """A data set with a mask to edit for every sample: clicks are counted from there instead of from nothing.

    Args:
        dataset: the samples.
        folder: one picture per image, of equal stem and size. Of an object that has an id (its name is STEM#ID) the
            pixels of that value are the mask, else every pixel that is not 0.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: an image has no picture there; when a sample is asked for, one of another size.
    """

    def __init__(self, dataset: Dataset, folder: str | Path) -> None:
        if not Path(folder).is_dir():
            raise FileNotFoundError(f"--given-masks {folder}: no such folder")
        found = find_pictures(Path(folder))
        self._dataset = dataset
        self._files: dict[str, Path] = {}
        self._ids: dict[str, int | None] = {}
        for name in dataset.names:
            stem, _, number = name.rpartition("#")
            if name not in found and stem in found and number.isdigit():
                self._files[name], self._ids[name] = found[stem], int(number)
            elif name in found:
                self._files[name], self._ids[name] = found[name], None
        if missing := [name for name in dataset.names if name not in self._files]:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise ValueError(f"--given-masks {folder}: no mask for {', '.join(missing[:3])}{more}")
        self.name, self.split, self.skipped = dataset.name, dataset.split, dataset.skipped

    @property
    def fingerprint(self) -> str:
        """Of the data set and of the given masks' sizes."""
        digest = hashlib.blake2b(self._dataset.fingerprint.encode(), digest_size=16)
        for name, path in self._files.items():
            digest.update(f"{name}|{path.stat().st_size}\n".encode())
        return digest.hexdigest()

    @property
    def names(self) -> list[str]:
        """Names of the samples."""
        return self._dataset.names

    def attributes(self, name: str) -> Mapping[str, str]:
        """Those that the data set has."""
        describe: Any = getattr(self._dataset, "attributes", None)
        return describe(name) if callable(describe) else {}

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._dataset)

    def __getitem__(self, index: int) -> Sample:
        """Decode one sample and its given mask."""
        sample = self._dataset[index]
        path, number = self._files[sample.name], self._ids[sample.name]
        values = read_mask(path)
        if values.shape != sample.mask.shape:
            there, here = (" × ".join(map(str, shape)) for shape in (values.shape, sample.mask.shape))
            raise ValueError(f"{path} is {there} pixels, but the image of {sample.name} is {here}")
        given = values != 0 if number is None else values == number
        return dataclasses.replace(sample, given=given.astype(np.int8))
