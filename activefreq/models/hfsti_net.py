"""HFSTI-Net: segmentation of videos by frequency, space and memory (ICLR 2026, openreview 6I9yjRTfuT)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PvtV2Config, PvtV2Model

from activefreq.models.network_input import normalise
from activefreq.nn.enlarge import enlarge
from activefreq.nn.frequency_spatial import FrequencySpatialInteraction
from activefreq.nn.progressive_decoder import MultiScaleEnhancement, ProgressiveDecoder
from activefreq.nn.published import published
from activefreq.nn.recurrent_memory import Memory, MemoryFrame, RecurrentMemory

__all__ = ["HFSTINet", "HFSTINetConfig", "VideoStream"]

_MOST_FRAMES = 4


@dataclass(frozen=True)
class HFSTINetConfig:
    """Everything that decides an HFSTI-Net's shape. The encoder is PVTv2-b2, as published; the rest was chosen."""

    input_size: int = 352
    """Side in pixels that a predictor, a task or a stream resizes to."""
    encoder_widths: tuple[int, ...] = (64, 128, 320, 512)
    """Channels of the four stages of PVTv2, at strides 4, 8, 16 and 32."""
    encoder_depths: tuple[int, ...] = (3, 4, 6, 3)
    """Transformer blocks of the stages."""
    encoder_heads: tuple[int, ...] = (1, 2, 5, 8)
    """Attention heads of the stages."""
    encoder_expansions: tuple[int, ...] = (8, 8, 4, 4)
    """Width of the stages' feed-forward networks, in multiples of the stage's channels."""
    drop_path: float = 0.1
    """Largest rate of stochastic depth in the encoder, in training."""
    width: int = 128
    """Channels of everything after the encoder. The publication gives none; its nearest open relative has 128."""
    hfsi: bool = True
    """Frequency-spatial interaction on every level; False: the projected features go to the decoder as they are."""
    rmp: bool = True
    """Memory of earlier frames; False: every frame is segmented by itself."""
    memory: int = 1
    """Frames that are remembered, 1 to 4."""
    attention: str = "elementwise"
    """Of the frequency filtering block: elementwise or channel."""
    clicks: bool = False
    """Also take a previous mask and click maps: six input channels, as FreqFormer's."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> HFSTINetConfig:
        """From JSON, where tuples are lists. Unknown keys are an error: they would be silently lost otherwise."""
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"HFSTINetConfig: unknown keys {unknown}; this checkpoint is from a newer version?")
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)


class ImageAndClicks(nn.Conv2d):
    """The stem with three channels more: `stem(image) + clicks(rest)`, the second convolution zero at the start.

    Its own parameters are the stem's, under the stem's names.
    """

    def __init__(self, stem: nn.Conv2d) -> None:
        shape: dict[str, Any] = {name: getattr(stem, name) for name in ("kernel_size", "stride", "padding")}
        super().__init__(stem.in_channels, stem.out_channels, **shape)
        self.load_state_dict(stem.state_dict())
        self.clicks = nn.Conv2d(3, stem.out_channels, **shape, bias=False)
        nn.init.zeros_(self.clicks.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3 or 6, H, W) → the stem's features; three channels are an image without clicks."""
        features = super().forward(x[:, :3])
        return features + self.clicks(x[:, 3:]) if x.shape[1] > 3 else features


class HFSTINet(nn.Module):
    """Frames → one logit per pixel of each, every frame seeing the ones before it through a bounded memory.

    PVTv2 gives four levels of features, a 1×1 convolution brings each to one width. The coarsest goes through MFE
    (`MultiScaleEnhancement`) and RMP (`RecurrentMemory`), which reads the features and predicted masks of the last
    `memory` frames. Every level goes through HFSI (`FrequencySpatialInteraction`), and `ProgressiveDecoder` predicts
    at all four. What is remembered of a frame are its MFE features and its finest prediction, which passes no
    gradient.

    The publication leaves open all widths, the number of heads, how the first frame fills the memory, what the spatial
    softmax runs over and the decoder's inside; the docstrings of the parts say what was chosen.

    The encoder starts at random; `start_encoder` loads published weights.

    Args:
        config: the shape; keyword arguments override single fields, as in `HFSTINet(rmp=False)`.

    Raises:
        ValueError: a memory that is not 1 to 4 frames.

    Example:
        >>> network = HFSTINet.small().eval()
        >>> network(torch.rand(1, 5, 3, 64, 64)).shape
        torch.Size([1, 5, 1, 64, 64])
        >>> stream = network.stream()
        >>> masks = [stream.step(frame) for frame in torch.rand(5, 3, 96, 128)]
        >>> masks[0].shape
        torch.Size([96, 128])
    """

    refine_layer: None = None  # as a click network it has one stage

    def __init__(self, config: HFSTINetConfig | None = None, **overrides: object) -> None:
        super().__init__()
        self.config = config = dataclasses.replace(config or HFSTINetConfig(), **overrides)  # type: ignore[arg-type]
        if not 1 <= config.memory <= _MOST_FRAMES:
            raise ValueError(f"HFSTINet: memory must be 1 to {_MOST_FRAMES} frames, got {config.memory}")
        self.encoder = PvtV2Model(
            PvtV2Config(
                depths=list(config.encoder_depths),
                hidden_sizes=list(config.encoder_widths),
                num_attention_heads=list(config.encoder_heads),
                mlp_ratios=list(config.encoder_expansions),
                drop_path_rate=config.drop_path,
            )
        )
        if config.clicks:
            stem = self.encoder.encoder.layers[0].patch_embedding
            stem.proj = ImageAndClicks(stem.proj)
        width = config.width
        self.align = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in config.encoder_widths)
        self.mfe = MultiScaleEnhancement(width)
        self.rmp = RecurrentMemory(width) if config.rmp else None
        self.hfsi = nn.ModuleList(
            FrequencySpatialInteraction(width, config.attention) if config.hfsi else nn.Identity()
            for _ in config.encoder_widths
        )
        self.decoder = ProgressiveDecoder(width, len(config.encoder_widths))
        self._install_encoder_hooks()

    @classmethod
    def small(cls, **settings: object) -> HFSTINet:
        """A network that trains on one core: a PVTv2 of two blocks a stage, 32 channels, 128 pixels."""
        shape: dict[str, Any] = {
            "input_size": 128,
            "encoder_widths": (16, 32, 64, 128),
            "encoder_depths": (2, 2, 2, 2),
            "encoder_heads": (1, 2, 4, 8),
            "drop_path": 0.0,
            "width": 32,
        }
        return cls(**(shape | settings))

    def _install_encoder_hooks(self) -> None:
        """Ask the encoder for its hidden states once: transformers installs the hooks that collect them then."""
        with torch.no_grad():
            self.encoder.eval()(torch.zeros(1, 3, 32, 32), output_hidden_states=True, return_dict=True)
        self.encoder.train()

    def start_encoder(self, source: str) -> list[str]:
        """Load a published PVTv2 into the encoder.

        Args:
            source: a hub id such as "OpenGVLab/pvt_v2_b2", or a folder that transformers saved a PVTv2 in.

        Returns:
            The encoder's tensors that the published network does not have: those of the click channels.

        Raises:
            ValueError: no such network can be had, it is no PVTv2, or it has another shape.
        """
        weights = published(PvtV2Model, source).state_dict()
        try:
            missing: list[str] = self.encoder.load_state_dict(weights, strict=False).missing_keys
        except RuntimeError as error:
            raise ValueError(f"start_encoder: {source} does not fit this encoder: {error}") from None
        lost = [name for name in missing if "proj.clicks" not in name]
        if lost:
            raise ValueError(f"start_encoder: {source} has no {lost[0]} ({len(lost)} tensors are missing)")
        return missing

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of clips or single images.

        Args:
            x: clips (B, T, C, H, W), frames in order, or images (B, C, H, W); normalised RGB, and with
                config.clicks either three channels or six as `network_input` makes them.

        Returns:
            (B, T, 1, H, W) or (B, 1, H, W): the finest prediction, enlarged. In eval mode frames are computed one
            after the other, exactly as a stream does.

        Raises:
            ValueError: a wrong shape.
        """
        clips = self._check(x)
        finest = [outputs[0] for outputs in self._outputs(clips)]
        logits = torch.stack([enlarge(output, x.shape[-2:]) for output in finest], dim=1)
        return logits if x.dim() == 5 else logits[:, 0]

    def supervised(self, clips: torch.Tensor) -> list[torch.Tensor]:
        """(B, T, C, H, W) → the four predictions, the finest first, each (B, T, 1, H, W) logits."""
        outputs = self._outputs(self._check(clips))
        return [
            torch.stack([enlarge(level, clips.shape[-2:]) for level in levels], dim=1)
            for levels in zip(*outputs, strict=True)
        ]

    def step(self, x: torch.Tensor, memory: Memory = ()) -> tuple[list[torch.Tensor], Memory]:
        """One frame.

        Args:
            x: (B, C, H, W) as for `forward`.
            memory: what the step before returned; empty before the first frame.

        Returns:
            Logits (B, 1, h, w) at strides 4, 8, 16 and 32, and the memory for the next frame, of at most
            config.memory frames.
        """
        return self._decode(self._levels(x), memory)

    def stream(self) -> VideoStream:
        """A session on one video, frame by frame, with its own memory; the network is put in eval mode."""
        return VideoStream(self)

    def _check(self, x: torch.Tensor) -> torch.Tensor:
        """X as clips."""
        channels = (3, 6) if self.config.clicks else (3,)
        if x.dim() not in (4, 5) or x.shape[-3] not in channels:
            names = " or ".join(str(n) for n in channels)
            raise ValueError(
                f"HFSTINet: x must have shape (B, T, C, H, W) or (B, C, H, W) with C = {names}, got {tuple(x.shape)}"
            )
        return x if x.dim() == 5 else x.unsqueeze(1)

    def _outputs(self, clips: torch.Tensor) -> list[list[torch.Tensor]]:
        """The four predictions of every frame. In training the encoder sees all frames at once."""
        memory: Memory = ()
        outputs = []
        if self.training:
            levels = [level.unflatten(0, clips.shape[:2]) for level in self._levels(clips.flatten(0, 1))]
        for frame in range(clips.shape[1]):
            now = [level[:, frame] for level in levels] if self.training else self._levels(clips[:, frame])
            predictions, memory = self._decode(now, memory)
            outputs.append(predictions)
        return outputs

    def _levels(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Features (B, width, h, w) at the four strides; all but the coarsest have been through HFSI."""
        stages = self.encoder(x, output_hidden_states=True, return_dict=True).hidden_states
        levels = [align(stage) for align, stage in zip(self.align, stages, strict=True)]
        finer = [hfsi(level) for hfsi, level in zip(self.hfsi[:-1], levels[:-1], strict=True)]
        return [*finer, self.mfe(levels[-1])]

    def _decode(self, levels: list[torch.Tensor], memory: Memory) -> tuple[list[torch.Tensor], Memory]:
        """Predictions of one frame, and the memory after it."""
        *finer, coarsest = levels
        read = coarsest if self.rmp is None else self.rmp(coarsest, memory)
        predictions = self.decoder([*finer, self.hfsi[-1](read)])
        if self.rmp is None:
            return predictions, ()
        mask = F.adaptive_avg_pool2d(predictions[0].detach().sigmoid(), (coarsest.shape[-2], coarsest.shape[-1]))
        return predictions, (MemoryFrame(coarsest, mask), *memory)[: self.config.memory]


def resized(frames: torch.Tensor, side: int) -> torch.Tensor:
    """(T, C, H, W) in [0, 1] → (T, C, side, side) there, without aliasing: as in training, so when frames stream."""
    return F.interpolate(frames, size=(side, side), mode="bilinear", antialias=True).clamp(0, 1)


class VideoStream:
    """Frame in, mask out, with the memory of config.memory frames however long the video is.

    Given frames of the network's input size, `step` returns bit for bit what the network's `forward` gives for the
    whole clip.

    Args:
        network: put in eval mode.
    """

    def __init__(self, network: HFSTINet) -> None:
        self.network = network.eval()
        self.memory: Memory = ()

    def reset(self) -> None:
        """Forget everything: the next frame is the first of another video."""
        self.memory = ()

    @torch.inference_mode()
    def step(self, frame: torch.Tensor) -> torch.Tensor:
        """Segment the next frame.

        Args:
            frame: (3, H, W) or (B, 3, H, W) RGB, float in [0, 1], on any device, any size; resized to the network's.

        Returns:
            (H, W) or (B, H, W) probabilities at the frame's size, on the network's device.

        Raises:
            ValueError: a wrong shape, or another batch than the frames before.
        """
        if frame.dim() not in (3, 4) or frame.shape[-3] != 3:
            raise ValueError(f"VideoStream: frame must have shape (3, H, W) or (B, 3, H, W), got {tuple(frame.shape)}")
        images = frame if frame.dim() == 4 else frame.unsqueeze(0)
        if self.memory and len(self.memory[0].mask) != len(images):
            raise ValueError(
                f"VideoStream: frame must hold {len(self.memory[0].mask)} images like the frames before, "
                f"got {len(images)}; reset() starts another video"
            )
        parameter = next(self.network.parameters())
        side = self.network.config.input_size
        x = normalise(resized(images.to(parameter.device, torch.float32), side)).to(parameter.dtype)
        predictions, self.memory = self.network.step(x, self.memory)
        logits = enlarge(enlarge(predictions[0], (side, side)), images.shape[-2:])
        probabilities = logits.squeeze(1).sigmoid()
        return probabilities if frame.dim() == 4 else probabilities[0]
