"""A run's state on disk: what a killed run goes on from, and what keeps one run from writing over another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from activefreq.models.catalogue import config_class, configuration, network_name
from activefreq.models.checkpoint import read_tensors, write_tensors
from activefreq.training.configuration import Settings
from activefreq.training.weight_average import WeightAverage

__all__ = ["TrainingState", "check_before_training"]

_RECORDED_LATER = ("reading", "validation_split")
_NOT_OURS_ALONE = ("model.safetensors", "log.jsonl", "metrics.json", "configuration.json", "report.html")


@dataclass
class TrainingState:
    """Everything that an epoch changes. An epoch's chance depends on its number only, so no generator is kept."""

    network: nn.Module
    average: WeightAverage
    optimizer: torch.optim.Optimizer
    history: dict[str, Any]
    """What made the run: must agree where it is resumed."""
    settings: Settings
    """Of the run; history["training"] holds them too."""
    epoch: int = 0
    """Epochs that are finished."""
    best: float = float("inf")
    """The least so far of the figure that chooses the epoch that is kept."""

    def save(self, path: Path) -> None:
        """Write all of it, whole or not at all."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        if self.average.network is not self.network:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.network.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
        header = {
            "model": "training-state",
            "epoch": self.epoch,
            "best": repr(self.best),
            "network": network_name(self.network),
            "config": _as_json(configuration(self.network)),
            "history": self.history,
        }
        write_tensors(path, tensors, header)

    def restore(self, path: Path) -> None:
        """Go back to what `save` wrote.

        Raises:
            ValueError: that run had other data, settings or another network.
        """
        tensors, header = read_tensors(path)
        # A checkpoint from before something was recorded says nothing about it.
        now = self._decides(_as_json(self.history))
        then = {name: now.get(name) for name in _RECORDED_LATER} | self._decides(header["history"])
        changed = [f"{name} was {then.get(name)}, is {now[name]}" for name in now if then.get(name) != now[name]]
        if not self._same_network(header):
            changed.append("the network differs")
        if changed:
            raise ValueError(
                f"train: {path} belongs to another run ({', '.join(changed)}); choose another --out. A finished run's "
                "weights go on in a new one with --start-from"
            )
        self.history = {**header["history"], **self.history}  # how the run began is said only once
        self.network.load_state_dict(_part(tensors, "network."))
        if self.average.network is not self.network:
            self.average.network.load_state_dict(_part(tensors, "average."))
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in _part(tensors, "optimizer.").items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.epoch, self.best = int(header["epoch"]), float(header["best"])

    def _same_network(self, header: dict[str, Any]) -> bool:
        name = network_name(self.network)
        # A run from before there were others names none: it is a FreqFormer's.
        if header.get("network", "freqformer") != name:
            return False
        return bool(config_class(name).from_dict(header["config"]) == self.network.config)

    def _decides(self, history: dict[str, Any]) -> dict[str, Any]:
        """What a resumed run must share with the one it goes on from: data, task and settings.

        Not how often it validates. A setting that did not exist when the run began has its default.
        """
        training = {**type(self.settings)().as_dict(), **history["training"]}
        del training["validate_every"]
        decides = {name: history.get(name) for name in ("data", "split", "samples", "fingerprint", "task")}
        return decides | {name: history[name] for name in _RECORDED_LATER if name in history} | training


def check_before_training(samples: int, out: Path, settings: Settings, resume: bool) -> None:
    """Raise where a run could not begin, or would write over something else; nothing is written before.

    Raises:
        ValueError: see `train`.
    """
    if samples < settings.batch_size:
        raise ValueError(f"train: batch_size {settings.batch_size} is larger than the {samples} training objects")
    if out.exists() and not out.is_dir():
        raise ValueError(f"train: --out {out} is a file, not a folder")
    last = out / "last.safetensors"
    if last.exists() and not resume:
        raise ValueError(f"train: {out} holds another run; continue it with --resume or choose another --out")
    foreign = [name for name in _NOT_OURS_ALONE if (out / name).exists()]
    if foreign and not last.exists():
        raise ValueError(f"train: {out} holds {foreign[0]}, which is not this run's; choose another --out")


def _as_json(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    """What comes back after a trip through a header: lists for tuples."""
    return json.loads(json.dumps(value))


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
