"""The report's charts, as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from activefreq.acselect import printed_name
from activefreq.evaluation.metrics import clicks_to_reach, percent
from activefreq.evaluation.results import Evaluation

__all__ = ["COLOURS", "clicks_chart", "iou_chart"]

COLOURS = ("#5b6575", "#d98b0d", "#7a4fb5", "#0f8a6d", "#d1344b", "#1f77b4", "#8a5a2b", "#c25ca8")
INK = "#3b4250"
NEVER = "#e8a5a5"


def iou_chart(evaluations: Sequence[Evaluation]) -> bytes:
    """mIoU@k of every evaluation."""
    figure = Figure(figsize=_size(evaluations), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    for evaluation, colour in zip(evaluations, _colours(evaluations), strict=True):
        k = np.arange(1, evaluation.max_clicks + 1)
        name = printed_name(evaluation.strategy)
        axes.plot(k, evaluation.miou, color=colour, linewidth=1.8, marker="o", markersize=3, label=name)
    axes.axhline(max(evaluations[0].thresholds), color=INK, linewidth=0.8, linestyle=(0, (2, 3)))
    axes.set_xlabel("clicks k", color=INK)
    axes.set_ylabel("mIoU@k", color=INK)
    axes.set_ylim(top=1.0)
    axes.set_xticks(_steps(evaluations[0].max_clicks))
    axes.legend(frameon=False, labelcolor=INK, loc="best", fontsize=9)
    _plain(axes)
    return _png(figure)


def clicks_chart(evaluations: Sequence[Evaluation]) -> bytes:
    """How many objects needed how many clicks for the largest threshold, one panel per evaluation."""
    rows = len(evaluations)
    figure = Figure(figsize=_size(evaluations), dpi=160, layout="constrained")
    panels = figure.subplots(rows, 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    threshold = max(evaluations[0].thresholds)
    for axes, evaluation, colour in zip(panels, evaluations, _colours(evaluations), strict=True):
        first = clicks_to_reach(evaluation.ious, threshold)
        last = evaluation.max_clicks
        counts = np.bincount(first, minlength=last + 1)
        axes.bar(np.arange(1, last + 1), counts[1:], color=colour, width=0.82)
        axes.bar([last + 2], [counts[0]], color=NEVER, width=0.82)
        steps = _steps(last)
        axes.set_xticks([*steps, last + 2], [*(str(k) for k in steps), "never"])
        axes.set_title(printed_name(evaluation.strategy), loc="left", fontsize=9, color=colour, pad=2)
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        _plain(axes)
    panels[-1].set_xlabel(f"clicks until IoU ≥ {percent(threshold)} %", color=INK)
    figure.supylabel("objects", fontsize=10, color=INK)
    return _png(figure)


def _size(evaluations: Sequence[Evaluation]) -> tuple[float, float]:
    """Inches; both charts are of one height, which grows with the panels of the second."""
    return 6.0, max(3.9, 0.3 + 0.95 * len(evaluations))


def _steps(last: int) -> list[int]:
    return [k for k in (1, 5, 10, 15, 20) if k < last] + [last]


def _colours(evaluations: Sequence[Evaluation]) -> list[str]:
    if len(evaluations) == 1:
        return [COLOURS[5]]
    return [COLOURS[index % len(COLOURS)] for index in range(len(evaluations))]


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#c9ced6")
    axes.tick_params(colors=INK, labelsize=9, color="#c9ced6")
    axes.grid(axis="y", color="#e9ecf0", linewidth=0.8)
    axes.set_axisbelow(True)


def _png(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    file = io.BytesIO()
    figure.savefig(file, format="png", facecolor="white")
    return file.getvalue()
