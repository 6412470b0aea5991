"""Whole networks, one readable file each."""

from activefreq.models.checkpoint import load_network, save_network
from activefreq.models.freqformer import FreqFormer, FreqFormerConfig
from activefreq.models.refinement import refine

__all__ = ["FreqFormer", "FreqFormerConfig", "load_network", "refine", "save_network"]
