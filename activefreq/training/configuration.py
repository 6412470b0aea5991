"""What decides a training run with clicks, in one place, and what it shares with one without."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar

__all__ = ["Settings", "TrainingConfig"]

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
    "gradient_norm": 0,
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every training run has; `TrainingConfig` and `ClickFreeConfig` add what is their own."""

    epochs: int = 100
    """Passes over the training items."""
    batch_size: int = 4
    """Items per step."""
    learning_rate: float = 1e-3
    """The optimiser's step size at the start."""
    schedule: str = "cosine"
    """How the learning rate falls, see `rate`."""
    step_epoch: int = 50
    """Where schedule="step" falls to a tenth."""
    warmup_steps: int = 0
    """Steps over which schedule="cosine" rises to the learning rate."""
    optimizer: str = "adamw"
    """adamw: weight decay decoupled from the gradient. adam: added to it. Without weight decay they are one."""
    weight_decay: float = 0.0
    """Weight decay of the optimiser."""
    gradient_norm: float = 1.0
    """A longer gradient is shortened to this length; 0 leaves it."""
    average: float = 0.0
    """Decay per step of the running mean of the weights that is validated and kept; 0 keeps the weights themselves."""
    autocast: bool = False
    """bfloat16 arithmetic in the forward pass."""
    validate_every: int = 10
    """Epochs between validations; 0 never."""
    seed: int = 0
    """Seed of everything random. An epoch depends on (seed, epoch) only, so a resumed run repeats an unbroken one."""

    schedules: ClassVar[tuple[str, ...]] = ("step", "cosine")
    """The values that `schedule` may have."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name, least) < least:
                raise ValueError(f"train: {name} must be at least {least}, got {getattr(self, name)}")
        for name, values in (("schedule", self.schedules), ("optimizer", ("adam", "adamw"))):
            if getattr(self, name) not in values:
                there_are = ", ".join(values[:-1]) + f" or {values[-1]}"
                raise ValueError(f"train: {name} must be {there_are}, got {getattr(self, name)!r}")
        if not self.learning_rate > 0:
            raise ValueError(f"train: learning_rate must be positive, got {self.learning_rate}")
        if not 0 <= self.average < 1:
            raise ValueError(f"train: average must lie in [0, 1), got {self.average}")

    def as_dict(self) -> dict[str, Any]:
        """For a checkpoint's header."""
        return dataclasses.asdict(self)

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate of one step, counted from 0 over the whole run.

        step: a tenth after `step_epoch`. cosine: rises over `warmup_steps`, then falls to a hundredth. constant: stays.
        """
        if self.schedule == "constant":
            return self.learning_rate
        if self.schedule == "step":
            return self.learning_rate * (0.1 if step >= self.step_epoch * steps_per_epoch else 1.0)
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        progress = step / max(1, self.epochs * steps_per_epoch)
        return self.learning_rate * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Settings):
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
    warmup_steps: int = 200
    """Steps over which schedule="cosine" rises to the learning rate."""
    crop: int = 224
    """Side in pixels at which images are held. The coarse stage trains at it, whatever the network's input_size; the
    others resize to that, and cut focus crops from these pixels."""
    zoom: float = 0.0
    """Share of the images that are cropped around the object, as the predictor's target crop does."""
    colour: float = 0.0
    """How far hue, saturation and white balance of the images change, see `augment`; 0 leaves them."""
    most_clicks: int = 24
    """Most initial clicks of either label."""
    click_decay: float = 0.8
    """Each further initial click is this much less likely (FocalClick: 0.8); small values mean few clicks."""
    iterations: int = 3
    """At most this many passes without gradient, each followed by a corrective click; drawn anew for each batch."""
    acselect_clicks: float = 0.0
    """Share of the corrective clicks that AcSelect places, as in the evaluation; the others fall at random."""
    dice_weight: float = 1.0
    """Weight of the Dice loss beside the normalised focal loss."""
    correct_weight: float = 1.0
    """Loss weight of regions that the previous mask has right (paper, 3.3): 1 as elsewhere, 0 leaves them out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.click_decay <= 1:
            raise ValueError(f"train: click_decay must lie in (0, 1], got {self.click_decay}")
        if self.stage not in ("coarse", "refine", "both"):
            raise ValueError(f"train: stage must be coarse, refine or both, got {self.stage!r}")
        for name in ("correct_weight", "zoom", "colour", "acselect_clicks"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"train: {name} must lie in [0, 1], got {getattr(self, name)}")
