"""What the evaluator asks of a data set; `activefreq.predictor.Predictor` is what it asks of a predictor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy.typing as npt
import torch

__all__ = ["Dataset", "Sample", "predictor_name", "sample_names"]


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

    # Optional: `given`, the mask that clicks are to correct, (H, W) of 0 and 1 or of probabilities, array or tensor;
    # without it, or where it is None, an object starts from nothing. All samples of a data set have one, or none has.


class Dataset(Protocol):
    """A sequence of samples, whose sizes may differ.

    Optional: `name`; `split`; `names`, those of the samples in order; `fingerprint`, a text that differs where the data
    does, such as a hash over the sizes of the files; `skipped`, {name: reason}; `attributes(name)`, {attribute: value}
    of a sample, by whose values results are broken down.
    """

    def __len__(self) -> int:
        """Number of samples."""

    def __getitem__(self, index: int, /) -> Sample:
        """Decode one sample."""


def sample_names(dataset: Dataset) -> list[str] | None:
    """Names of the samples in order, without decoding them; None where the data set does not tell."""
    names = getattr(dataset, "names", None)
    told = isinstance(names, Sequence) and not isinstance(names, str) and len(names) == len(dataset)
    return [str(name) for name in names] if told else None  # type: ignore[union-attr]


def predictor_name(predictor: object) -> str:
    """The predictor's own name, else that of its class."""
    return str(getattr(predictor, "name", None) or type(predictor).__name__)
