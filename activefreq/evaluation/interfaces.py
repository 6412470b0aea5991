"""What the evaluator asks of a predictor, a data set and a strategy."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy.typing as npt
import torch

__all__ = ["Dataset", "Predictor", "Sample", "predictor_name"]


@runtime_checkable
class Predictor(Protocol):
    """Image, clicks and previous mask in, mask out.

    Optional attributes: `name`; `device`; `describe()`, a dict that says which weights these are, for metrics.json.
    """

    def predict(self, images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        """Predict the objects' masks.

        Args:
            images: (B, 3, H, W) float32 in [0, 1]; not to be written to. All of one size, each at its own size.
            clicks: (B, K, 3) int64 of (y, x, label), oldest first; label 1 positive, 0 negative, -1 padding.
            previous: (B, H, W) float32, the probabilities this method returned for the click before, 0 at first.

        Returns:
            (B, H, W) probabilities in [0, 1], any floating dtype.
        """


class Sample(Protocol):
    """One object to segment."""

    @property
    def name(self) -> str:
        """Unique in its data set; the clicks of random strategies are drawn from it."""

    @property
    def image(self) -> npt.ArrayLike | torch.Tensor:
        """uint8 (H, W, 3) in 0..255 or float (3, H, W) in [0, 1]; array or tensor."""

    @property
    def mask(self) -> npt.ArrayLike | torch.Tensor:
        """Integer (H, W): 1 object, 0 background, -1 ignore; array or tensor."""


class Dataset(Protocol):
    """A sequence of samples, whose sizes may differ. Optional: `name`, `split`, `skipped` ({name: reason})."""

    def __len__(self) -> int:
        """Number of samples."""

    def __getitem__(self, index: int, /) -> Sample:
        """Decode one sample."""


def predictor_name(predictor: object) -> str:
    """The predictor's own name, else that of its class."""
    return str(getattr(predictor, "name", None) or type(predictor).__name__)
