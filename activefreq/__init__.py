"""activefreq: click-based interactive segmentation with frequency-domain networks.

Everything below is imported when it is first used, so that the command line answers `--help` without loading torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from activefreq import acselect, evaluation, models, nn, ops, reference
    from activefreq.evaluation import Evaluation, evaluate
    from activefreq.models.freqformer import FreqFormer
    from activefreq.nn import FreqBlock, FreqModule, GlobalFilter
    from activefreq.predictor import load

__version__ = "0.1.0"

__all__ = [
    "Evaluation",
    "FreqBlock",
    "FreqFormer",
    "FreqModule",
    "GlobalFilter",
    "__version__",
    "acselect",
    "evaluate",
    "evaluation",
    "load",
    "models",
    "nn",
    "ops",
    "reference",
]

_HOMES = {
    "Evaluation": "activefreq.evaluation",
    "FreqBlock": "activefreq.nn",
    "FreqFormer": "activefreq.models.freqformer",
    "FreqModule": "activefreq.nn",
    "GlobalFilter": "activefreq.nn",
    "evaluate": "activefreq.evaluation",
    "load": "activefreq.predictor",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in __all__:
        return importlib.import_module(f"activefreq.{name}")
    raise AttributeError(f"module 'activefreq' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
