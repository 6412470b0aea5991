"""Volumes in NIfTI files: images/ with labels/, as the Medical Segmentation Decathlon has them."""

from __future__ import annotations

import hashlib
import importlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from activefreq.data.folder import MASKS, SPLITS, choose_split, read_splits

__all__ = ["Volume", "Volumes", "crop_or_pad"]

_SUFFIXES = (".nii.gz", ".nii")
_TOLERANCE = 1e-3
"""Between the affines of an image and its labels, in mm, and between a label and its integer: files round."""
_TEST_SHARE = _VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Volume:
    """One volume and its classes."""

    name: str
    """The file's name without its ending."""
    image: NDArray[np.float32]
    """(H, W, D), the smallest finite value 0 and the largest 1; all 0 where the volume is constant.

    NaN and infinite voxels are 0.
    """
    labels: NDArray[np.uint8]
    """(H, W, D): 0 background, 1 to K the classes."""
    spacing: tuple[float, ...]
    """Size of a voxel along each axis, in mm."""


class Volumes:
    """A folder of images/ and labels/ (or masks/) with NIfTI files of equal name.

    The split is split.csv's (columns stem and split) where there is one. Elsewhere volumes are ordered by the number
    in their name: the last 20 % are test, the last 20 % of the rest val, what is left is train. 260 volumes are
    166, 42 and 52, as many as Fu et al. 2024 have.

    Args:
        root: the folder.
        split: train, val, test or all; None is test.
        limit: the first N.
        ids: values in the labels, in the order of the classes; any other value but 0 is an error.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: nothing in it, two files of one name, an image without labels, or no such split.
        ImportError: nibabel is not installed.
    """

    def __init__(
        self, root: str | Path, split: str | None = None, limit: int | None = None, ids: Sequence[int] = (1, 2)
    ) -> None:
        self._nibabel = _nibabel()
        folder = Path(root)
        if not folder.is_dir():
            raise FileNotFoundError(f"--data {root}: no such folder (images/ and labels/ with NIfTI files)")
        if limit is not None and limit < 1:
            raise ValueError(f"--limit must be at least 1, got {limit}")
        images = _find(folder / "images")
        if not images:
            raise ValueError(f"{folder / 'images'} holds no NIfTI files (.nii, .nii.gz)")
        label_folder = next((folder / name for name in MASKS[::-1] if (folder / name).is_dir()), None)
        if label_folder is None:
            raise ValueError(f"{folder} has images/, but neither {' nor '.join(name + '/' for name in MASKS[::-1])}")
        labels = _find(label_folder)
        missing = [path.name for stem, path in images.items() if stem not in labels]
        if missing:
            raise ValueError(f"{label_folder} has no labels for {', '.join(missing[:3])} ({len(missing)} in all)")
        splits: dict[str, list[tuple[str, Path, Path]]] = {}
        for stem, part in _parts(folder / SPLITS, images).items():
            splits.setdefault(part, []).append((stem, images[stem], labels[stem]))
        self.name = folder.resolve().name
        self.split, entries = choose_split(splits, split, str(root))
        self._entries = entries[:limit]
        self.ids = tuple(ids)

    @property
    def names(self) -> list[str]:
        """Names of the volumes."""
        return [entry[0] for entry in self._entries]

    @property
    def fingerprint(self) -> str:
        """A digest of names and file sizes, so that one data set's results are not taken for another's."""
        digest = hashlib.blake2b(digest_size=16)
        for name, image, labels in self._entries:
            digest.update(f"{name}|{image.stat().st_size}|{labels.stat().st_size}|{self.ids}\n".encode())
        return digest.hexdigest()

    def __len__(self) -> int:
        """Number of volumes."""
        return len(self._entries)

    def __getitem__(self, index: int) -> Volume:
        """Read one volume.

        Raises:
            ValueError: a file that is no volume or damaged, an image without a finite voxel, labels of another size or
                at another place (affines that differ by more than 1e-3), or an id that is not among `ids`, to which
                labels are rounded within 1e-3.
        """
        name, image_path, label_path = self._entries[index]
        image, spacing, image_place = self._read(image_path)
        values, _, label_place = self._read(label_path)
        if values.shape != image.shape:
            raise ValueError(f"{label_path} has shape {values.shape}, but its image {image_path} {image.shape}")
        if not np.allclose(label_place, image_place, rtol=0, atol=_TOLERANCE):
            raise ValueError(
                f"{label_path} lies elsewhere than its image {image_path}: its affine is {label_place.tolist()}, the "
                f"image's {image_place.tolist()}"
            )
        values = _whole(values)
        unknown = sorted(set(np.unique(values).tolist()) - {0, *self.ids})
        if unknown:
            raise ValueError(f"{label_path} holds {unknown[0]!r}, which is neither 0 nor one of the ids {self.ids}")
        labels = np.zeros(values.shape, np.uint8)
        for number, id_ in enumerate(self.ids, start=1):
            labels[values == id_] = number
        return Volume(name, _rescaled(image, image_path), labels, spacing)

    def _read(self, path: Path) -> tuple[NDArray[Any], tuple[float, ...], NDArray[np.float64]]:
        """Values, spacing and affine."""
        try:
            file = self._nibabel.load(path)
            values = np.asarray(file.dataobj)
        except (
            # Of files, of gzip, of headers with sizes that make no sense, and of nibabel.
            *(OSError, EOFError, zlib.error, OverflowError, ValueError),
            *(self._nibabel.filebasedimages.ImageFileError, self._nibabel.spatialimages.HeaderDataError),
        ) as error:
            raise ValueError(f"{path} does not read as NIfTI: {error}") from None
        if values.ndim != 3:
            raise ValueError(f"{path} must be a volume (H, W, D), got shape {values.shape}")
        return values, tuple(float(side) for side in file.header.get_zooms()[:3]), file.affine


def crop_or_pad(values: NDArray[Any], size: Sequence[int]) -> NDArray[Any]:
    """The middle of `values`, each axis cropped or padded with zeros to `size`; twice gives back what was not cropped.

    Args:
        values: any array.
        size: as many numbers as it has axes.
    """
    result = np.zeros(tuple(size), values.dtype)
    # An odd difference takes its odd voxel from the end, also on the way back.
    kept = [min(have, want) for have, want in zip(values.shape, size, strict=True)]
    here = tuple(
        slice((have - keep) // 2, (have - keep) // 2 + keep) for have, keep in zip(values.shape, kept, strict=True)
    )
    there = tuple(slice((want - keep) // 2, (want - keep) // 2 + keep) for want, keep in zip(size, kept, strict=True))
    result[there] = values[here]
    return result


def _rescaled(image: NDArray[Any], path: Path) -> NDArray[np.float32]:
    """Min-max normalisation of the finite voxels to [0, 1]; the others are 0."""
    with np.errstate(over="ignore"):  # what float32 does not hold is not finite
        values = image.astype(np.float32)
    finite = np.isfinite(values)
    if not finite.any():
        raise ValueError(f"{path} has no finite voxel")
    low, high = values.min(where=finite, initial=np.inf), values.max(where=finite, initial=-np.inf)
    if high == low:
        return np.zeros_like(values)
    scaled: NDArray[np.float32] = (np.where(finite, values, low) - low) / (high - low)
    return scaled


def _whole(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels that a scale in the header moved a little off their integers, put back."""
    if labels.dtype.kind != "f":
        return labels
    nearest = np.rint(labels)
    with np.errstate(invalid="ignore"):  # infinity less itself
        return np.where(np.abs(labels - nearest) <= _TOLERANCE, nearest, labels)


def _nibabel() -> Any:  # noqa: ANN401 (a module without types)
    try:
        return importlib.import_module("nibabel")
    except ImportError:
        raise ImportError("volumes in NIfTI files need nibabel: pip install 'activefreq[medical]'") from None


def _find(folder: Path) -> dict[str, Path]:
    """Name without its ending → file, in the order of the numbers in the names.

    Raises:
        ValueError: two files with one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        suffix = next((suffix for suffix in _SUFFIXES if path.name.endswith(suffix)), None)
        if suffix is None or path.name.startswith("."):
            continue
        stem = path.name.removesuffix(suffix)
        if stem in found:
            raise ValueError(f"{folder} holds {found[stem].name} and {path.name}: stems must be unique")
        found[stem] = path
    return dict(sorted(found.items(), key=lambda item: ([int(n) for n in re.findall(r"\d+", item[0])], item[0])))


def _parts(table: Path, images: dict[str, Path]) -> dict[str, str]:
    """Name → split."""
    if table.is_file():
        return {stem: row["split"] for stem, row in read_splits(table, images).items()}
    test = round(len(images) * _TEST_SHARE)
    validation = round((len(images) - test) * _VALIDATION_SHARE)
    train = len(images) - test - validation
    return dict(zip(images, ["train"] * train + ["val"] * validation + ["test"] * test, strict=True))
