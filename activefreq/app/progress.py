"""Progress bars on standard error."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from activefreq.evaluation import Progress

__all__ = ["EvaluationBar", "ScoringBar", "TrainingBar"]


class EvaluationBar:
    """One line per strategy: objects done, clicks made, time left. Silent where standard error is no terminal."""

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


class TrainingBar:
    """One line for all steps of a run. Silent where standard error is no terminal.

    Args:
        epochs: of the run.
        hidden: show nothing, as processes other than the first do.
    """

    def __init__(self, epochs: int, hidden: bool = False) -> None:
        self._epochs = epochs
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("epoch {task.fields[epoch]}/" + str(epochs)),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TimeRemainingColumn(),
            console=console,
            disable=hidden or not console.is_terminal,
        )
        self._task = self._bar.add_task("train", total=None, epoch=0, loss="–")

    def __enter__(self) -> TrainingBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stop(self) -> None:
        """Leave the terminal to what is printed next."""
        self._bar.stop()

    def __call__(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """See `activefreq.training.loop.Progress`."""
        self._bar.update(
            self._task,
            total=self._epochs * steps,
            completed=epoch * steps + step,
            epoch=epoch + 1,
            loss=f"{loss:.4f}",
        )


class ScoringBar:
    """One line: items done, time left. Silent where standard error is no terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("scoring"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("score", total=None)

    def __enter__(self) -> ScoringBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, finished: int, total: int) -> None:
        """Show how far the scoring is."""
        self._bar.update(self._task, total=total, completed=finished)
