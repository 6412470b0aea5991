"""Layers: what a network is built from."""

from activefreq.nn.freq_block import FeedForward, FreqBlock
from activefreq.nn.freq_module import FreqModule

__all__ = ["FeedForward", "FreqBlock", "FreqModule"]
