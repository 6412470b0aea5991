"""Published weights as a start for a network's encoder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn
from transformers import SegformerModel

from activefreq.models.freqformer import FreqFormer
from activefreq.models.hfsti_net import HFSTINet
from activefreq.nn.published import published

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
    """Tensors that stay as they were: their shape differs, or the source has none of that name."""

    def as_dict(self) -> dict[str, Any]:
        """For a checkpoint's history."""
        return asdict(self)

    def __str__(self) -> str:
        kept = f": {', '.join(self.kept)}" if self.kept else ""
        return f"encoder: {len(self.loaded)} tensors from {self.source}, {len(self.kept)} stay as they were{kept}"


def start_encoder(network: nn.Module, source: str) -> EncoderStart:
    """Load published weights into the encoder: a SegFormer's into a FreqFormer, a PVTv2's into an HFSTINet.

    A FreqFormer takes every tensor whose shape agrees. Its stem has six input channels: those of the image are copied,
    those of the previous mask and the clicks become zero, so that the encoder begins as the published one that sees the
    image alone. An HFSTINet takes all of them or none; its click channels begin at zero by themselves.

    Args:
        network: changed in place.
        source: a hub id such as "nvidia/mit-b0", or a folder that transformers saved such a network in.

    Returns:
        The names of what was loaded and of what was not.

    Raises:
        ValueError: `source` is no such folder, and the hub cannot be reached or has no such model; it is a network of
            another kind; or `network` is neither a FreqFormer nor an HFSTINet.
    """
    if not isinstance(network, (FreqFormer, HFSTINet)):
        raise ValueError("train: --encoder-from is for freqformer and hfsti-net")
    try:
        if isinstance(network, HFSTINet):
            kept = network.start_encoder(source)
            loaded = [name for name in network.encoder.state_dict() if name not in kept]
            return EncoderStart(source, loaded, kept)
        return _start_freqformer(network, source)
    except ValueError as error:
        raise ValueError(f"train: --encoder-from: {error}; without it the encoder starts at random") from error


@torch.no_grad()
def _start_freqformer(network: FreqFormer, source: str) -> EncoderStart:
    theirs = published(SegformerModel, source).state_dict()
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
