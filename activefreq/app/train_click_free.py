"""`activefreq train` for a network without clicks: by the task of its name."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activefreq.app.skipped import say_skipped
from activefreq.app.training_run import TrainingRequest, begin_encoder, run_in_processes, validation_data

if TYPE_CHECKING:
    from torch import nn

    from activefreq.app.progress import TrainingBar
    from activefreq.training.process_group import ProcessGroup

__all__ = ["train_without_clicks"]


def train_without_clicks(
    network: nn.Module,
    history: dict[str, Any],
    request: TrainingRequest,
    task_options: dict[str, Any],
    encoder_from: str | None,
) -> None:
    """Train by the network's task, with its paper's recipe where nothing else is asked for.

    The option `size` of a task that has one is the network's input_size, if it is not given.
    """
    from activefreq.evaluation.provenance import versions
    from activefreq.models.catalogue import network_name
    from activefreq.tasks import make_task
    from activefreq.tasks import task_options as accepted_options
    from activefreq.training.click_free import ClickFreeConfig, train_click_free
    from activefreq.training.state import check_before_training

    name = network_name(network)
    fields = {field.name for field in dataclasses.fields(ClickFreeConfig)}
    for setting in request.settings:
        if setting not in fields:
            raise ValueError(
                f"train: --{setting.replace('_', '-')} belongs to training with clicks; {name} has them with "
                "--network-option clicks=true, where it can take them at all"
            )
    # A task that resizes needs no word about the size of its network's input.
    input_size = getattr(network.config, "input_size", None)
    if "size" in accepted_options(name) and input_size is not None:
        task_options = {"size": input_size, **task_options}
    task = make_task(name, **task_options)
    config = ClickFreeConfig(**{**task.defaults, **request.settings})
    items = task.training_items(request.data, request.split, request.limit, **request.reading)
    held_out = None
    if config.validate_every:
        with validation_data(request):
            held_out = task.items(request.data, request.validation_split, **request.reading)
    say_skipped(getattr(items, "skipped", None) or {}, "images")
    history = {
        "data": items.name,
        "split": request.split,
        **request.decides(),
        "task": {"name": name, "options": task_options},
        "versions": versions(),
        **history,
    }
    check_before_training(len(items), request.out, config, request.resume)

    def run(group: ProcessGroup, progress: TrainingBar) -> Path:
        begin_encoder(network, encoder_from, request, history, group.leads)
        network.to(group.device)
        return train_click_free(
            network, task, items, request.out, config, history, held_out, request.resume, progress, group
        )

    run_in_processes(request, config.epochs, run)
