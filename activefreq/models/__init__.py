"""Whole networks, one readable file each."""

from activefreq.models.checkpoint import load_network, save_network
from activefreq.models.freqformer import FreqFormer, FreqFormerConfig

__all__ = ["FreqFormer", "FreqFormerConfig", "load_network", "save_network"]
