"""A folder of masks to be corrected, which another program made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from activefreq.data.pictures import find_pictures, object_ids, read_mask

__all__ = ["GivenMasks"]


class GivenMasks:
    """One picture per image, of equal stem and size, with 0 for background.

    Where the image's own mask tells objects apart by their ids, the given one has the same ids.

    Raises:
        FileNotFoundError: no such folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"--given-masks {folder}: no such folder")
        self._files = find_pictures(self.folder)

    def file(self, stem: str) -> Path:
        """The picture for an image.

        Raises:
            ValueError: there is none.
        """
        if stem not in self._files:
            raise ValueError(f"--given-masks {self.folder}: no mask for {stem}")
        return self._files[stem]

    def read(
        self, stem: str, shape: tuple[int, ...], ids: Sequence[int], number: int | None, ignore: int | None
    ) -> NDArray[np.int8]:
        """(H, W) of 1 in the given mask of one object and 0 outside; pixels of the ignored value are outside.

        Args:
            stem: of the image.
            shape: (H, W) of the image.
            ids: of the objects in the image's own mask.
            number: the object's id; None: all of them together.
            ignore: mask value that takes no part.

        Raises:
            BrokenImageError: the picture does not decode.
            ValueError: it is missing, of another size or not a mask, or does not tell the objects apart as the image's
                own mask does; the message names the file.
        """
        path = self.file(stem)
        values = read_mask(path)
        if values.shape != shape:
            there, here = (" × ".join(map(str, size)) for size in (values.shape, shape))
            raise ValueError(f"{path} is {there} pixels, but its image is {here}")
        held = object_ids(values, ignore, path)
        if number is None or (len(ids) == 1 and len(held) <= 1):  # of one object any value will do
            return np.isin(values, held).astype(np.int8)
        if unknown := sorted(set(held) - set(ids)):
            known = ", ".join(map(str, ids))
            raise ValueError(f"{path} holds {unknown[0]}, which is none of the ids in its image's own mask ({known})")
        return (values == number).astype(np.int8)
