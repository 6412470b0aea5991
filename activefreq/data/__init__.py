"""Readers and the synthetic phantom: sequences of samples."""

from activefreq.data.opening import FORMATS, open_dataset
from activefreq.data.phantom import Phantom
from activefreq.data.samples import BrokenImageError, Dataset, Sample

__all__ = ["FORMATS", "BrokenImageError", "Dataset", "Phantom", "Sample", "open_dataset"]
