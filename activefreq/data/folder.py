"""A folder of images/ and masks/, with or without split.csv."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from activefreq.data.pictures import find_pictures

__all__ = ["Pairs", "choose_split", "folder_pairs", "is_folder_layout", "read_splits"]

Pairs = list[tuple[str, Path, Path]]
IMAGES = "images"
MASKS = ("masks", "labels")
SPLITS = "split.csv"


def is_folder_layout(root: Path) -> bool:
    """Whether `root` has images/."""
    return (root / IMAGES).is_dir()


def folder_pairs(root: Path, masks: str | Path | None = None) -> tuple[dict[str, Pairs], dict[str, dict[str, str]]]:
    """Pairs by split ("all" where there is no split.csv), and the further columns of split.csv by stem.

    Args:
        root: holds images/ and masks/ (or labels/), files of equal stem, and maybe split.csv with the columns stem
            and split.
        masks: another folder of masks, inside `root` or anywhere.

    Raises:
        ValueError: a folder is missing or empty, an image has no mask, or split.csv cannot be used; the message names
            the file.
    """
    images = find_pictures(root / IMAGES) if (root / IMAGES).is_dir() else {}
    if not images:
        volumes = any((root / IMAGES).glob("*.nii*"))
        hint = "; its volumes (.nii) are for frequency-disentangled, which takes no clicks" if volumes else ""
        raise ValueError(f"{root / IMAGES} holds no images{hint}")
    mask_folder = _mask_folder(root, masks)
    mask_files = find_pictures(mask_folder)
    rows = read_splits(root / SPLITS, images) if (root / SPLITS).is_file() else {stem: {} for stem in images}
    missing = [stem for stem in rows if stem not in mask_files]
    if missing:
        named = ", ".join(images[stem].name for stem in missing[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ValueError(f"{mask_folder} has no mask for {named}{more}")
    splits: dict[str, Pairs] = {}
    for stem, row in rows.items():
        splits.setdefault(row.get("split", "all"), []).append((stem, images[stem], mask_files[stem]))
    further = {stem: {k: v for k, v in row.items() if k not in ("stem", "split")} for stem, row in rows.items()}
    return splits, further


def choose_split(splits: dict[str, Pairs], split: str | None, where: str) -> tuple[str, Pairs]:
    """The named split; None is test where there are splits, else everything; "all" is everything.

    Raises:
        ValueError: no such split; the message lists those there are.
    """
    everything = [pair for pairs in splits.values() for pair in pairs]
    if split is None:
        split = "all" if set(splits) == {"all"} else "test"
    if split == "all":
        return "all", everything
    if split not in splits:
        there_are = ", ".join(sorted(splits)) if set(splits) != {"all"} else "none, it has no split.csv"
        raise ValueError(f"{where} has no split {split!r}; there is {there_are}; --split all takes everything")
    return split, splits[split]


def _mask_folder(root: Path, masks: str | Path | None) -> Path:
    candidates = [root / name for name in MASKS] if masks is None else [root / masks, Path(masks)]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise ValueError(f"no folder of masks: looked for {' and '.join(str(c) for c in candidates)}")


def read_splits(path: Path, images: dict[str, Path]) -> dict[str, dict[str, str]]:
    """The rows of split.csv by stem; `images` are those there are.

    Raises:
        ValueError: it is no UTF-8, a column is missing, it has no row, a stem is named twice, or there is no such
            image; the message names the file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 text: {error}") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = {"stem", "split"} - set(reader.fieldnames or [])
    if missing:
        raise ValueError(f"{path} lacks the column {' and '.join(sorted(missing))}")
    rows: dict[str, dict[str, str]] = {}
    for row in reader:
        values = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
        if values["stem"] in rows:
            raise ValueError(f"{path} names {values['stem']} twice")
        rows[values["stem"]] = values
    if not rows:
        raise ValueError(f"{path} names no image")
    unknown = [stem for stem in rows if stem not in images]
    if unknown:
        raise ValueError(f"{path} names {unknown[0]}, of which there is no image ({len(unknown)} such)")
    return rows
