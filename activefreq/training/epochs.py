"""What every training run does: epochs, checkpoints that a killed run goes on from, validation, the best weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from activefreq.models.checkpoint import save_network
from activefreq.training.board import Board, summary_writer
from activefreq.training.configuration import Settings
from activefreq.training.process_group import ProcessGroup
from activefreq.training.state import TrainingState, check_before_training
from activefreq.training.weight_average import WeightAverage

__all__ = ["Figures", "Progress", "begin", "run_epochs"]

Figures = dict[str, float]


class NoNumberError(RuntimeError):
    """A loss that is infinite or no number: the weights are past help."""


class Progress(Protocol):
    """What the loop tells while it runs; the command line draws a bar from it."""

    def __call__(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Called after every step."""


def begin(
    network: nn.Module,
    samples: int,
    out: Path,
    settings: Settings,
    history: dict[str, Any],
    resume: bool,
    group: ProcessGroup,
) -> TrainingState:
    """The state of a run at its start, or where an earlier one stopped; nothing is written but half files removed.

    Parameters that want no gradient by now are not trained.

    Raises:
        ValueError: what is wrong with settings and folder, see `activefreq.training.loop.train`.
    """
    check_before_training(samples, out, settings, resume)
    if settings.batch_size % group.size:
        raise ValueError(f"train: batch_size {settings.batch_size} is no multiple of the {group.size} processes")
    summary_writer()
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer]
    optimizer = kind(trained, lr=settings.learning_rate, betas=(0.9, 0.999), weight_decay=settings.weight_decay)
    state = TrainingState(network, WeightAverage(network, settings.average), optimizer, history, settings)
    if resume and (out / "last.safetensors").exists():
        state.restore(out / "last.safetensors")
    if group.leads:
        for unfinished in out.glob(".*.safetensors.*"):  # of a run that was killed while it wrote
            unfinished.unlink(missing_ok=True)
    return state


def run_epochs(
    state: TrainingState,
    step: nn.Module,
    loss: Callable[[torch.Tensor, torch.Generator], torch.Tensor],
    samples: int,
    out: Path,
    group: ProcessGroup,
    validate: Callable[[nn.Module], Figures] | None = None,
    chooses: Callable[[Figures], float] = lambda figures: 0.0,
    pictures: Callable[[nn.Module], torch.Tensor | None] = lambda network: None,
    progress: Progress | None = None,
) -> Path:
    """Run the epochs that `state` still lacks.

    After each the state is written, last of all: a run killed at any moment does its epoch, and writes, again, with the
    same numbers.

    Args:
        state: from `begin`.
        step: holds the network; put into training mode for each epoch and out of it after.
        loss: of the items at these positions, (batch_size,) in all processes together, with the chance of the epoch:
            a scalar for this process's share.
        samples: how many items there are; what is left over after the last whole batch waits for the next epoch.
        out: the folder, made where it is missing; see `activefreq.training.loop.train` for what it gets.
        group: the processes.
        validate: called on the (averaged) network every settings.validate_every epochs and after the last.
        chooses: what is to be small, from the figures of an epoch that was validated.
        pictures: drawn after each validation, (N, 3, H, W) in [0, 1].
        progress: told of every step.

    Returns:
        The path of model.safetensors.
    """
    last, model = out / "last.safetensors", out / "model.safetensors"
    settings = state.settings
    steps = samples // settings.batch_size
    if group.leads and not state.epoch:
        state.save(last)  # from now on the folder is this run's
    with Board(out, state.epoch, steps) if group.leads else nullcontext() as board:
        for epoch in range(state.epoch, settings.epochs):
            started = time.perf_counter()
            try:
                losses = _epoch(state, step, loss, samples, group, board, progress)
            except NoNumberError:
                if group.leads and not epoch:
                    last.unlink()  # nothing is lost with it, and the folder is free for another try
                raise
            figures = {"epoch": epoch + 1, "loss": sum(losses) / steps}
            seconds = time.perf_counter() - started
            state.epoch = epoch + 1
            due = settings.validate_every and state.epoch % settings.validate_every == 0
            chosen_by = float("inf") if validate else -1.0
            if validate is not None and (due or state.epoch == settings.epochs):
                figures |= validate(state.average.network)
                chosen_by = chooses(figures)
                if board:
                    board.validation(state.epoch, figures, pictures(state.average.network))
            better, state.best = chosen_by < state.best, min(state.best, chosen_by) if validate else state.best
            if board:
                if better or not model.exists():
                    save_network(model, state.average.network, {**state.history, "figures": figures}, torch.float16)
                board.epoch({**figures, "seconds": round(seconds, 3)})
                state.save(last)
    if group.leads and not model.exists():  # a finished run whose weights were removed
        save_network(model, state.average.network, state.history, torch.float16)
    return model


def _epoch(
    state: TrainingState,
    step: nn.Module,
    loss: Callable[[torch.Tensor, torch.Generator], torch.Tensor],
    samples: int,
    group: ProcessGroup,
    board: Board | None,
    progress: Progress | None,
) -> list[float]:
    """Run the epoch after `state.epoch`; what happens in it depends on settings.seed and its number only."""
    epoch, network, settings = state.epoch, state.network, state.settings
    seed = settings.seed * 1_000_003 + epoch
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed + group.rank * 7_919_000_003)  # stochastic depth, dropout
    step.train()
    steps = samples // settings.batch_size
    order = torch.randperm(samples, generator=generator)
    losses = []
    for number in range(steps):
        rate = settings.rate(epoch * steps + number, steps)
        for parameters in state.optimizer.param_groups:
            parameters["lr"] = rate
        value = loss(order[number * settings.batch_size : (number + 1) * settings.batch_size], generator)
        mean = group.mean(value.detach()).item()
        if not math.isfinite(mean):  # in every process alike
            kept = "the weights of the epoch before are kept" if epoch else "nothing is kept of so short a run"
            raise NoNumberError(
                f"train: the loss of step {number + 1} in epoch {epoch + 1} is {mean}; {kept}. Less than "
                f"{settings.learning_rate:g} of --learning-rate or {settings.gradient_norm:g} of --gradient-norm may "
                "help, or more --warmup-steps with --schedule cosine"
            )
        state.optimizer.zero_grad(set_to_none=True)
        value.backward()
        if settings.gradient_norm:
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings.gradient_norm)
        state.optimizer.step()
        state.average.update(network, epoch * steps + number)
        losses.append(mean)
        if board:
            board.step(epoch * steps + number, losses[-1], rate)
        if progress:
            progress(epoch, number + 1, steps, losses[-1])
    step.eval()
    group.share_buffers(network)
    group.share_buffers(state.average.network)
    return losses
