"""Every operator once more in plain torch: the readable specification that tests and benchmarks use.

One file per operator, named as in `activefreq.ops`. These run on any device torch runs on, slowly.
"""

from activefreq.reference.band_split import band_merge, band_split
from activefreq.reference.click_maps import click_maps
from activefreq.reference.freq_mix import freq_mix
from activefreq.reference.haar import haar_dwt2, haar_idwt2
from activefreq.reference.label import label
from activefreq.reference.rfft2 import irfft2, rfft2
from activefreq.reference.roi_align import roi_align
from activefreq.reference.select_click import select_click
from activefreq.reference.spectral_filter import spectral_filter
from activefreq.reference.squared_distance import squared_distance

__all__ = [
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
