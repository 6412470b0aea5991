"""Images and masks from files, through Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from activefreq.data.samples import BrokenImageError

__all__ = ["find_pictures", "object_ids", "object_mask", "picture_size", "read_image", "read_mask"]

MOST_IDS = 64
"""More different values than this in a mask mean that it is not a mask of ids."""

_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for damaged files, in their header or later."""

NEAR = 16
"""How far lossy compression may move the values 0 and 255 of a mask, and its channels apart."""


def find_pictures(folder: Path) -> dict[str, Path]:
    """Files that Pillow can open by their suffix, by stem, in order of their names.

    Raises:
        ValueError: two files with one stem, or a name that is no UTF-8, which results could not name.
    """
    Image.init()
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in Image.EXTENSION or path.name.startswith("."):
            continue
        if any("\udc80" <= character <= "\udcff" for character in path.name):
            raise ValueError(f"{folder} holds a file whose name is no UTF-8: {path.name!a}; rename it")
        if path.stem in found:
            raise ValueError(f"{folder} holds {found[path.stem].name} and {path.name}: stems must be unique")
        found[path.stem] = path
    return found


def picture_size(path: Path) -> tuple[int, int]:
    """(H, W) from the file's header, without decoding it.

    Raises:
        BrokenImageError: the header does not decode.
    """
    try:
        with Image.open(path) as picture:
            return picture.height, picture.width
    except _UNREADABLE as error:
        raise BrokenImageError(f"{path} is not a readable image: {error}") from None


def read_image(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB. Grey and palette pictures become RGB, transparency is dropped, 16-bit greys are divided by 257.

    32-bit greys are taken as they are where they lie in [0, 255]; floats in [0, 1] are multiplied by 255. Both are
    rounded.

    EXIF orientation is not applied: masks carry none, and would not turn with the image.

    Raises:
        BrokenImageError: the file does not decode, or holds 32-bit values outside [0, 255].
    """
    try:
        with Image.open(path) as picture:
            # Pillow's own conversion would clip deeper greys. It reads 16-bit PNG and PGM as I, the latter stretched.
            deep = picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in ("PNG", "PPM"))
            if not deep and picture.mode not in ("I", "F"):
                return np.array(picture.convert("RGB"))
            values = np.array(picture)
    except _UNREADABLE as error:
        raise BrokenImageError(f"{path} does not decode: {error}") from None
    grey = (values // 257).astype(np.uint8) if deep else _from_32_bits(values, path)
    return np.repeat(grey[..., None], 3, axis=2)


def read_mask(path: Path) -> NDArray[np.int32]:
    """(H, W) of the values in the file. Equal channels count as one, transparency is dropped.

    Palette pictures have indices for values, unless the one or two indices in use are black and white: those are 0 and
    255, for the palette may have white first. A lossy file (JPEG, also inside TIFF, and lossy WebP) whose values all
    lie within 16 of 0 or of 255 is a mask of 0 and 255, cut at 128.

    Raises:
        BrokenImageError: the file does not decode.
        ValueError: the mask has colours, for ids are told apart by one value, not by three; it is a lossy file with
            more than two values, not all near 0 or 255; it holds fractions, as probabilities do; or its palette has
            black at an index other than 0, and 0 is in use for another colour.
    """
    try:
        with Image.open(path) as picture:
            lossy = _is_lossy(picture, path)
            palette = picture.getpalette("RGB") if picture.mode in ("P", "PA") else None
            values = np.array(picture if picture.mode != "CMYK" else picture.convert("RGB"))
    except _UNREADABLE as error:
        raise BrokenImageError(f"{path} does not decode: {error}") from None
    if values.dtype.kind == "f" and not (values == np.rint(values)).all():  # NaN too
        raise ValueError(f"{path} holds fractions: a mask has 0 for background and one whole number per object")
    values = values.astype(np.int32)
    if values.ndim == 3:
        channels = values[..., : 3 if values.shape[2] in (3, 4) else 1]
        if (np.abs(channels - channels[..., :1]) > (NEAR if lossy else 0)).any():
            raise ValueError(f"{path} has colours: store a mask as grey or palette, one value per object")
        values = channels[..., 0]
    if palette is not None:
        values = _from_palette(values, palette, path)
    return _without_ringing(values, path) if lossy else values


def object_ids(values: NDArray[np.int32], ignore: int | None, path: Path) -> list[int]:
    """The ids in a mask, without 0 and the ignored value.

    Raises:
        ValueError: more than 64 different ids, as a soft mask or one stored as JPEG has.
    """
    ids = [int(v) for v in np.unique(values) if v != 0 and v != ignore]
    if len(ids) > MOST_IDS:
        raise ValueError(
            f"{path} has {len(ids)} different values: is it a soft mask, or stored as JPEG? Masks hold 0 for "
            "background and one value per object"
        )
    return ids


def object_mask(values: NDArray[np.int32], object_id: int | None, ignore: int | None) -> NDArray[np.int8]:
    """1 where the object is (every id where `object_id` is None), -1 where ignored, else 0."""
    chosen = values != 0 if object_id is None else values == object_id
    mask: NDArray[np.int8] = chosen.astype(np.int8)
    if ignore is not None:
        mask[values == ignore] = -1
    return mask


def _from_32_bits(values: NDArray[np.int32] | NDArray[np.float32], path: Path) -> NDArray[np.uint8]:
    """Greys in [0, 255]."""
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 255):  # NaN too
        raise BrokenImageError(
            f"{path} holds 32-bit values from {low:g} to {high:g}: what is white cannot be told; store whole numbers "
            "in [0, 255], floats in [0, 1], or 8 or 16 bits"
        )
    scale = 255 if values.dtype.kind == "f" and high <= 1 else 1
    return np.rint(values * scale).astype(np.uint8)


def _from_palette(indices: NDArray[np.int32], palette: list[int], path: Path) -> NDArray[np.int32]:
    """Indices, or 0 and 255 where the used entries are black and white."""
    black, white = (0, 0, 0), (255, 255, 255)
    colours = dict(enumerate(zip(palette[::3], palette[1::3], palette[2::3], strict=False)))
    used = {int(index): colours.get(int(index)) for index in np.unique(indices)}
    # A single index says too little: white may be the background of a palette of ids.
    seen = used if len(used) > 1 else colours
    if len(used) <= 2 and set(seen.values()) == {black, white}:
        return np.where(np.isin(indices, [i for i, colour in used.items() if colour == white]), 255, 0).astype(np.int32)
    if used.get(0, black) != black and black in used.values():
        there = next(index for index, colour in used.items() if colour == black)
        raise ValueError(
            f"{path} has black at index {there} of its palette and {used[0]} at index 0, which is the background: "
            "store a mask with black first, or as grey"
        )
    return indices


def _is_lossy(picture: Image.Image, path: Path) -> bool:
    """Whether the file's compression changes values."""
    if picture.format == "TIFF":
        return picture.info.get("compression") in ("jpeg", "tiff_jpeg")
    if picture.format == "WEBP":
        content, place = path.read_bytes(), 12  # RIFF, size, WEBP, then chunks of even length
        while place + 8 <= len(content):
            if content[place : place + 4] == b"VP8 ":  # lossless ones are VP8L
                return True
            size = int.from_bytes(content[place + 4 : place + 8], "little")
            place += 8 + size + size % 2
        return False
    return picture.format in ("JPEG", "MPO")


def _without_ringing(values: NDArray[np.int32], path: Path) -> NDArray[np.int32]:
    """A lossy mask of 0 and 255, cut at 128; others with at most two values as they are.

    Values near 0 alone may be small ids as well as ringing, and are not cut.
    """
    dark, light = values <= NEAR, values >= 255 - NEAR
    if light.any() and (dark | light).all():
        return np.where(values >= 128, 255, 0).astype(np.int32)
    count = len(np.unique(values))
    if count > 2:
        raise ValueError(
            f"{path} is lossy and has {count} different values, not all within {NEAR} of 0 or 255: compression changed "
            "them; store masks as PNG"
        )
    return values
