"""The batched click loop, its metrics, and the report.

`loop.py` leads the rounds. On the host, part by part, it takes any predictor and any strategy. On CUDA, for a predictor
that can be recorded and a strategy of `select_click`, a round is a function of tensors that stay on the device
(`device_group.py`), replayed as one CUDA graph (`cuda_graph.py`): the host reads one small table per round, and opens
the next objects while the device is at work. Both give the same clicks.
"""

from activefreq.evaluation.comparison import Comparison, compare
from activefreq.evaluation.evaluator import Progress, evaluate
from activefreq.evaluation.interfaces import Dataset, Sample
from activefreq.evaluation.objects import ObjectResult
from activefreq.evaluation.results import Evaluation
from activefreq.evaluation.timing import Timing

__all__ = [
    "Comparison",
    "Dataset",
    "Evaluation",
    "ObjectResult",
    "Progress",
    "Sample",
    "Timing",
    "compare",
    "evaluate",
]
