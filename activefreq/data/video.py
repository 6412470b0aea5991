"""Videos from a folder of numbered frames and their masks: whole ones, or clips of a few frames."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from activefreq.data.folder import Pairs, choose_split, folder_pairs
from activefreq.data.pictures import read_image, read_mask

__all__ = ["CVC_CLINICDB_STARTS", "Video", "Videos", "open_videos"]

CVC_CLINICDB_STARTS = (
    1, 26, 51, 68, 79, 104, 127, 152, 178, 200, 206, 228, 253, 278, 298,
    318, 343, 364, 384, 409, 429, 448, 467, 479, 504, 529, 547, 572, 592,
)  # fmt: skip
"""First frames of the 29 videos of CVC-ClinicDB (Bernal et al. 2015), by its own numbering of its 612 frames.

The archive holds the frames in order and no list of videos; these are the places where neighbouring frames jump.
"""

_CVC_CLINICDB_FRAMES = 612
_VIDEOS = "videos.csv"


@dataclass(frozen=True)
class Video:
    """Some frames of a video, in order."""

    name: str
    """Of the video; clips add the first frame: 3@127."""
    frames: tuple[str, ...]
    """Names of the frames, unique in the data set."""
    video: str
    """The video they are from."""
    images: NDArray[np.uint8]
    """(T, H, W, 3) RGB."""
    masks: NDArray[np.bool_]
    """(T, H, W): where there is an object."""


class Videos:
    """A sequence of videos or clips, decoded when they are asked for.

    Args:
        name, split: as of a `Dataset`.
        videos: name → (stem, image file, mask file) of its frames, in order.
        clip: frames of a clip; None: whole videos. A video of n frames is cut into ceil(n / clip) clips that cover it,
            the last one moved back to end with it; shorter videos are clips of their own length.
        limit: the first N videos or clips.

    Raises:
        ValueError: a clip without frames, a limit under 1, or nothing left.
    """

    def __init__(
        self, name: str, split: str, videos: dict[str, Pairs], clip: int | None = None, limit: int | None = None
    ) -> None:
        if clip is not None and clip < 1:
            raise ValueError(f"open_videos: clip must be at least one frame, got {clip}")
        if limit is not None and limit < 1:
            raise ValueError(f"open_videos: limit must be at least 1, got {limit}")
        self.name, self.split = name, split
        self._entries: list[tuple[str, str, Pairs]] = []
        for video, frames in videos.items():
            if clip is None:
                self._entries.append((video, video, frames))
                continue
            for start in range(0, len(frames), clip):
                first = max(0, min(start, len(frames) - clip))
                self._entries.append((f"{video}@{frames[first][0]}", video, frames[first : first + clip]))
        if limit is not None:
            del self._entries[limit:]
        if not self._entries:
            raise ValueError(f"{name}: no video is left in split {split!r}")

    @property
    def names(self) -> list[str]:
        """Names of the videos or clips."""
        return [entry[0] for entry in self._entries]

    @property
    def fingerprint(self) -> str:
        """A digest of names and file sizes, so that one data set's results are not taken for another's."""
        digest = hashlib.blake2b(digest_size=16)
        for name, _, frames in self._entries:
            for stem, image, mask in frames:
                digest.update(f"{name}|{stem}|{image.stat().st_size}|{mask.stat().st_size}\n".encode())
        return digest.hexdigest()

    def __len__(self) -> int:
        """Number of videos or clips."""
        return len(self._entries)

    def __getitem__(self, index: int) -> Video:
        """Decode one.

        Raises:
            BrokenImageError: a file does not decode.
            ValueError: a frame and its mask, or two frames, differ in size; the message names the file.
        """
        name, video, frames = self._entries[index]
        images = [read_image(image) for _, image, _ in frames]
        masks = [read_mask(mask) != 0 for _, _, mask in frames]
        for (_, image, mask), pixels, marked in zip(frames, images, masks, strict=True):
            if pixels.shape != images[0].shape:
                raise ValueError(f"{image} is {_size(pixels)} pixels, but video {video} starts with {_size(images[0])}")
            if marked.shape != pixels.shape[:2]:
                raise ValueError(f"{mask} is {_size(marked)} pixels, but its image is {_size(pixels)}")
        return Video(name, tuple(stem for stem, _, _ in frames), video, np.stack(images), np.stack(masks))


def open_videos(
    data: str | Path,
    split: str | None = None,
    clip: int | None = None,
    limit: int | None = None,
    starts: Sequence[str | int] | None = None,
    masks: str | Path | None = None,
) -> Videos:
    """Open a folder of frames as videos.

    The folder has images/ and masks/ (or labels/) with files of equal stem, and maybe split.csv (stem, split). Frames
    are put in the order of their stems, numbers by value. Where videos begin is said by, in this order: `starts`;
    videos.csv with the columns stem and video; a column video of split.csv; and for CVC-ClinicDB, known by its 612
    numbered frames, by `CVC_CLINICDB_STARTS`.

    Args:
        data: the folder.
        split: None is test where the data has splits, else everything; "all" is everything.
        clip: frames of a clip; None: whole videos.
        limit: the first N videos or clips.
        starts: the first frame of each video, by stem or by number; videos are then named 1, 2, …
        masks: folder of masks, where it is neither masks/ nor labels/.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: nothing says where videos begin, a start that is no frame, a video in two splits, a clip or limit
            under 1, or what `folder_pairs` refuses; the message names it.
    """
    root = Path(data)
    if not root.is_dir():
        raise FileNotFoundError(f"open_videos: {data}: no such folder")
    splits, further = folder_pairs(root, masks)
    stems = sorted((stem for pairs in splits.values() for stem, _, _ in pairs), key=_natural)
    video_of = _assign(root, stems, further, starts)
    split_of = {stem: name for name, pairs in splits.items() for stem, _, _ in pairs}
    first_split: dict[str, str] = {}
    for stem in stems:
        video = video_of[stem]
        if first_split.setdefault(video, split_of[stem]) != split_of[stem]:
            raise ValueError(
                f"{root}: video {video} is in the splits {first_split[video]} and {split_of[stem]} (frame {stem}); "
                "split by video"
            )
    chosen, pairs = choose_split(splits, split, str(data))
    videos: dict[str, Pairs] = {}
    for pair in sorted(pairs, key=lambda pair: _natural(pair[0])):
        videos.setdefault(video_of[pair[0]], []).append(pair)
    return Videos(root.resolve().name, chosen, videos, clip, limit)


def _assign(
    root: Path, stems: list[str], further: dict[str, dict[str, str]], starts: Sequence[str | int] | None
) -> dict[str, str]:
    """Which video each frame is from."""
    if starts is not None:
        return _cut(root, stems, starts)
    if (root / _VIDEOS).is_file():
        return _read_videos(root / _VIDEOS, stems)
    if all(further[stem].get("video") for stem in stems):
        return {stem: further[stem]["video"] for stem in stems}
    if [_number(stem) for stem in stems] == list(range(1, _CVC_CLINICDB_FRAMES + 1)):
        return _cut(root, stems, CVC_CLINICDB_STARTS)
    raise ValueError(
        f"{root}: nothing says where videos begin: add {_VIDEOS} with the columns stem and video, a column video to "
        "split.csv, or say which frames begin one (--task-option starts=1,26,76)"
    )


def _cut(root: Path, stems: list[str], starts: Sequence[str | int]) -> dict[str, str]:
    """Videos 1, 2, … that begin at the frames of these stems or numbers."""
    named = {stem: stem for stem in stems}
    numbered = {_number(stem): stem for stem in stems if _number(stem) is not None}
    first = set()
    for start in starts:
        stem = numbered.get(start) if isinstance(start, int) else named.get(start)
        if stem is None:
            raise ValueError(f"{root}: there is no frame {start!r} for a video to start at")
        first.add(stem)
    if stems[0] not in first:
        raise ValueError(f"{root}: the first frame, {stems[0]}, must start a video, got {list(starts)[:3]}…")
    videos, count = {}, 0
    for stem in stems:
        count += stem in first
        videos[stem] = str(count)
    return videos


def _read_videos(path: Path, stems: list[str]) -> dict[str, str]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = {"stem", "video"} - set(reader.fieldnames or [])
        if missing:
            raise ValueError(f"{path} lacks the column {' and '.join(sorted(missing))}")
        videos = {(row["stem"] or "").strip(): (row["video"] or "").strip() for row in reader}
    without = [stem for stem in stems if not videos.get(stem)]
    if without:
        raise ValueError(f"{path} names no video for {without[0]} ({len(without)} such frames)")
    return videos


def _natural(stem: str) -> list[tuple[int, int, str]]:
    """Sorts a2 before a10."""
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", stem)]


def _number(stem: str) -> int | None:
    return int(stem) if stem.isdecimal() else None


def _size(values: NDArray[np.generic]) -> str:
    return " × ".join(str(n) for n in values.shape[:2])
