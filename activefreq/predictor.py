"""From image, clicks and previous mask to a mask: what `evaluate` and the annotation page call."""

from __future__ import annotations

import dataclasses
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import nn

from activefreq.crops import (
    clicks_within,
    crop,
    focus_boxes,
    inside_boxes,
    last_clicks,
    place,
    target_boxes,
    whole_boxes,
)
from activefreq.editing import monotone, progressive_merge
from activefreq.models.catalogue import network_name, takes_clicks
from activefreq.models.checkpoint import load_network, weights_digest
from activefreq.models.cost import network_cost, refine_macs
from activefreq.models.freqformer import FreqFormer
from activefreq.models.network_input import network_input
from activefreq.models.refinement import refine
from activefreq.steps import Steps

__all__ = ["FreqFormerPredictor", "Predictor", "Steps", "available_weights", "find_weights", "load"]


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
            previous: (B, H, W) probabilities of the call before; at the first click zero, or a mask to be corrected.

        Returns:
            (B, H, W) probabilities.
        """
        ...


class FreqFormerPredictor:
    """A FreqFormer, or another network that takes its six channels, behind the predictor's call.

    Images, or crops of them, are resized to the network's input size, clicks move with them and keep fractional
    centres; logits are brought back to the image's size before the sigmoid. Each image has its own crops; nothing is
    remembered between calls, and the answer for an image does not depend on the others (but for rounding).

    Args:
        network: set to eval mode. One that is no FreqFormer has `config.input_size`, takes (B, 6, H, W) as
            `network_input` makes it and answers (B, 1, H, W) logits; it has no refine layer.
        name: shown in tables and reports.
        history: how the weights came to be, from the checkpoint.
        input_size: side in pixels that images are resized to; None: the network's own.
        steps: what is done around the network. The attribute of this name says of `refine` what holds.

    Raises:
        ValueError: steps that refine, and a network without a refine layer.

    Attributes:
        capturable: True for a FreqFormer, see `Predictor`. Set it to False to have `evaluate` run clicks part by part
            on CUDA too.
    """

    def __init__(
        self,
        network: nn.Module,
        name: str = "freqformer",
        history: dict[str, Any] | None = None,
        input_size: int | None = None,
        steps: Steps | None = None,
    ) -> None:
        self.network = network.eval()
        self.name = name
        self.history = history or {}
        config: Any = network.config
        self.input_size: int = input_size or config.input_size
        self.capturable = isinstance(network, FreqFormer)
        steps = steps or Steps()
        if steps.refine and not self._two_stages:
            raise ValueError(
                f"FreqFormerPredictor: step refine: {name} has no refine layer; `activefreq train --stage refine "
                "--start-from` gives it one"
            )
        self.steps = dataclasses.replace(steps, refine=self._two_stages is not None and steps.refine is not False)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @property
    def _two_stages(self) -> FreqFormer | None:
        """The network, where it has a refine layer."""
        network = self.network
        return network if isinstance(network, FreqFormer) and network.refine_layer is not None else None

    def to(self, device: torch.device | str) -> FreqFormerPredictor:
        """Move the network."""
        self.network.to(device)
        return self

    @torch.inference_mode()
    def predict(self, images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        """See `Predictor.predict`. Inputs are moved to the network's device; the answer stays there.

        Raises:
            TypeError: an argument that is no tensor.
            ValueError: a wrong shape or dtype; of tensors on the CPU also images far outside [0, 1] or not finite, and
                clicks outside the image or with another label than 1, 0 and -1.
        """
        height, width = _check_call(images, clicks, previous)
        if images.device.type == "cpu":  # elsewhere a look at values would make the host wait
            _check_values(images, clicks, height, width)
        images, clicks, previous = (t.to(self.device) for t in (images, clicks, previous))
        images, previous = images.to(torch.float32), previous.to(torch.float32)
        steps = self.steps
        focus: torch.Tensor | None = None
        asked = _with_mirror_images(images, clicks, previous) if steps.flip else (images, clicks, previous)
        if steps.target_crop or steps.refine:
            answer, focus = self._crops(*asked)
        else:
            answer = self._whole_image(*asked)
        if steps.flip:
            straight, mirrored = answer.chunk(2)
            answer = (straight + mirrored.flip(2)) / 2
            focus = focus[: len(images)] if focus is not None else None
        if steps.keep_outside_from is not None:
            focus = self._focus(previous, answer, clicks) if focus is None else focus
            late = (last_clicks(clicks)[1] >= steps.keep_outside_from).view(-1, 1, 1)
            answer = torch.where(late & ~inside_boxes(focus, (height, width)), previous, answer)
        if steps.monotone:
            answer = monotone(previous, answer, clicks)
        if steps.progressive_merge:
            answer = progressive_merge(previous, answer, clicks, steps.threshold)
        return answer

    def _whole_image(self, images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        """The first stage alone, on the whole image: resized bilinearly, corners aligned."""
        height, width = images.shape[-2:]
        size = (self.input_size, self.input_size)
        # Corners aligned: pixel y of H goes to y (S - 1) / (H - 1).
        scale = [(s - 1) / (n - 1) if n > 1 else 0.0 for s, n in zip(size, (height, width), strict=True)]
        y, x, label = clicks.to(torch.float32).unbind(dim=2)
        moved = torch.stack([y * scale[0], x * scale[1], label], dim=2)
        small_previous = _resize(previous.unsqueeze(1), size).squeeze(1)
        logits = self.network(network_input(_resize(images, size), moved, small_previous))
        return _resize(logits.float(), (height, width)).squeeze(1).sigmoid()

    def _crops(
        self, images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Target crop, network, focus crop, refine layer, each put back where it was cut; also the focus boxes.

        Boxes that no step asks for are None: finding them takes a labelling.
        """
        steps, shape, side = self.steps, images.shape[-2:], self.input_size
        frames = whole_boxes(images)
        if steps.target_crop:
            frames = target_boxes(previous, clicks, steps.expansion, steps.minimum_side, steps.threshold)
        # As many points per bin as the whole image shrinks, against aliasing.
        samples = max(1, round(max(shape) / side))
        small = crop(torch.cat([images, previous.unsqueeze(1)], dim=1), frames, (side, side), samples)
        x = network_input(small[:, :3], clicks_within(clicks, frames, (side, side)), small[:, 3])
        features, logits = self._features_and_logits(x)
        placed, inside = place(logits.float(), frames, shape)
        answer = torch.where(inside, placed.squeeze(1).sigmoid(), previous)
        if steps.keep_outside_from is None and not steps.refine:
            return answer, None
        focus = self._focus(previous, answer, clicks, frames)
        if steps.refine and (network := self._two_stages):
            redrawn = refine(network, images, clicks, features, logits, focus, frames, side).logits
            placed, inside = place(redrawn, focus, shape)
            answer = torch.where(inside, placed.squeeze(1).sigmoid(), answer)
        return answer, focus

    def _features_and_logits(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A FreqFormer's, at a quarter of the resolution; of another network the logits, at full, twice."""
        if isinstance(self.network, FreqFormer):
            return self.network.features_and_logits(x)
        logits = self.network(x)
        return logits, logits

    def _focus(
        self,
        previous: torch.Tensor,
        answer: torch.Tensor,
        clicks: torch.Tensor,
        limits: torch.Tensor | None = None,
    ) -> torch.Tensor:
        steps = self.steps
        return focus_boxes(previous, answer, clicks, limits, steps.expansion, steps.minimum_side, steps.threshold)

    def weights_digest(self) -> str:
        """See `activefreq.models.checkpoint.weights_digest`."""
        return weights_digest(self.network)

    def describe(self) -> dict[str, Any]:
        """Name, cost, input size and history, for an evaluation's records."""
        cost = network_cost(self.network, (self.input_size, self.input_size))
        second = 0.0
        if self.steps.refine and (network := self._two_stages) and network.refine_layer:
            layer, features = network.refine_layer, network.config.decoder_width
            second = refine_macs(layer, features, self.input_size)
        return {
            "name": self.name,
            "parameters": cost.parameters,
            "macs": (cost.macs + second) * (2 if self.steps.flip else 1),
            "input_size": self.input_size,
            "steps": dataclasses.asdict(self.steps),
            "weights_digest": self.weights_digest(),
            "history": self.history,
        }


def _check_call(images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor) -> tuple[int, int]:
    hints = {"clicks": "; activefreq.clicks.pad_clicks makes it of lists", "previous": "; zeros before the first click"}
    given: dict[str, object] = {"images": images, "clicks": clicks, "previous": previous}
    for name, value in given.items():
        if not isinstance(value, torch.Tensor):
            hint = hints.get(name, "")
            raise TypeError(f"predict: {name} must be a torch tensor, got {type(value).__name__}{hint}")
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


def _check_values(images: torch.Tensor, clicks: torch.Tensor, height: int, width: int) -> None:
    if images.numel():
        low, high = (float(bound) for bound in images.aminmax())
        if not (low >= -0.5 and high <= 1.5):  # what an interpolation overshoots is let pass; NaN is not
            raise ValueError(f"predict: images must lie in [0, 1], got values from {low:g} to {high:g}")
    y, x, label = clicks.unbind(dim=2)
    if ((label < -1) | (label > 1)).any():
        raise ValueError(f"predict: labels of clicks must be 1, 0 or -1 (padding), got {int(label.abs().max())}")
    outside = (label >= 0) & ((y < 0) | (y >= height) | (x < 0) | (x >= width))
    if outside.any():
        found = clicks[outside][0].tolist()
        raise ValueError(f"predict: click {tuple(found[:2])} (y, x) lies outside images of {height} × {width} pixels")


def _with_mirror_images(
    images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Twice the batch: everything as it is, then everything mirrored left to right."""
    y, x, label = clicks.unbind(dim=2)
    mirrored = torch.stack([y, images.shape[3] - 1 - x, label], dim=2)
    return (
        torch.cat([images, images.flip(3)]),
        torch.cat([clicks, mirrored]),
        torch.cat([previous, previous.flip(2)]),
    )


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


def load(
    model: str | Path, device: torch.device | str | None = None, steps: Steps | None = None
) -> FreqFormerPredictor:
    """A predictor with its weights.

    Args:
        model: a name of `available_weights()` ("freqformer-isic2017"), the path of a .safetensors file that
            `activefreq train` wrote, a folder that holds model.safetensors, or a hub id ("owner/name", whose
            repository holds model.safetensors).
        device: where to put it; None is the CPU.
        steps: what is done around the network; None is `Steps()`.

    Raises:
        ValueError: none of these; the message lists the names there are. Also a network that takes no clicks.
    """
    path, name = find_weights(model)
    network, header = load_network(path)
    if not takes_clicks(network):
        raise ValueError(
            f"load: {name} holds a {network_name(network)} network that takes no clicks, so it makes no predictor; "
            f"activefreq.models.load_network({str(path)!r}) gives the network, and `activefreq evaluate` scores it"
        )
    return FreqFormerPredictor(network, name, header.get("history"), steps=steps).to(device or "cpu")


def find_weights(model: str | Path) -> tuple[Path, str]:
    """The file that `load` would load, and the name it would have; arguments and errors as there."""
    named = available_weights()
    if str(model) in named:
        return named[str(model)], str(model)
    path = Path(model)
    if path.is_dir() and (path / "model.safetensors").is_file():
        return path / "model.safetensors", path.resolve().name
    if path.is_file():
        return path, path.stem
    if path.is_dir():
        raise ValueError(
            f"load: folder {path} holds no model.safetensors; `activefreq train` leaves it there after its first epoch"
        )
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
