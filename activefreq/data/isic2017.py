"""ISIC-2017 in the layout of its official archives (Codella et al. 2018, part 1: lesion segmentation)."""

from __future__ import annotations

from pathlib import Path

from activefreq.data.folder import Pairs
from activefreq.data.pictures import find_pictures

__all__ = ["is_official_layout", "official_pairs"]

_FOLDERS = {
    "train": ("ISIC-2017_Training_Data", "ISIC-2017_Training_Part1_GroundTruth"),
    "val": ("ISIC-2017_Validation_Data", "ISIC-2017_Validation_Part1_GroundTruth"),
    "test": ("ISIC-2017_Test_v2_Data", "ISIC-2017_Test_v2_Part1_GroundTruth"),
}
_SUFFIX = "_segmentation"


def is_official_layout(root: Path) -> bool:
    """Whether `root` holds at least one of the official folders of images."""
    return any((root / images).is_dir() for images, _ in _FOLDERS.values())


def official_pairs(root: Path) -> dict[str, Pairs]:
    """Pairs by split: …_Data/ISIC_*.jpg with …_Part1_GroundTruth/ISIC_*_segmentation.png; superpixels are left out.

    Raises:
        ValueError: a split has images and no folder of masks, or an image without a mask; the message names it.
    """
    splits: dict[str, Pairs] = {}
    for split, (image_folder, mask_folder) in _FOLDERS.items():
        if not (root / image_folder).is_dir():
            continue
        if not (root / mask_folder).is_dir():
            raise ValueError(f"{root} has {image_folder}, but not its masks in {mask_folder}")
        images = find_pictures(root / image_folder)
        images = {stem: path for stem, path in images.items() if not stem.endswith("_superpixels")}
        masks = {stem.removesuffix(_SUFFIX): path for stem, path in find_pictures(root / mask_folder).items()}
        missing = [path.name for stem, path in images.items() if stem not in masks]
        if missing:
            raise ValueError(f"{root / mask_folder} has no mask for {', '.join(missing[:3])} ({len(missing)} in all)")
        splits[split] = [(stem, path, masks[stem]) for stem, path in images.items()]
    return splits
