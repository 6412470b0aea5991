"""Layers: what a network is built from."""

from activefreq.nn.freq_block import FeedForward, FreqBlock
from activefreq.nn.freq_module import AXIS_PAIRS, FreqModule
from activefreq.nn.frequency_spatial import FrequencySpatialInteraction
from activefreq.nn.global_filter import GlobalFilter
from activefreq.nn.mew_block import MEWBlock, MultiAxisExternalWeights
from activefreq.nn.recurrent_memory import RecurrentMemory
from activefreq.nn.refine_layer import Refined, RefineLayer

__all__ = [
    "AXIS_PAIRS",
    "FeedForward",
    "FreqBlock",
    "FreqModule",
    "FrequencySpatialInteraction",
    "GlobalFilter",
    "MEWBlock",
    "MultiAxisExternalWeights",
    "RecurrentMemory",
    "RefineLayer",
    "Refined",
]
