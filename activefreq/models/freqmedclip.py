"""FreqMedCLIP: a semantic and a frequency stream, coupled, under the guidance of a phrase (2026).

What the paper leaves open, and what is chosen here: pyramid and decoder widths 256/128/64/32, shared width 256 with
4 heads (section 3.6), group norm and ReLU in every convolution block, adapters of width 32. A ConvNeXt-Tiny at the
resolutions that the paper names has a stem of stride 1; it is trained, though its 28 M parameters do not fit the 12 M
that the paper counts. From 112 to 224 the branch logits are enlarged before they are fused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from activefreq.models.network_input import IMAGE_DEVIATION, IMAGE_MEAN
from activefreq.nn.adapted_transformer import AdaptedTransformer
from activefreq.nn.enlarge import enlarge
from activefreq.nn.feature_bridge import FeatureBridge
from activefreq.nn.feature_pyramid import FeaturePyramid
from activefreq.nn.haar_convnext import HaarConvNeXt
from activefreq.nn.text_conditioning import TextFeatures
from activefreq.nn.text_decoder import TextDecoder
from activefreq.nn.text_encoder import TextEncoder

__all__ = ["FreqMedCLIP", "FreqMedCLIPConfig", "FreqMedCLIPLogits"]


@dataclass(frozen=True)
class FreqMedCLIPConfig:
    """Everything that decides a FreqMedCLIP's shape, its ablations (the paper's Table 4) included."""

    input_size: int = 224
    """Side in pixels that images are resized to; a multiple of 16 and of the vision transformer's patch."""
    vision: str = ""
    """Name on the hub or folder of the vision transformer (a CLIP-like model, a ViT); empty: random weights."""
    vision_width: int = 768
    """Of a random vision transformer, as the next three."""
    vision_layers: int = 12
    """At least 4; a quarter of them lies between two adapters."""
    vision_heads: int = 12
    """Attention heads."""
    patch: int = 16
    """Side of a patch in pixels."""
    train_vision: bool = False
    """Train the vision transformer too; the paper freezes it."""
    image_mean: tuple[float, ...] = (0.48145466, 0.4578275, 0.40821073)
    """Of the images that the vision transformer was trained on; these are CLIP's, and BiomedCLIP's."""
    image_deviation: tuple[float, ...] = (0.26862954, 0.26130258, 0.27577711)
    """Their standard deviation."""
    text: str = ""
    """Name on the hub or folder of the text encoder (a CLIP-like model, a BERT); empty: random weights."""
    text_width: int = 512
    """Of a random text encoder, as the next two."""
    text_layers: int = 12
    """Transformer layers."""
    text_heads: int = 8
    """Attention heads."""
    train_text: bool = False
    """Train the text encoder too; the paper freezes it."""
    phrase: str = "the object"
    """What is segmented where the caller gives no phrase."""
    adapter: str = "attention"
    """Text-conditioned adapters between the vision transformer's layers: attention, film or none."""
    adapter_width: int = 32
    """Channels inside an adapter."""
    pyramid: tuple[int, ...] = (256, 128, 64, 32)
    """C_1 to C_4 of Eq. 7, at strides 16, 8, 4 and 2; the decoders' stages have the last three."""
    convnext: str = ""
    """Name on the hub or folder of a ConvNeXt whose stages the frequency encoder starts from; empty: random weights."""
    frequency_widths: tuple[int, ...] = (96, 192, 384, 768)
    """Stages of the frequency encoder, at strides 2, 4, 8 and 16."""
    frequency_depths: tuple[int, ...] = (3, 3, 9, 3)
    """Its blocks."""
    drop_path: float = 0.1
    """Largest rate of stochastic depth in the frequency encoder, in training."""
    bridge: str = "attention"
    """FFBI: attention, or concatenation in its place."""
    bridge_width: int = 256
    """d of Eq. 10."""
    bridge_heads: int = 4
    """Attention heads of the bridge."""
    text_gate: bool = False
    """Eq. 12."""
    film: bool = True
    """LFFI: the phrase modulates every decoder stage."""
    dual_decoder: bool = True
    """False: one decoder takes both streams' bottlenecks and skips, concatenated."""
    semantic: bool = True
    """False: the frequency stream alone, with its decoder (the paper's baseline has film=False too)."""
    frequency: bool = True
    """False: the semantic stream alone (the paper's baseline has film=False and adapter="none" too)."""
    clicks: bool = False
    """Take six channels too: previous mask and click maps enter both streams beside the image."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FreqMedCLIPConfig:
        """From JSON, where tuples are lists. Unknown keys are an error: they would be silently lost otherwise."""
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"FreqMedCLIPConfig: unknown keys {unknown}; this checkpoint is from a newer version?")
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)


class FreqMedCLIPLogits(NamedTuple):
    """The three logit maps of Eq. 18, (B, 1, H, W) each."""

    fused: torch.Tensor
    """L: the answer."""
    semantic: torch.Tensor | None
    """L_s; None where there is one decoder only."""
    frequency: torch.Tensor | None
    """L_f; as above."""


class FreqMedCLIP(nn.Module):
    """Image and phrase → one logit per pixel (Figure 1).

    A frozen vision transformer with text-conditioned adapters gives a four-level pyramid (Eq. 4 to 7), a ConvNeXt over
    Haar bands gives another (Eq. 8 and 9). At stride 16 the two exchange what they know (FFBI, Eq. 10 to 13); two
    decoders, modulated by the phrase at every stage (LFFI, Eq. 14 to 17), climb to stride 2, and a small head fuses
    their logits (Eq. 18). Images of another size than `input_size` are resized, and so is the answer.

    Frozen transformers that the configuration names (a hub id, a folder) are no part of `state_dict`: they are read
    again where they came from. Random ones are, since nothing else knows them.

    Args:
        config: the shape; keyword arguments set single fields, as in `FreqMedCLIP(bridge="concatenation")`.

    Raises:
        ValueError: a configuration that cannot be; the message names the field.
        OSError: `vision`, `text` or `convnext` cannot be read.

    Example:
        >>> network = FreqMedCLIP.small(input_size=64)
        >>> network(torch.rand(1, 3, 64, 64), ["a polyp"]).shape
        torch.Size([1, 1, 64, 64])
    """

    def __init__(self, config: FreqMedCLIPConfig | None = None, **settings: object) -> None:
        super().__init__()
        self.config = config = dataclasses.replace(config or FreqMedCLIPConfig(), **settings)  # type: ignore[arg-type]
        _check(config)
        further = 3 if config.clicks else 0
        self.text = TextEncoder(config.text, config.text_width, config.text_layers, config.text_heads)
        told = self.text.width if config.film else 0
        self.vision: AdaptedTransformer | None = None
        self.pyramid: FeaturePyramid | None = None
        self.frequency: HaarConvNeXt | None = None
        self.bridge: FeatureBridge | None = None
        if config.semantic:
            self.vision = AdaptedTransformer(
                self.text.width,
                config.vision,
                config.input_size,
                config.patch,
                config.vision_width,
                config.vision_layers,
                config.vision_heads,
                config.adapter,
                config.adapter_width,
                further=further,
            )
            self.pyramid = FeaturePyramid(self.vision.width, config.pyramid)
        if config.frequency:
            self.frequency = HaarConvNeXt(
                config.frequency_widths, config.frequency_depths, further, config.drop_path, config.convnext
            )
        semantic_skips, frequency_skips = config.pyramid[1:], config.frequency_widths[2::-1]
        if config.semantic and config.frequency:
            self.bridge = FeatureBridge(
                config.pyramid[0],
                config.frequency_widths[-1],
                config.bridge_width,
                config.bridge_heads,
                config.bridge,
                self.text.width if config.text_gate else 0,
            )
        stages = config.pyramid[1:]
        self.decoders = nn.ModuleList()
        if self.bridge is None:
            bottleneck, skips = (
                (config.pyramid[0], semantic_skips)
                if config.semantic
                else (config.frequency_widths[-1], frequency_skips)
            )
            self.decoders.append(TextDecoder(bottleneck, skips, stages, told))
        elif config.dual_decoder:
            self.decoders.append(TextDecoder(config.bridge_width, semantic_skips, stages, told))
            self.decoders.append(TextDecoder(config.bridge_width, frequency_skips, stages, told))
        else:
            both = tuple(a + b for a, b in zip(semantic_skips, frequency_skips, strict=True))
            self.decoders.append(TextDecoder(2 * config.bridge_width, both, stages, told))
        self.heads = nn.ModuleList(nn.Conv2d(stages[-1], 1, 1) for _ in self.decoders)
        self.fusion: nn.Module | None = None
        if len(self.decoders) == 2:
            self.fusion = nn.Sequential(nn.Conv2d(2, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1))
        self._prepare(config)
        # A step on a CPU is faster so.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    _image_gain: torch.Tensor
    _image_offset: torch.Tensor
    _phrase_tokens: torch.Tensor
    _phrase_there: torch.Tensor

    def _prepare(self, config: FreqMedCLIPConfig) -> None:
        """Freeze what is frozen, keep the default phrase's tokens, leave named backbones out of the state."""
        mean, deviation, trained_mean, trained_deviation = (
            torch.tensor(figures).view(1, 3, 1, 1)
            for figures in (IMAGE_MEAN, IMAGE_DEVIATION, config.image_mean, config.image_deviation)
        )
        self.register_buffer("_image_gain", deviation / trained_deviation, persistent=False)
        self.register_buffer("_image_offset", (mean - trained_mean) / trained_deviation, persistent=False)
        tokens, there = self.text.tokenize([config.phrase])
        self.register_buffer("_phrase_tokens", tokens, persistent=False)
        self.register_buffer("_phrase_there", there, persistent=False)
        self._frozen: list[nn.Module] = []
        elsewhere: list[str] = []
        backbones = [("text.transformer.", self.text.transformer, config.train_text, config.text)]
        if self.vision is not None:
            backbones.append(("vision.transformer.", self.vision.transformer, config.train_vision, config.vision))
        for prefix, transformer, trained, source in backbones:
            if not trained:
                self._frozen.append(transformer.requires_grad_(False).eval())
                elsewhere += [prefix] if source else []
        self._elsewhere = tuple(elsewhere)
        self.register_state_dict_post_hook(_drop_backbones)
        self.register_load_state_dict_post_hook(_expect_no_backbones)

    @classmethod
    def small(cls, **settings: object) -> FreqMedCLIP:
        """A network of 0.9 M trained and 0.9 M frozen, random parameters: no downloads, a step in about a second."""
        sizes: dict[str, Any] = {
            "input_size": 128,
            "vision_width": 96,
            "vision_layers": 4,
            "vision_heads": 4,
            "text_width": 64,
            "text_layers": 2,
            "text_heads": 4,
            "adapter_width": 24,
            "pyramid": (64, 48, 32, 16),
            "frequency_widths": (24, 48, 96, 128),
            "frequency_depths": (1, 1, 2, 1),
            "drop_path": 0.0,
            "bridge_width": 64,
        }
        return cls(**(sizes | settings))

    def train(self, mode: bool = True) -> FreqMedCLIP:
        """As usual, but a frozen transformer stays as it answers: without dropout."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def encode_text(self, phrases: Sequence[str]) -> TextFeatures:
        """Features of P phrases, on the network's device; `rows` spreads them over a batch.

        Raises:
            ValueError: no phrase, or an empty one.
        """
        tokens, there = self.text.tokenize(phrases)
        device = self._phrase_tokens.device
        features: TextFeatures = self.text(tokens.to(device), there.to(device))
        return features

    def _features(self, phrases: Sequence[str] | TextFeatures | None, batch: int) -> TextFeatures:
        if phrases is None:
            default: TextFeatures = self.text(self._phrase_tokens, self._phrase_there)
            return TextFeatures(*(part.expand(batch, *part.shape[1:]) for part in default))
        if isinstance(phrases, str):
            raise ValueError(f"FreqMedCLIP: phrases must be one per image, got the single string {phrases!r}")
        features = phrases if isinstance(phrases, TextFeatures) else self.encode_text(phrases)
        if features.pooled.shape[0] != batch:
            raise ValueError(f"FreqMedCLIP: phrases must be {batch}, one per image, got {features.pooled.shape[0]}")
        return features

    def all_logits(self, x: torch.Tensor, phrases: Sequence[str] | TextFeatures | None = None) -> FreqMedCLIPLogits:
        """The answer and both branches', for deep supervision. Arguments and errors as of `forward`."""
        config = self.config
        channels = (3, 6) if config.clicks else (3,)
        if x.dim() != 4 or x.shape[1] not in channels:
            wanted = " or ".join(map(str, channels))
            raise ValueError(f"FreqMedCLIP: x must have shape (B, {wanted}, H, W), got {tuple(x.shape)}")
        size, side = x.shape[-2:], (config.input_size, config.input_size)
        x = _resized(x, side)
        text = self._features(phrases, x.shape[0])
        image, further = x[:, :3], x[:, 3:] if x.shape[1] == 6 else None
        semantic: list[torch.Tensor] = []  # coarse to fine, as the decoders climb
        frequency: list[torch.Tensor] = []
        if self.vision is not None and self.pyramid is not None:
            maps = self.vision(image * self._image_gain + self._image_offset, text, further)
            stride_16 = [config.input_size // 16] * 2  # which patches of another side than 16 miss
            semantic = self.pyramid([_resized(features, stride_16) for features in maps])
        if self.frequency is not None:
            frequency = self.frequency(image, further)[::-1]
        if self.bridge is not None:
            semantic[0], frequency[0] = self.bridge(semantic[0], frequency[0], text.pooled)
        if len(self.decoders) == 2:
            streams = [semantic, frequency]
        elif self.bridge is not None:
            streams = [[torch.cat(pair, dim=1) for pair in zip(semantic, frequency, strict=True)]]
        else:
            streams = [semantic or frequency]
        branches = [
            enlarge(head(decoder(stream[0], stream[1:], text.pooled)), side)
            for stream, decoder, head in zip(streams, self.decoders, self.heads, strict=True)
        ]
        if self.fusion is None:
            return FreqMedCLIPLogits(_resized(branches[0], size), None, None)
        fused = self.fusion(torch.cat(branches, dim=1))
        return FreqMedCLIPLogits(*(_resized(logits, size) for logits in (fused, *branches)))

    def forward(self, x: torch.Tensor, phrases: Sequence[str] | TextFeatures | None = None) -> torch.Tensor:
        """Logits of images under their phrases.

        Args:
            x: (B, 3, H, W) of any size, normalised by ImageNet's figures (`models.network_input.normalise`); with
                `clicks` also (B, 6, H, W), as `models.network_input.network_input` makes it.
            phrases: one per image, as text or as `encode_text` answered; None: the configuration's phrase for all.

        Returns:
            (B, 1, H, W) logits.

        Raises:
            ValueError: another shape, or another number of phrases.
        """
        return self.all_logits(x, phrases).fused


def _resized(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    return x if tuple(x.shape[-2:]) == tuple(size) else enlarge(x, size)


def _check(config: FreqMedCLIPConfig) -> None:
    """Refuse what no layer would: the layers check the rest."""
    if config.input_size < 32 or config.input_size % 16:
        raise ValueError(f"FreqMedCLIP: input_size must be a multiple of 16, at least 32, got {config.input_size}")
    if not (config.semantic or config.frequency):
        raise ValueError("FreqMedCLIP: semantic and frequency are both off; one stream has to stay")
    for name in ("pyramid", "frequency_widths", "frequency_depths"):
        if len(getattr(config, name)) != 4:
            raise ValueError(f"FreqMedCLIP: {name} must be four numbers, got {getattr(config, name)}")


def _drop_backbones(
    network: FreqMedCLIP, state: dict[str, torch.Tensor], prefix: str, metadata: dict[str, Any]
) -> None:
    """What a checkpoint leaves out: frozen transformers that have a name elsewhere."""
    for name in [name for name in state if name.removeprefix(prefix).startswith(network._elsewhere)]:
        del state[name]


def _expect_no_backbones(network: FreqMedCLIP, keys: Any) -> None:  # noqa: ANN401 (torch's own named tuple)
    """Do not miss what `_drop_backbones` left out."""
    keys.missing_keys[:] = [name for name in keys.missing_keys if not name.startswith(network._elsewhere)]
