"""What `activefreq train` does around a run of either kind: processes, progress bar, Ctrl-C, the last lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import typer

from activefreq.app.progress import TrainingBar

if TYPE_CHECKING:
    from torch import nn

    from activefreq.training.process_group import ProcessGroup

__all__ = ["TrainingRequest", "begin_encoder", "run_in_processes", "validation_data"]


@dataclass(frozen=True)
class TrainingRequest:
    """What was asked for on the command line, whatever the network."""

    data: str
    out: Path
    split: str
    validation_split: str
    limit: int | None
    reading: dict[str, Any]
    """Further options of the data that were given."""
    settings: dict[str, Any]
    """Fields of the run's configuration that were given."""
    device: str
    threads: int | None
    resume: bool
    plain_loop: bool = False
    """Whether a plain loop is timed at the end."""

    def decides(self) -> dict[str, Any]:
        """What of the data a resumed run must share; of paths their last part, as records travel with the weights."""
        plain = {key: value.name if isinstance(value, Path) else value for key, value in self.reading.items()}
        return {"reading": plain, "validation_split": self.validation_split}


def run_in_processes(
    request: TrainingRequest,
    epochs: int,
    run: Callable[[ProcessGroup, TrainingBar], Path],
    afterwards: Callable[[ProcessGroup], None] = lambda group: None,
) -> None:
    """Call `run` in the processes that torch's launcher started, and say where the weights are.

    Args:
        request: what was asked for.
        epochs: of the run.
        run: given the processes and what to tell of every step; returns the path of the weights.
        afterwards: called at the end by the process that prints, when the others may have ended.
    """
    import torch

    from activefreq.training.process_group import launched_processes

    with (
        launched_processes(request.device) as group,
        TrainingBar(epochs, hidden=not group.leads) as progress,
    ):
        if request.threads is not None:
            torch.set_num_threads(request.threads)
        try:
            path = run(group, progress)
        except KeyboardInterrupt:
            progress.stop()
            typer.echo(f"interrupted: {_kept(request.out)}", err=True)
            raise typer.Exit(130) from None
        if group.leads:
            typer.echo(_kept_epoch(path))
            typer.echo(f"weights: {path}")
            typer.echo(_seconds(request.out / "log.jsonl"))
    if group.leads:
        afterwards(group)


@contextmanager
def validation_data(request: TrainingRequest) -> Iterator[None]:
    """Where the validation split is opened: an error there says how to train with another, or with none."""
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"train: to validate on {request.validation_split}: {error}; --validation-split takes another split, "
            "--validate-every 0 trains without one"
        ) from error


def begin_encoder(
    network: nn.Module, encoder_from: str | None, request: TrainingRequest, history: dict[str, Any], leads: bool
) -> None:
    """Load what --encoder-from names, and say and record it; a run that goes on has its weights already.

    Raises:
        ValueError: see `activefreq.training.encoder_start.start_encoder`.
    """
    if not encoder_from or (request.resume and (request.out / "last.safetensors").exists()):
        return
    from activefreq.training.encoder_start import start_encoder

    start = start_encoder(network, encoder_from)
    history["encoder_from"] = {**start.as_dict(), "source": Path(encoder_from).name}
    if leads:
        typer.echo(start)


def _kept(out: Path) -> str:
    from activefreq.models.checkpoint import read_header

    last = out / "last.safetensors"
    if not last.exists():
        return "nothing was written"
    finished = int(read_header(last)["epoch"])
    if not finished:
        return "no epoch was finished; the same command with --resume begins anew"
    epochs = "1 finished epoch is" if finished == 1 else f"{finished} finished epochs are"
    return f"{epochs} kept in {out}; the same command with --resume goes on"


def _kept_epoch(path: Path) -> str:
    """What the weights are: "kept: epoch 12 of 40, NoC@90 3.310, training loss 0.5417"."""
    from activefreq.models.checkpoint import read_header

    history = read_header(path)["history"]
    figures = dict(history.get("figures") or {})
    epoch, loss = figures.pop("epoch", "?"), figures.pop("loss", None)
    said = [f"{name.replace('noc', 'NoC@').replace('dice', 'Dice')} {value:.3f}" for name, value in figures.items()]
    said += [] if loss is None else [f"training loss {loss:.4f}"]
    return ", ".join([f"kept: epoch {epoch} of {history['training']['epochs']}", *said])


def _seconds(log: Path) -> str:
    epochs = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    seconds = [epoch["seconds"] for epoch in epochs if "seconds" in epoch]  # older runs did not note them
    typical = f"{median(seconds):.1f}" if seconds else "unknown"
    return f"seconds per epoch: {typical}, without validation"
