"""Operators: one file each, with schema, checks, kernel functions, fake function, backward and docstring."""

from activefreq.ops._native import backends
from activefreq.ops.band_split import band_merge, band_split
from activefreq.ops.click_maps import click_maps
from activefreq.ops.freq_mix import freq_mix
from activefreq.ops.haar import haar_dwt2, haar_idwt2
from activefreq.ops.label import label
from activefreq.ops.rfft2 import irfft2, rfft2
from activefreq.ops.roi_align import roi_align
from activefreq.ops.select_click import Selection, select_click
from activefreq.ops.spectral_filter import spectral_filter
from activefreq.ops.squared_distance import squared_distance

__all__ = [
    "Selection",
    "backends",
    "band_merge",
    "band_split",
    "click_maps",
    "freq_mix",
    "haar_dwt2",
    "haar_idwt2",
    "irfft2",
    "label",
    "rfft2",
    "roi_align",
    "select_click",
    "spectral_filter",
    "squared_distance",
]
