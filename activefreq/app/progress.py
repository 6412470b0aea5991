"""A progress bar on standard error, silent where that is no terminal."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from activefreq.evaluation import Progress

__all__ = ["EvaluationBar"]


class EvaluationBar:
    """One line per strategy: objects done, clicks made, time left."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("objects, {task.fields[clicks]} clicks"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> EvaluationBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, strategy: str) -> None:
        """Start a strategy's line."""
        self._task = self._bar.add_task(strategy, total=None, clicks=0)

    def __call__(self, progress: Progress) -> None:
        """Show how far the strategy begun last is."""
        self._bar.update(self._task, total=progress.total, completed=progress.finished, clicks=progress.clicks)
