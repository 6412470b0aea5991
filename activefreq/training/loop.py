"""The training loop: iterative clicks, checkpoints that a killed run goes on from, validation by NoC."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from activefreq.data.samples import Dataset
from activefreq.models.checkpoint import save_network
from activefreq.models.freqformer import FreqFormer
from activefreq.training.augmentation import augment
from activefreq.training.board import Board, summary_writer
from activefreq.training.chance import Chance
from activefreq.training.configuration import TrainingConfig
from activefreq.training.pictures import click_pictures
from activefreq.training.pixels import load_pixels
from activefreq.training.process_group import ProcessGroup
from activefreq.training.refine_step import RefineStep
from activefreq.training.state import TrainingState, check_before_training
from activefreq.training.steps import CoarseStep
from activefreq.training.weight_average import WeightAverage

__all__ = ["Progress", "train"]


class Progress(Protocol):
    """What the loop tells while it runs; the command line draws a bar from it."""

    def __call__(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Called after every step."""


def train(
    network: FreqFormer,
    dataset: Dataset,
    out: str | Path,
    config: TrainingConfig,
    history: dict[str, Any] | None = None,
    validate: Callable[[FreqFormer], dict[str, float]] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    pictured: tuple[torch.Tensor, torch.Tensor] | None = None,
    group: ProcessGroup | None = None,
) -> Path:
    """Train a network and leave its weights in `out`.

    Written to `out`, each atomically: `last.safetensors` after every epoch (weights, their average and optimiser
    state, what `resume` goes on from), `model.safetensors` (half precision: the best validated epoch, or the newest
    where there is no validation), `log.jsonl` (one line per epoch, with its seconds) and TensorBoard events. With
    config.average, what is validated and kept is the average.

    Of several processes the first one writes; every one needs to read `out` and has the whole data set in memory.

    Args:
        network: trained in place, on the device it is on.
        dataset: samples, resized to config.crop and held in memory.
        out: folder, made where it is missing.
        config: everything else.
        history: what to record in the checkpoint beside the configuration (data, command).
        validate: called every config.validate_every epochs; returns figures, of which "noc90" chooses (less is better).
        resume: go on from last.safetensors.
        progress: told of every step.
        pictured: images and masks as `load_pixels` gives them, drawn with simulated clicks after each validation.
        group: the processes that train together, `network` being on this one's device; None: this one alone.

    Returns:
        The path of model.safetensors.

    Raises:
        ValueError: fewer samples than a batch, a batch that the processes cannot share, an `out` that is a file or
            holds something else, a run to resume that had other data or settings, or no tensorboard.
    """
    out = Path(out)
    device = next(network.parameters()).device
    group = group or ProcessGroup(device=device)
    last, model = out / "last.safetensors", out / "model.safetensors"
    history = {
        **(history or {}),
        "samples": len(dataset),
        "fingerprint": getattr(dataset, "fingerprint", None),
        "training": config.as_dict(),
    }
    check_before_training(dataset, out, config, resume)
    if config.batch_size % group.size:
        raise ValueError(f"train: batch_size {config.batch_size} is no multiple of the {group.size} processes")
    summary_writer()
    # Convolutions of the encoder are a sixth faster so. The filters want their weights as they are.
    network.encoder.to(memory_format=torch.channels_last)
    step = (CoarseStep if config.stage == "coarse" else RefineStep)(network, config)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=config.learning_rate, betas=(0.9, 0.999), weight_decay=config.weight_decay
    )
    state = TrainingState(network, WeightAverage(network, config.average), optimizer, history)
    if resume and last.exists():
        state.restore(last)
    shared = group.share_gradients(step)
    images, masks = load_pixels(dataset, config.crop)
    steps = len(dataset) // config.batch_size
    if group.leads and not state.epoch:
        state.save(last)  # from now on the folder is this run's
    with Board(out, state.epoch, steps) if group.leads else nullcontext() as board:
        for epoch in range(state.epoch, config.epochs):
            started = time.perf_counter()
            losses = _epoch(state, shared, images, masks, config, group, board, progress)
            figures = {"epoch": epoch + 1, "loss": sum(losses) / steps}
            seconds = time.perf_counter() - started
            state.epoch = epoch + 1
            due = config.validate_every and state.epoch % config.validate_every == 0
            if validate is not None and (due or state.epoch == config.epochs):
                figures |= validate(state.average.network)
                if board:
                    board.validation(state.epoch, figures, _pictures(state.average.network, pictured))
            noc = figures.get("noc90", float("inf") if validate else -1.0)
            better, state.best = noc < state.best, min(state.best, noc) if validate else state.best
            if board:
                # The state last: a run killed in between does the epoch, and writes, again.
                if better or not model.exists():
                    save_network(model, state.average.network, {**history, "figures": figures}, torch.float16)
                board.epoch({**figures, "seconds": round(seconds, 3)})
                state.save(last)
    return model


def _epoch(
    state: TrainingState,
    step: nn.Module,
    images: torch.Tensor,
    masks: torch.Tensor,
    config: TrainingConfig,
    group: ProcessGroup,
    board: Board | None,
    progress: Progress | None,
) -> list[float]:
    """Run the epoch after `state.epoch`; what happens in it depends on config.seed and its number only."""
    epoch, network, device = state.epoch, state.network, group.device
    seed = config.seed * 1_000_003 + epoch
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed + group.rank * 7_919_000_003)  # stochastic depth
    step.train()
    steps = len(images) // config.batch_size
    order = torch.randperm(len(images), generator=generator)
    rows = group.rows(config.batch_size)
    losses = []
    for number in range(steps):
        rate = config.rate(epoch * steps + number, steps)
        for parameters in state.optimizer.param_groups:
            parameters["lr"] = rate
        pick = order[number * config.batch_size : (number + 1) * config.batch_size][rows]
        chance = Chance(generator, config.batch_size, rows, device)
        batch = augment(images[pick].to(device).float() / 255, masks[pick].to(device), chance, zoom=config.zoom)
        loss = step(*batch, chance)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        state.optimizer.step()
        state.average.update(network, epoch * steps + number)
        losses.append(group.mean(loss.detach()).item())
        if board:
            board.step(epoch * steps + number, losses[-1], rate)
        if progress:
            progress(epoch, number + 1, steps, losses[-1])
    step.eval()
    group.share_buffers(network)
    group.share_buffers(state.average.network)
    return losses


def _pictures(network: FreqFormer, pictured: tuple[torch.Tensor, torch.Tensor] | None) -> torch.Tensor | None:
    if pictured is None:
        return None
    device = next(network.parameters()).device
    images, masks = pictured
    return click_pictures(network, images.to(device), masks.to(device)).cpu()
