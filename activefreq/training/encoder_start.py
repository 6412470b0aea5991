"""Published SegFormer weights as a start for the encoder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from transformers import SegformerModel

from activefreq.models.freqformer import FreqFormer

__all__ = ["EncoderStart", "start_encoder"]

_IMAGE_CHANNELS = 3


@dataclass(frozen=True)
class EncoderStart:
    """What `start_encoder` did."""

    source: str
    """Where the weights came from."""
    loaded: list[str] = field(default_factory=list)
    """Tensors of the encoder that were taken over, the stem's included."""
    kept: list[str] = field(default_factory=list)
    """Tensors that stay random: their shape differs, or the source has none of that name."""

    def as_dict(self) -> dict[str, Any]:
        """For a checkpoint's history."""
        return asdict(self)

    def __str__(self) -> str:
        kept = f"; random: {', '.join(self.kept)}" if self.kept else ""
        return f"encoder: {len(self.loaded)} tensors from {self.source}, {len(self.kept)} stay random{kept}"


@torch.no_grad()
def start_encoder(network: FreqFormer, source: str) -> EncoderStart:
    """Load a SegFormer's weights into every layer of the encoder whose shape agrees.

    The stem has six input channels: those of the image are copied, those of the previous mask and the clicks become
    zero, so that the encoder begins as the published one that sees the image alone.

    Args:
        network: changed in place.
        source: a hub id such as "nvidia/mit-b0", or a folder that transformers saved a SegFormer in.

    Returns:
        The names of what was loaded and of what was not.

    Raises:
        ValueError: `source` is no such folder, and the hub cannot be reached or has no such model.
    """
    try:
        published = SegformerModel.from_pretrained(source)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"train: --encoder-from {source} is neither a folder with a SegFormer nor a model that the hub gives here "
            f"({reason}); without it the encoder starts from random weights"
        ) from error
    theirs = published.state_dict()
    start = EncoderStart(source)
    for name, tensor in network.encoder.state_dict().items():
        found = theirs.get(name)
        if found is not None and found.shape == tensor.shape:
            tensor.copy_(found)
        elif found is not None and _is_stem(tensor, found):
            tensor.zero_()
            tensor[:, :_IMAGE_CHANNELS] = found
        else:
            start.kept.append(name)
            continue
        start.loaded.append(name)
    return start


def _is_stem(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Whether these are the first convolutions of two encoders, of which the published one sees the image alone."""
    alike = ours.dim() == theirs.dim() == 4 and theirs.shape[1] == _IMAGE_CHANNELS < ours.shape[1]
    return alike and ours[:, :_IMAGE_CHANNELS].shape == theirs.shape
