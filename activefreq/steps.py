"""The steps that a FreqFormerPredictor takes around its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Steps"]

_NAMED: dict[str, dict[str, Any]] = {
    "target-crop": {"target_crop": True},
    "flip": {"flip": True},
    "refine": {"refine": True},
    "keep-outside": {"keep_outside_from": 11},
    "monotone": {"monotone": True},
    "progressive-merge": {"progressive_merge": True},
}


@dataclass(frozen=True)
class Steps:
    """What a FreqFormerPredictor does around the network, each step apart (paper, 3.3; FocalClick)."""

    target_crop: bool = True
    """Where there is a mask, so from the second click on, or the first on a given mask, the network sees the box of it
    and of the positive clicks, enlarged."""
    flip: bool = False
    """The mean of two answers: for the image and for its mirror image. Twice the work (RITM's evaluation does so)."""
    refine: bool | None = None
    """Redraw the focus crop, what the newest click changed, with the refine layer; None: where the network has one."""
    keep_outside_from: int | None = None
    """From this click on, what lies outside the focus crop keeps its previous probability (FocalClick: 11)."""
    monotone: bool = False
    """A positive click never removes area and a negative click never adds any."""
    progressive_merge: bool = False
    """For editing a given mask: of what the answer changes, only the region at the click counts."""
    expansion: float = 1.4
    """How many times as large as their boxes both crops are."""
    minimum_side: float = 10.0
    """Least side of both crops, in pixels of the image."""
    threshold: float = 0.5
    """A pixel above this probability is in the mask, where a step asks for one."""

    @classmethod
    def named(cls, text: str) -> Steps:
        """The steps of a list such as "target-crop,refine", and no others; "none" for none.

        Raises:
            ValueError: a name that is none of target-crop, flip, refine, keep-outside (from click 11), monotone,
                progressive-merge.
        """
        chosen: dict[str, Any] = {"target_crop": False, "refine": False, "keep_outside_from": None, "monotone": False}
        for name in [] if text == "none" else [part.strip() for part in text.split(",")]:
            if name not in _NAMED:
                raise ValueError(f"Steps: no step {name!r}; there are {', '.join(_NAMED)}, or none")
            chosen |= _NAMED[name]
        return cls(**chosen)

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < 1:
            raise ValueError(f"Steps: threshold must lie in [0, 1), got {self.threshold}")
        if self.expansion < 1:
            raise ValueError(f"Steps: expansion must be at least 1, got {self.expansion}")
        if self.minimum_side < 1:
            raise ValueError(f"Steps: minimum_side must be at least 1, got {self.minimum_side}")
        if self.keep_outside_from is not None and self.keep_outside_from < 1:
            raise ValueError(f"Steps: keep_outside_from must be at least 1, got {self.keep_outside_from}")
