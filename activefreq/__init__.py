"""activefreq: click-based interactive segmentation with frequency-domain networks.

Layers and operators load with the package; what needs the encoder library (`FreqFormer`, `load`) or the evaluator
loads when it is first used, so that `import activefreq` stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from activefreq import acselect, nn, ops, reference
from activefreq.nn import FreqBlock, FreqModule

if TYPE_CHECKING:
    from activefreq.evaluation import Evaluation, evaluate
    from activefreq.models import FreqFormer
    from activefreq.predictor import load

__version__ = "0.1.0"

__all__ = [
    "Evaluation",
    "FreqBlock",
    "FreqFormer",
    "FreqModule",
    "__version__",
    "acselect",
    "evaluate",
    "load",
    "nn",
    "ops",
    "reference",
]

_LATER = {
    "Evaluation": "activefreq.evaluation",
    "FreqFormer": "activefreq.models",
    "evaluate": "activefreq.evaluation",
    "load": "activefreq.predictor",
}


def __getattr__(name: str) -> object:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'activefreq' has no attribute {name!r}")
