"""Layers: what a network is built from."""

from activefreq.nn.freq_block import FeedForward, FreqBlock
from activefreq.nn.freq_module import AXIS_PAIRS, FreqModule

__all__ = ["AXIS_PAIRS", "FeedForward", "FreqBlock", "FreqModule"]
