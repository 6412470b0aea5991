"""Training with simulated clicks: the call that `activefreq train --model freqformer` makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from activefreq.data.samples import Dataset
from activefreq.models.freqformer import FreqFormer
from activefreq.training.augmentation import augment
from activefreq.training.chance import Chance
from activefreq.training.configuration import TrainingConfig
from activefreq.training.epochs import Figures, Progress, begin, run_epochs
from activefreq.training.pictures import click_pictures
from activefreq.training.pixels import load_pixels
from activefreq.training.process_group import ProcessGroup
from activefreq.training.refine_step import RefineStep
from activefreq.training.steps import CoarseStep

__all__ = ["Progress", "train"]


def train(
    network: nn.Module,
    dataset: Dataset,
    out: str | Path,
    config: TrainingConfig,
    history: dict[str, Any] | None = None,
    validate: Callable[[nn.Module], Figures] | None = None,
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
        network: trained in place, on the device it is on: a FreqFormer, or for config.stage "coarse" another network
            that takes its six channels.
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
    history = {
        **(history or {}),
        "samples": len(dataset),
        "fingerprint": getattr(dataset, "fingerprint", None),
        "training": config.as_dict(),
    }
    if isinstance(network, FreqFormer):
        # Convolutions of the encoder are a sixth faster so. The filters want their weights as they are.
        network.encoder.to(memory_format=torch.channels_last)
    step = _step(network, config)
    state = begin(network, len(dataset), out, config, history, resume, group)
    shared = group.share_gradients(step, all_take_part=isinstance(network, FreqFormer))
    images, masks = load_pixels(dataset, config.crop)
    rows = group.rows(config.batch_size)

    def loss(pick: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        mine = pick[rows]
        chance = Chance(generator, config.batch_size, rows, device)
        pixels = images[mine].to(device).float() / 255
        batch = augment(pixels, masks[mine].to(device), chance, zoom=config.zoom, colour=config.colour)
        value: torch.Tensor = shared(*batch, chance)
        return value

    return run_epochs(
        state,
        shared,
        loss,
        len(dataset),
        out,
        group,
        validate,
        chooses=lambda figures: figures["noc90"],
        pictures=lambda trained: _pictures(trained, pictured),
        progress=progress,
    )


def _step(network: nn.Module, config: TrainingConfig) -> CoarseStep:
    if config.stage == "coarse":
        return CoarseStep(network, config)
    if not isinstance(network, FreqFormer):
        raise ValueError(f"train: stage {config.stage} needs a FreqFormer, got {type(network).__name__}")
    return RefineStep(network, config)


def _pictures(network: nn.Module, pictured: tuple[torch.Tensor, torch.Tensor] | None) -> torch.Tensor | None:
    if pictured is None:
        return None
    device = next(network.parameters()).device
    images, masks = pictured
    return click_pictures(network, images.to(device), masks.to(device)).cpu()
