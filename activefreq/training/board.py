"""What a run writes for people while it goes on: log.jsonl, and curves and pictures for TensorBoard."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["Board", "summary_writer"]


def summary_writer() -> type[SummaryWriter]:
    """TensorBoard's writer.

    Raises:
        ValueError: tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ValueError("train: the curves need tensorboard: pip install 'activefreq[train]'") from None
    return SummaryWriter


class Board:
    """Writes to `out`, which exists. Use as a context manager.

    Args:
        out: the run's folder.
        epoch: the one to begin with; what an earlier process noted of it and of later ones is dropped.
        steps: per epoch.
    """

    def __init__(self, out: Path, epoch: int, steps: int) -> None:
        self._steps = steps
        self._log = out / "log.jsonl"
        if self._log.exists():
            kept = self._log.read_text(encoding="utf-8").splitlines(keepends=True)[:epoch]
            shorter = self._log.with_suffix(".part")
            shorter.write_text("".join(kept), encoding="utf-8")
            shorter.replace(self._log)
        self._writer = summary_writer()(str(out / "tensorboard"), purge_step=epoch * steps)

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.close()

    def step(self, step: int, loss: float, rate: float) -> None:
        """Note one step, counted from 0 over the whole run."""
        self._writer.add_scalar("loss", loss, step)
        self._writer.add_scalar("learning_rate", rate, step)

    def validation(self, epochs: int, figures: dict[str, float], pictures: torch.Tensor | None) -> None:
        """Note what was measured after so many epochs; `pictures` is (N, 3, H, W) in [0, 1]."""
        for name, value in figures.items():
            self._writer.add_scalar(f"validation/{name}", value, epochs * self._steps)
        if pictures is not None:
            self._writer.add_images("validation/pictures", pictures, epochs * self._steps)

    def epoch(self, figures: dict[str, float]) -> None:
        """Add a line to log.jsonl."""
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(figures) + "\n")
