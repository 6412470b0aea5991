"""Training without clicks: the systems that answer an image, a volume or a video on their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from activefreq.tasks.interface import Answer, Items, Task
from activefreq.training.configuration import Settings
from activefreq.training.epochs import Figures, Progress, begin, run_epochs
from activefreq.training.process_group import ProcessGroup
from activefreq.training.steps import arithmetic

__all__ = ["ClickFreeConfig", "TaskStep", "mean_dice", "train_click_free"]


@dataclass(frozen=True, kw_only=True)
class ClickFreeConfig(Settings):
    """Settings of `train_click_free`; a task's `defaults` are its paper's: ClickFreeConfig(**task.defaults)."""

    schedules: ClassVar[tuple[str, ...]] = ("constant", "cosine", "step")


class TaskStep(nn.Module):
    """A task's loss as a module, so that `DistributedDataParallel` can wrap the whole step.

    Args:
        network: what is trained.
        task: whose loss it is.
        autocast: bfloat16 arithmetic in the forward pass.
    """

    def __init__(self, network: nn.Module, task: Task, autocast: bool = False) -> None:
        super().__init__()
        self.network = network
        self.task = task
        self.autocast = autocast

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The loss of a batch on the network's device: a scalar."""
        device = next(iter(batch.values())).device
        with arithmetic(device, self.autocast):
            return self.task.loss(self.network, batch)


def train_click_free(
    network: nn.Module,
    task: Task,
    items: Items,
    out: str | Path,
    config: ClickFreeConfig,
    history: dict[str, Any] | None = None,
    validation_items: Items | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    group: ProcessGroup | None = None,
) -> Path:
    """Train a network by its task and leave its weights in `out`.

    Files, resuming, the running mean and several processes are as in `activefreq.training.loop.train`; a resumed run
    ends with the bits of an unbroken one. Kept is the epoch with the largest mean Dice of the validation items, or the
    newest where there are none.

    Items are read when a step needs them. Of several processes each makes the whole batch and keeps its own rows of
    it, so that the number of processes changes nothing but rounding, for a loss that is a mean over items.

    Args:
        network: trained in place, on the device it is on; parameters that want no gradient stay as they are.
        task: augments, stacks, and gives loss and answers.
        items: what is trained on, from `task.training_items`.
        out: folder, made where it is missing.
        config: everything else.
        history: what to record in the checkpoint beside the configuration; its "task" ({"name": …, "options": …}) is
            what `activefreq evaluate` makes the task from.
        validation_items: scored every config.validate_every epochs and after the last, from `task.items`.
        resume: go on from last.safetensors.
        progress: told of every step.
        group: the processes that train together, `network` being on this one's device; None: this one alone.

    Returns:
        The path of model.safetensors.

    Raises:
        ValueError: fewer items than a batch, a batch that the processes cannot share, an `out` that is a file or
            holds something else, a run to resume that had other data, task or settings, no tensorboard, or a task
            whose batch does not count items on its first axis.
    """
    device = next(network.parameters()).device
    group = group or ProcessGroup(device=device)
    history = {
        **(history or {}),
        "samples": len(items),
        "fingerprint": items.fingerprint,
        "training": config.as_dict(),
    }
    step = TaskStep(network, task, config.autocast)
    state = begin(network, len(items), Path(out), config, history, resume, group)
    shared = group.share_gradients(step, all_take_part=False)
    rows = group.rows(config.batch_size)

    def loss(pick: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        batch = task.batch([items[index] for index in pick.tolist()], generator)
        for name, tensor in batch.items():
            if len(tensor) != len(pick):
                shape = tuple(tensor.shape)
                raise ValueError(
                    f"train: the task's {name} must count {len(pick)} items on its first axis, got {shape}"
                )
        value: torch.Tensor = shared({name: tensor[rows].to(device) for name, tensor in batch.items()})
        return value

    def validate(trained: nn.Module) -> Figures:
        assert validation_items is not None
        share = range(group.rank, len(validation_items), group.size)
        dice, answers = mean_dice(trained, task, validation_items, share)
        return group.weighted_mean({"dice": dice} if answers else {}, answers)

    return run_epochs(
        state,
        shared,
        loss,
        len(items),
        Path(out),
        group,
        None if validation_items is None else validate,
        chooses=lambda figures: 1 - figures["dice"],
        progress=progress,
    )


@torch.no_grad()
def mean_dice(network: nn.Module, task: Task, items: Items, indices: Sequence[int] | None = None) -> tuple[float, int]:
    """Mean Dice over answers and classes of a network in eval mode, and the number of answers.

    Args:
        network: in eval mode.
        task: gives the answers.
        items: from `task.items`.
        indices: which of them; None: all.
    """
    total, count = 0.0, 0
    for index in range(len(items)) if indices is None else indices:
        for answer in task.answers(network, items[index]):
            total += float(_dice(answer).mean())
            count += 1
    return (total / count if count else 0.0), count


def _dice(answer: Answer) -> torch.Tensor:
    """2 |P ∩ T| / (|P| + |T|) of each class, (K,) float64; 1 where both are empty."""
    prediction, target = answer.prediction.flatten(1), answer.target.flatten(1)
    both = (prediction & target).sum(1).double()
    either = (prediction.sum(1) + target.sum(1)).double()
    return torch.where(either > 0, 2 * both / either, 1.0)
