"""The training loop: iterative clicks, checkpoints that a killed run goes on from, validation by NoC."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from PIL import Image

from activefreq.data.samples import Dataset
from activefreq.models.checkpoint import read_tensors, save_network, write_tensors
from activefreq.models.freqformer import FreqFormer
from activefreq.models.network_input import network_input
from activefreq.training.augmentation import augment
from activefreq.training.click_sampling import corrective_clicks, initial_clicks
from activefreq.training.configuration import TrainingConfig
from activefreq.training.losses import click_loss
from activefreq.training.weight_average import WeightAverage

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["Progress", "check_before_training", "load_pixels", "train", "train_step"]


class Progress(Protocol):
    """What the loop tells while it runs; the command line draws a bar from it."""

    def __call__(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Called after every step."""


def load_pixels(dataset: Dataset, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """All samples at side × side: images (N, 3, side, side) uint8, masks (N, side, side) int8, kept in memory."""
    images = torch.empty(len(dataset), 3, side, side, dtype=torch.uint8)
    masks = torch.empty(len(dataset), side, side, dtype=torch.int8)
    for i in range(len(dataset)):
        sample = dataset[i]
        picture = Image.fromarray(sample.image).resize((side, side), Image.Resampling.BILINEAR)
        images[i] = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        mask = Image.fromarray((sample.mask + 1).astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)
        masks[i] = torch.from_numpy(np.array(mask).astype(np.int8) - 1)
    return images, masks


def train_step(
    network: FreqFormer, images: torch.Tensor, masks: torch.Tensor, config: TrainingConfig, generator: torch.Generator
) -> torch.Tensor:
    """Loss of one batch: initial clicks, some passes without gradient with a corrective click each, one pass with."""
    device = next(network.parameters()).device
    clicks = initial_clicks(masks, generator, config.most_clicks, config.click_decay)
    previous = torch.zeros(masks.shape)
    passes = int(torch.randint(0, config.iterations + 1, (), generator=generator))
    autocast = torch.autocast(device.type, torch.bfloat16) if config.autocast else nullcontext()
    images, on_device = images.to(device), masks.to(device)

    def logits() -> torch.Tensor:
        with autocast:
            x = network_input(images, clicks.to(device), previous.to(device))
            out: torch.Tensor = network(x.contiguous(memory_format=torch.channels_last)).squeeze(1)
        return out.float()

    for _ in range(passes):
        with torch.no_grad():
            previous = logits().sigmoid().cpu()
        clicks = torch.cat([clicks, corrective_clicks(previous, masks, generator)], dim=1)
    return click_loss(logits(), on_device, previous.to(device), config.dice_weight, config.correct_weight)


def train(
    network: FreqFormer,
    dataset: Dataset,
    out: str | Path,
    config: TrainingConfig,
    history: dict[str, Any] | None = None,
    validate: Callable[[FreqFormer], dict[str, float]] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Train a network and leave its weights in `out`.

    Written to `out`, each atomically: `last.safetensors` after every epoch (weights, their average and optimiser
    state, what `resume` goes on from), `model.safetensors` (half precision: the best validated epoch, or the newest
    where there is no validation), `log.jsonl` (one line per epoch) and TensorBoard events. With config.average, what
    is validated and kept is the average.

    Args:
        network: trained in place, on the device it is on.
        dataset: samples, resized to config.crop and held in memory.
        out: folder, made where it is missing.
        config: everything else.
        history: what to record in the checkpoint beside the configuration (data, command).
        validate: called every config.validate_every epochs; returns figures, of which "noc90" chooses (less is better).
        resume: go on from last.safetensors.
        progress: told of every step.

    Returns:
        The path of model.safetensors.

    Raises:
        ValueError: fewer samples than a batch, an `out` that is a file or holds something else, a run to resume that
            had other data or settings, or no tensorboard.
    """
    out = Path(out)
    last, model = out / "last.safetensors", out / "model.safetensors"
    history = {
        **(history or {}),
        "samples": len(dataset),
        "fingerprint": getattr(dataset, "fingerprint", None),
        "training": config.as_dict(),
    }
    check_before_training(dataset, out, config, resume)
    summary_writer = _summary_writer()
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, betas=(0.9, 0.999), weight_decay=config.weight_decay
    )
    # Convolutions of the encoder are a sixth faster so. The filters want their weights as they are.
    network.encoder.to(memory_format=torch.channels_last)
    average = WeightAverage(network, config.average)
    resumes = resume and last.exists()
    start, best = _resume(last, network, average, optimizer, history) if resumes else (0, float("inf"))
    images, masks = load_pixels(dataset, config.crop)
    steps = len(dataset) // config.batch_size
    out.mkdir(parents=True, exist_ok=True)
    with summary_writer(str(out / "tensorboard"), purge_step=start * steps) as board:
        for epoch in range(start, config.epochs):
            generator = torch.Generator().manual_seed(config.seed * 1_000_003 + epoch)
            torch.manual_seed(config.seed * 1_000_003 + epoch)  # stochastic depth
            network.train()
            losses = []
            order = torch.randperm(len(dataset), generator=generator)
            for step in range(steps):
                rate = config.rate(epoch * steps + step, steps)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                pick = order[step * config.batch_size : (step + 1) * config.batch_size]
                batch = augment(images[pick].float() / 255, masks[pick], generator, zoom=config.zoom)
                loss = train_step(network, *batch, config, generator)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                average.update(network, epoch * steps + step)
                losses.append(loss.item())
                board.add_scalar("loss", losses[-1], epoch * steps + step)
                board.add_scalar("learning_rate", rate, epoch * steps + step)
                if progress:
                    progress(epoch, step + 1, steps, losses[-1])
            network.eval()
            figures = {"epoch": epoch + 1, "loss": float(np.mean(losses))}
            due = validate is not None and config.validate_every and (epoch + 1) % config.validate_every == 0
            if validate is not None and (due or epoch + 1 == config.epochs):
                figures |= validate(average.network)
                for name, value in figures.items():
                    board.add_scalar(f"validation/{name}", value, (epoch + 1) * steps)
            noc = figures.get("noc90", float("inf") if validate else -1.0)
            if noc < best or not model.exists():
                best = min(best, noc) if validate else best
                save_network(model, average.network, {**history, "figures": figures}, torch.float16)
            _save_last(last, network, average, optimizer, epoch + 1, best, history)
            with (out / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(figures) + "\n")
    return model


def _save_last(
    path: Path,
    network: FreqFormer,
    average: WeightAverage,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    best: float,
    history: dict[str, Any],
) -> None:
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    if average.network is not network:
        tensors |= {f"average.{name}": tensor for name, tensor in average.network.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    config = {"config": json.loads(json.dumps(network.config.__dict__)), "history": history}
    write_tensors(path, tensors, {"model": "training-state", "epoch": epoch, "best": repr(best), **config})


def check_before_training(dataset: Dataset, out: Path, config: TrainingConfig, resume: bool) -> None:
    """Raise where a run could not begin, or would write over something else; nothing is written before.

    Raises:
        ValueError: see `train`.
    """
    if len(dataset) < config.batch_size:
        raise ValueError(f"train: batch_size {config.batch_size} is larger than the {len(dataset)} training objects")
    if out.exists() and not out.is_dir():
        raise ValueError(f"train: --out {out} is a file, not a folder")
    last = out / "last.safetensors"
    if last.exists() and not resume:
        raise ValueError(f"train: {out} holds another run; continue it with --resume or choose another --out")
    foreign = [name for name in _NOT_OURS_ALONE if (out / name).exists()]
    if foreign and not last.exists():
        raise ValueError(f"train: {out} holds {foreign[0]}, which is not this run's; choose another --out")


_NOT_OURS_ALONE = ("model.safetensors", "log.jsonl", "metrics.json", "configuration.json", "report.html")


def _summary_writer() -> type[SummaryWriter]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ValueError("train: the curves need tensorboard: pip install 'activefreq[train]'") from None
    return SummaryWriter


def _resume(
    path: Path,
    network: FreqFormer,
    average: WeightAverage,
    optimizer: torch.optim.Optimizer,
    history: dict[str, Any],
) -> tuple[int, float]:
    """Put network, average and optimiser back; the epoch to go on with and the best figure so far."""
    tensors, header = read_tensors(path)
    then, now = _decides(header["history"]), _decides(json.loads(json.dumps(history)))
    changed = [f"{name} was {then.get(name)}, is {now[name]}" for name in now if then.get(name) != now[name]]
    if header["config"] != json.loads(json.dumps(network.config.__dict__)):
        changed.append("the network differs")
    if changed:
        raise ValueError(f"train: {path} belongs to another run ({', '.join(changed)}); choose another --out")
    network.load_state_dict(_part(tensors, "network."))
    if average.network is not network:
        average.network.load_state_dict(_part(tensors, "average."))
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(header["epoch"]), float(header["best"])


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _decides(history: dict[str, Any]) -> dict[str, Any]:
    """What a resumed run must share with the one it goes on from: data and settings, but not how often it validates."""
    training = {name: value for name, value in history["training"].items() if name != "validate_every"}
    return {name: history.get(name) for name in ("data", "split", "samples", "fingerprint")} | training
