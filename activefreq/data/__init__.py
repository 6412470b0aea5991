"""Readers and the synthetic phantom: sequences of samples or of videos."""

from activefreq.data.opening import FORMATS, open_dataset
from activefreq.data.phantom import Phantom
from activefreq.data.samples import BrokenImageError, Dataset, Sample
from activefreq.data.video import Video, Videos, open_videos

__all__ = [
    "FORMATS",
    "BrokenImageError",
    "Dataset",
    "Phantom",
    "Sample",
    "Video",
    "Videos",
    "open_dataset",
    "open_videos",
]
