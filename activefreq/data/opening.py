"""From what a person types after --data to a data set."""

from __future__ import annotations

from pathlib import Path

from activefreq.data.folder import choose_split, folder_pairs, is_folder_layout
from activefreq.data.given_masks import GivenMasks
from activefreq.data.isic2017 import is_official_layout, official_pairs
from activefreq.data.paired_files import Objects, PairedFiles
from activefreq.data.phantom import Phantom
from activefreq.data.samples import Dataset

__all__ = ["FORMATS", "open_dataset"]

FORMATS = ("auto", "folder", "isic2017")


def open_dataset(
    data: str | Path,
    format: str = "auto",
    split: str | None = None,
    masks: str | Path | None = None,
    ignore: int | None = None,
    objects: Objects = "separate",
    skip_broken: bool = False,
    limit: int | None = None,
    seed: int = 0,
    given_masks: str | Path | None = None,
) -> Dataset:
    """Open a data set.

    Args:
        data: "phantom", or a folder: images/ with masks/, or the official folders of ISIC-2017. Phantom takes split,
            limit and seed; `objects` changes nothing, for each of its masks holds one.
        format: "auto" looks; "folder" and "isic2017" insist.
        split: None is test where the data has splits, else everything; "all" is everything.
        masks: folder of masks, where it is neither masks/ nor labels/. The official folders of ISIC-2017 have their
            own.
        ignore: mask value that takes no part, for example 128.
        objects: "separate": every id of a mask is a sample; "merged": all of them are one object.
        skip_broken: leave out files that do not decode, and list them.
        limit: the first N objects.
        seed: of phantom.
        given_masks: folder of masks to be corrected, one per image, of equal stem; samples have them as `given`.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: unknown format or split, an option that is not for this data, nothing in it, or a file that cannot
            be used; the message names it.
    """
    if format not in FORMATS:
        raise ValueError(f"--format must be one of {', '.join(FORMATS)}, got {format!r}")
    if objects not in ("separate", "merged"):
        raise ValueError(f"--objects must be separate or merged, got {objects!r}")
    if ignore == 0:
        raise ValueError("--ignore 0 would leave the whole background out; ignore a value that is neither 0 nor an id")
    if limit is not None and limit < 1:
        raise ValueError(f"--limit must be at least 1, got {limit}")
    if str(data) == "phantom":
        given = {"format": format != "auto", "masks": masks is not None, "ignore": ignore is not None}
        for name, is_given in (given | {"skip-broken": skip_broken, "given-masks": given_masks is not None}).items():
            if is_given:
                raise ValueError(f"--{name} is not for phantom, which reads no files; it takes split, limit and seed")
        return Phantom(split or "test", seed=seed, limit=limit)
    root = Path(data)
    if not root.is_dir():
        raise FileNotFoundError(f"--data {data}: no such folder (phantom, or a folder of images and masks)")
    official = is_official_layout(root)
    further: dict[str, dict[str, str]] | None
    if format == "auto" and not official and not is_folder_layout(root):
        raise ValueError(f"--data {data}: holds neither images/ nor the folders of ISIC-2017")
    if format == "isic2017" and not official:
        raise ValueError(f"--format isic2017: {data} does not hold the official folders of ISIC-2017")
    if official and format != "folder":
        if masks is not None:
            raise ValueError(
                f"--masks {masks} is not for the official folders of ISIC-2017 in {data}, which have their own masks; "
                "--format folder reads images/ with other ones"
            )
        splits, further = official_pairs(root), None
    else:
        splits, further = folder_pairs(root, masks)
    name = "isic2017" if official else root.resolve().name
    chosen, pairs = choose_split(splits, split, str(data))
    start = None if given_masks is None else GivenMasks(given_masks)
    return PairedFiles(name, chosen, pairs, ignore, objects, skip_broken, limit, further, start)
