"""From image, clicks and previous mask to a mask: what `evaluate` and the annotation page call."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F

from activefreq.models.checkpoint import load_network
from activefreq.models.cost import network_cost
from activefreq.models.freqformer import FreqFormer
from activefreq.models.network_input import network_input

__all__ = ["FreqFormerPredictor", "Predictor", "available_weights", "load"]


class Predictor(Protocol):
    """Anything that answers clicks. One call holds images of one size; the answer has that size.

    A predictor may have an attribute `capturable`: true where `predict` can be recorded in a CUDA graph, so that the
    evaluator may run whole clicks as one. It then never makes the host wait, copies nothing from it, and decides
    nothing by values of its arguments; all of its tensors that one call leaves for the next stay where they are.
    """

    def predict(self, images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        """Probabilities after the clicks.

        Args:
            images: (B, 3, H, W) float in [0, 1].
            clicks: (B, K, 3) integers (y, x, label) in order; label 1 positive, 0 negative, -1 padding.
            previous: (B, H, W) probabilities of the call before, zero before the first click.

        Returns:
            (B, H, W) probabilities.
        """
        ...


class FreqFormerPredictor:
    """A FreqFormer behind the predictor's call.

    Images are resized to the network's input size (bilinear, corners aligned), clicks move with them and keep
    fractional centres; logits are brought back to the image's size before the sigmoid.

    Args:
        network: set to eval mode.
        name: shown in tables and reports.
        history: how the weights came to be, from the checkpoint.
        input_size: side in pixels that images are resized to; None: the network's own.

    Attributes:
        capturable: True, see `Predictor`. Set it to False to have `evaluate` run clicks part by part on CUDA too.
    """

    capturable = True

    def __init__(
        self,
        network: FreqFormer,
        name: str = "freqformer",
        history: dict[str, Any] | None = None,
        input_size: int | None = None,
    ) -> None:
        self.network = network.eval()
        self.name = name
        self.history = history or {}
        self.input_size = input_size or network.config.input_size

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def to(self, device: torch.device | str) -> FreqFormerPredictor:
        """Move the network."""
        self.network.to(device)
        return self

    @torch.inference_mode()
    def predict(self, images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        """See `Predictor.predict`. Inputs are moved to the network's device; the answer stays there."""
        height, width = _check_call(images, clicks, previous)
        images, clicks, previous = (t.to(self.device) for t in (images, clicks, previous))
        size = (self.input_size, self.input_size)
        # Corners aligned: pixel y of H goes to y (S - 1) / (H - 1).
        scale = [(s - 1) / (n - 1) if n > 1 else 0.0 for s, n in zip(size, (height, width), strict=True)]
        y, x, label = clicks.to(torch.float32).unbind(dim=2)
        moved = torch.stack([y * scale[0], x * scale[1], label], dim=2)
        small = _resize(images.to(torch.float32), size)
        small_previous = _resize(previous.to(torch.float32).unsqueeze(1), size).squeeze(1)
        logits = self.network(network_input(small, moved, small_previous))
        return _resize(logits.float(), (height, width)).squeeze(1).sigmoid()

    def weights_digest(self) -> str:
        """A fingerprint of every weight, so that results of other weights are not taken for these."""
        digest = hashlib.blake2b(digest_size=16)
        for name, tensor in self.network.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def describe(self) -> dict[str, Any]:
        """Name, cost, input size and history, for an evaluation's records."""
        cost = network_cost(self.network, (self.input_size, self.input_size))
        return {
            "name": self.name,
            "parameters": cost.parameters,
            "macs": cost.macs,
            "input_size": self.input_size,
            "weights_digest": self.weights_digest(),
            "history": self.history,
        }


def _check_call(images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor) -> tuple[int, int]:
    if images.dim() != 4 or images.shape[1] != 3 or not images.is_floating_point():
        got = f"{images.dtype} of shape {tuple(images.shape)}"
        raise ValueError(f"predict: images must be float (B, 3, H, W) in [0, 1], got {got}")
    batch, _, height, width = images.shape
    if clicks.dim() != 3 or clicks.shape[0] != batch or clicks.shape[2] != 3:
        raise ValueError(f"predict: clicks must have shape ({batch}, K, 3) like images, got {tuple(clicks.shape)}")
    if previous.shape != (batch, height, width):
        want = (batch, height, width)
        raise ValueError(f"predict: previous must have shape {want} like images, got {tuple(previous.shape)}")
    return height, width


def _resize(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if tuple(images.shape[-2:]) == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=True)


def _weights_folders() -> list[Path]:
    """Where named weights live: beside the installed package, or in the source tree."""
    package = Path(str(resources.files("activefreq")))
    return [package / "weights", package.parent / "weights"]


def available_weights() -> dict[str, Path]:
    """Names that `load` knows without a path, with their files."""
    found: dict[str, Path] = {}
    for folder in reversed(_weights_folders()):
        found |= {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
    return found


def load(model: str | Path, device: torch.device | str | None = None) -> FreqFormerPredictor:
    """A predictor with its weights.

    Args:
        model: a name of `available_weights()` ("freqformer-isic2017"), the path of a .safetensors file that
            `activefreq train` wrote, a folder that holds model.safetensors, or a hub id ("owner/name", whose
            repository holds model.safetensors).
        device: where to put it; None is the CPU.

    Raises:
        ValueError: none of these; the message lists the names there are.
    """
    path, name = _resolve(model)
    network, header = load_network(path)
    return FreqFormerPredictor(network, name, header.get("history")).to(device or "cpu")


def _resolve(model: str | Path) -> tuple[Path, str]:
    named = available_weights()
    if str(model) in named:
        return named[str(model)], str(model)
    path = Path(model)
    if path.is_dir() and (path / "model.safetensors").is_file():
        return path / "model.safetensors", path.resolve().name
    if path.is_file():
        return path, path.stem
    text = str(model)
    # owner/name is a hub id; where a folder `owner` lies here, it is a path that was mistyped.
    if text.count("/") == 1 and path.suffix != ".safetensors" and not path.parent.is_dir():
        from huggingface_hub import hf_hub_download

        try:
            return Path(hf_hub_download(text, "model.safetensors")), text.rsplit("/", 1)[1]
        except Exception as error:
            raise ValueError(f"load: no path {text!r} here, and as a hub id it gives no weights: {error}") from error
    raise ValueError(
        f"load: no model {text!r}: neither a file or folder nor one of the installed weights "
        f"({', '.join(named) or 'none'})"
    )
