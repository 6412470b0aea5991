"""The batched click loop, its metrics, and the report."""

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
