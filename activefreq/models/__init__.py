"""Whole networks, one readable file each. Those that need more packages than FreqFormer are imported at first use."""

from __future__ import annotations

import importlib
from typing import Any

from activefreq.models.checkpoint import load_network, save_network
from activefreq.models.freqformer import FreqFormer, FreqFormerConfig
from activefreq.models.refinement import refine

__all__ = [
    "FreqFormer",
    "FreqFormerConfig",
    "FreqMedCLIP",
    "FreqMedCLIPConfig",
    "FrequencyDisentangled",
    "FrequencyDisentangledConfig",
    "HFSTINet",
    "HFSTINetConfig",
    "load_network",
    "refine",
    "save_network",
]

_HOMES = {
    "FreqMedCLIP": "freqmedclip",
    "FreqMedCLIPConfig": "freqmedclip",
    "FrequencyDisentangled": "frequency_disentangled",
    "FrequencyDisentangledConfig": "frequency_disentangled",
    "HFSTINet": "hfsti_net",
    "HFSTINetConfig": "hfsti_net",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name in _HOMES:
        return getattr(importlib.import_module(f"activefreq.models.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'activefreq.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
