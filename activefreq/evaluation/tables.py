"""Evaluations as aligned plain text, the same on a terminal and in a pipe."""

from __future__ import annotations

import math
from collections.abc import Sequence

from activefreq.acselect import printed_name
from activefreq.evaluation.results import Evaluation

__all__ = ["aligned", "comparison", "curve_points", "headline"]


def curve_points(max_clicks: int) -> list[int]:
    """The k at which tables show mIoU@k: 1, 3, 5, 10, 20 as far as they go, and the last."""
    return [k for k in (1, 3, 5, 10, 20) if k < max_clicks] + [max_clicks]


def headline(evaluations: Sequence[Evaluation]) -> list[list[str]]:
    """Header and one row per evaluation: strategy, NoC, NoF, mIoU@k, seconds per click (- where none was timed)."""
    first = evaluations[0]
    points = curve_points(first.max_clicks)
    header = [
        "strategy",
        *(f"NoC@{key}" for key in first.noc),
        *(f"NoF@{key}" for key in first.nof),
        *(f"mIoU@{k}" for k in points),
        "s/click",
    ]
    return [header] + [
        [
            printed_name(evaluation.strategy),
            *(f"{value:.2f}" for value in evaluation.noc.values()),
            *(f"{value}" for value in evaluation.nof.values()),
            *(f"{evaluation.miou[k - 1]:.3f}" for k in points),
            "-" if math.isnan(evaluation.seconds_per_click) else f"{evaluation.seconds_per_click:.4f}",
        ]
        for evaluation in evaluations
    ]


def comparison(evaluations: Sequence[Evaluation]) -> str:
    """`headline` as text."""
    return aligned(headline(evaluations))


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of equal length as text: the first column to the left, the others to the right, two spaces between."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        numbers = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append("  ".join([row[0].ljust(widths[0]), *numbers]))
    return "\n".join(lines)
