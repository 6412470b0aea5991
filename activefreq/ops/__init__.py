"""Operators: one file each, with schema, checks, kernel functions, fake function, backward and docstring."""

from activefreq.ops._native import backends
from activefreq.ops.click_maps import click_maps
from activefreq.ops.freq_mix import freq_mix
from activefreq.ops.spectral_filter import spectral_filter

__all__ = ["backends", "click_maps", "freq_mix", "spectral_filter"]
