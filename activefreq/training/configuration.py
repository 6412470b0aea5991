"""What decides a training run, in one place."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

__all__ = ["TrainingConfig"]

_LEAST = {
    "epochs": 1,
    "batch_size": 1,
    "crop": 32,  # the encoder's last stage has a 32nd of it
    "most_clicks": 1,
    "iterations": 0,
    "warmup_steps": 0,
    "validate_every": 0,
    "dice_weight": 0,
    "weight_decay": 0,
}


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of `train`. The defaults are the paper's (section 4.1) where it says; they assume a warm start."""

    stage: str = "coarse"
    """coarse: the network alone. refine: its refine layer, the rest frozen. both: together, their losses added."""
    epochs: int = 120
    """Passes over the training split."""
    batch_size: int = 16
    """Images per step."""
    learning_rate: float = 5e-5
    """Adam's step size at the start. From random weights ten times as much trains faster."""
    schedule: str = "step"
    """step: a tenth of the learning rate after `step_epoch` (the paper). cosine: falls to a hundredth."""
    step_epoch: int = 50
    """Where schedule="step" falls."""
    warmup_steps: int = 200
    """Steps over which schedule="cosine" rises to the learning rate."""
    weight_decay: float = 0.0
    """Decoupled weight decay (AdamW); 0 is plain Adam."""
    average: float = 0.0
    """Decay per step of the running mean of the weights that is validated and kept; 0 keeps the weights themselves."""
    crop: int = 224
    """Side in pixels at which images are held. The coarse stage trains at it, whatever the network's input_size; the
    others resize to that, and cut focus crops from these pixels."""
    zoom: float = 0.0
    """Share of the images that are cropped around the object, as the predictor's target crop does."""
    most_clicks: int = 24
    """Most initial clicks of either label."""
    click_decay: float = 0.8
    """Each further initial click is this much less likely (FocalClick: 0.8); small values mean few clicks."""
    iterations: int = 3
    """At most this many passes without gradient, each followed by a corrective click; drawn anew for each batch."""
    dice_weight: float = 1.0
    """Weight of the Dice loss beside the normalised focal loss."""
    correct_weight: float = 1.0
    """Loss weight of regions that the previous mask has right (paper, 3.3): 1 as elsewhere, 0 leaves them out."""
    autocast: bool = False
    """bfloat16 arithmetic in the forward pass."""
    validate_every: int = 10
    """Epochs between validations by NoC; 0 never."""
    seed: int = 0
    """Seed of everything random. An epoch depends on (seed, epoch) only, so a resumed run repeats an unbroken one."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"train: {name} must be at least {least}, got {getattr(self, name)}")
        if not 0 < self.click_decay <= 1:
            raise ValueError(f"train: click_decay must lie in (0, 1], got {self.click_decay}")
        if self.stage not in ("coarse", "refine", "both"):
            raise ValueError(f"train: stage must be coarse, refine or both, got {self.stage!r}")
        if self.schedule not in ("step", "cosine"):
            raise ValueError(f"train: schedule must be step or cosine, got {self.schedule!r}")
        if not self.learning_rate > 0:
            raise ValueError(f"train: learning_rate must be positive, got {self.learning_rate}")
        if not 0 <= self.average < 1:
            raise ValueError(f"train: average must lie in [0, 1), got {self.average}")
        for name in ("correct_weight", "zoom"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"train: {name} must lie in [0, 1], got {getattr(self, name)}")

    def as_dict(self) -> dict[str, Any]:
        """For a checkpoint's header."""
        return dataclasses.asdict(self)

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate of one step, counted from 0 over the whole run."""
        if self.schedule == "step":
            return self.learning_rate * (0.1 if step >= self.step_epoch * steps_per_epoch else 1.0)
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        progress = step / max(1, self.epochs * steps_per_epoch)
        return self.learning_rate * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)
