"""Samples from pairs of image and mask files, whatever the layout they were found in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from activefreq.data.given_masks import GivenMasks
from activefreq.data.pictures import object_ids, object_mask, picture_size, read_image, read_mask
from activefreq.data.samples import BrokenImageError, Sample

__all__ = ["Objects", "PairedFiles"]

Entry = tuple[str, str, Path, Path, int | None]
"""Name, stem, image and mask of a sample, and the object's id where the mask tells several apart."""

Objects = Literal["separate", "merged"]


class PairedFiles:
    """A `Dataset` over pairs of files. All are decoded once at the start, so that none ends a long run halfway.

    Args:
        name, split: see `Dataset`.
        pairs: (stem, image file, mask file).
        ignore: mask value that takes no part.
        objects: "separate": every id of a mask is a sample. "merged": all ids of a mask are one object.
        skip_broken: leave out files that do not decode, instead of raising; they are listed in `skipped`.
        limit: stop after this many samples.
        attributes: further columns by stem, see `attributes`.
        given: masks to be corrected, of which every sample gets its own.

    Raises:
        BrokenImageError: a file does not decode and skip_broken is off.
        ValueError: image and mask differ in size, a mask is not one of ids, or no sample is left; the message names
            the file or what was left out.
    """

    def __init__(
        self,
        name: str,
        split: str,
        pairs: Iterable[tuple[str, Path, Path]],
        ignore: int | None = None,
        objects: Objects = "separate",
        skip_broken: bool = False,
        limit: int | None = None,
        attributes: Mapping[str, Mapping[str, str]] | None = None,
        given: GivenMasks | None = None,
    ) -> None:
        self.name, self.split, self.ignore, self.objects, self._given = name, split, ignore, objects, given
        self.skipped: dict[str, str] = {}
        self._attributes = attributes or {}
        self._entries: list[Entry] = []
        for stem, image, mask in pairs:
            if limit is not None and len(self._entries) >= limit:
                break
            try:
                read_image(image)
                self._add(stem, image, mask)
            except BrokenImageError as error:
                if not skip_broken:
                    raise BrokenImageError(f"{error}; --skip-broken leaves such files out") from None
                self.skipped[stem] = str(error)
        if limit is not None:
            del self._entries[limit:]
        if not self._entries:
            reasons = "; ".join(list(self.skipped.values())[:3]) or "there are no pairs"
            raise ValueError(f"{name}: no object is left in split {split!r} ({reasons})")

    def _add(self, stem: str, image: Path, mask: Path) -> None:
        size = picture_size(image)
        values = read_mask(mask)
        if values.shape != size:
            there = " × ".join(map(str, values.shape))
            raise ValueError(f"{mask} is {there} pixels, but its image {image} is {size[0]} × {size[1]}")
        ids = object_ids(values, self.ignore, mask)
        if not ids:
            self.skipped[stem] = f"{mask.name} has no object: every pixel is background or ignored"
            return
        if len(ids) == 1 or self.objects == "merged":
            entries: list[Entry] = [(stem, stem, image, mask, None)]
        else:
            entries = [(f"{stem}#{number}", stem, image, mask, number) for number in ids]
        for entry in entries:
            self._start(entry, values)
        self._entries += entries

    def _start(self, entry: Entry, values: NDArray[np.int32]) -> NDArray[np.int8] | None:
        """The given mask of a sample, of whose image's own mask these are the values."""
        if self._given is None:
            return None
        _, stem, _, mask, number = entry
        ids = object_ids(values, self.ignore, mask)
        alone = ids[0] if len(ids) == 1 and self.objects == "separate" else None
        return self._given.read(stem, values.shape, ids, alone if number is None else number, self.ignore)

    @property
    def fingerprint(self) -> str:
        """A digest of names and file sizes, so that one data set's results are not taken for another's."""
        digest = hashlib.blake2b(digest_size=16)
        for name, stem, image, mask, number in self._entries:
            digest.update(f"{name}|{image.stat().st_size}|{mask.stat().st_size}|{number}\n".encode())
            if self._given is not None:
                digest.update(f"{self._given.file(stem).stat().st_size}\n".encode())
        return digest.hexdigest()

    @property
    def names(self) -> list[str]:
        """Names of the samples."""
        return [entry[0] for entry in self._entries]

    def attributes(self, name: str) -> Mapping[str, str]:
        """Further columns of split.csv for a sample, for example where its mask comes from."""
        stem = next(entry[1] for entry in self._entries if entry[0] == name)
        return self._attributes.get(stem, {})

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._entries)

    def __getitem__(self, index: int) -> Sample:
        """Decode one sample."""
        entry = self._entries[index]
        name, _, image, mask, number = entry
        values = read_mask(mask)
        return Sample(name, read_image(image), object_mask(values, number, self.ignore), self._start(entry, values))
