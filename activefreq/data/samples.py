"""What a data set is made of: samples, each one image with one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["BrokenImageError", "Dataset", "Sample"]


@dataclass(frozen=True)
class Sample:
    """One image and one object in it."""

    name: str
    """Unique in its data set: the file's stem, with #id where a mask holds several objects."""
    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    mask: NDArray[np.int8]
    """(H, W): 1 object, 0 background, -1 ignore."""
    given: NDArray[np.int8] | None = None
    """(H, W) of 1 and 0: a mask that clicks are to correct. None: they start from nothing."""


class Dataset(Protocol):
    """A sequence of samples that are decoded when they are asked for."""

    name: str
    """Of the data set, for tables and folders."""
    split: str
    """Which part of it this is; "all" where it has no parts."""
    skipped: dict[str, str]
    """What was left out, with the reason."""

    @property
    def fingerprint(self) -> str:
        """Differs where the samples differ, as far as names and file sizes tell."""
        ...

    @property
    def names(self) -> list[str]:
        """Names of the samples, without decoding any."""
        ...

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def __getitem__(self, index: int) -> Sample:
        """Decode one sample."""
        ...


class BrokenImageError(ValueError):
    """An image that does not decode; the message names the file."""
