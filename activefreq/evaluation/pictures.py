"""An object drawn with its true outline, the predicted one, and the numbered clicks."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from activefreq.clicks import POSITIVE
from activefreq.evaluation.examples import Example

__all__ = ["NEGATIVE_COLOUR", "POSITIVE_COLOUR", "PREDICTED_COLOUR", "TRUE_COLOUR", "draw_example"]

TRUE_COLOUR = "#ffffff"
PREDICTED_COLOUR = "#ffd21f"
POSITIVE_COLOUR = "#17a34a"
NEGATIVE_COLOUR = "#dc2f3c"
WIDTH = 460
DPI = 100
NUMBER: dict[str, Any] = {
    "color": "white",
    "fontsize": 7.5,
    "fontweight": "bold",
    "ha": "center",
    "va": "center_baseline",
}


def draw_example(example: Example) -> bytes:
    """A JPEG of the object, at most 460 pixels in either direction."""
    height, width = example.target.shape
    scale = WIDTH / max(height, width)
    figure = Figure(figsize=(max(width * scale, 1) / DPI, max(height * scale, 1) / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(_dimmed(example), interpolation="bilinear", aspect="auto")
    _outline(axes, example.target == 1, TRUE_COLOUR, 1.6)
    _outline(axes, example.prediction, PREDICTED_COLOUR, 1.6)
    for number, (y, x, label) in enumerate(example.result.clicks, start=1):
        colour = POSITIVE_COLOUR if label == POSITIVE else NEGATIVE_COLOUR
        axes.scatter([x], [y], s=150, color=colour, edgecolors="white", linewidths=1.1, zorder=3)
        axes.text(x, y, str(number), zorder=4, **NUMBER)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    return _jpeg(figure)


def _dimmed(example: Example) -> NDArray[np.float32]:
    """The image, half grey where pixels are ignored."""
    image = example.image.copy()
    ignored = example.target == -1
    image[ignored] = 0.5 * image[ignored] + 0.25
    return image


def _outline(axes: Axes, mask: NDArray[np.bool_], colour: str, width: float) -> None:
    if not mask.any():
        return
    padded = np.pad(mask, 1).astype(np.float32)  # so that outlines close at the image's border
    rows, columns = (np.arange(-1, n + 1) for n in mask.shape)
    lines = axes.contour(columns, rows, padded, levels=[0.5], colors=[colour], linewidths=[width])
    lines.set_path_effects([patheffects.withStroke(linewidth=width + 1.4, foreground="#00000099")])


def _jpeg(figure: Figure) -> bytes:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    file = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(file, format="JPEG", quality=88)
    return file.getvalue()
