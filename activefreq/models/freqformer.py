"""FreqFormer: a SegFormer encoder and a decoder of Freq layers (paper, section 3.2, Figure 3, Table 1)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import SegformerConfig, SegformerModel

from activefreq.nn.enlarge import enlarge
from activefreq.nn.freq_block import FreqBlock
from activefreq.nn.refine_layer import RefineLayer

__all__ = ["FreqFormer", "FreqFormerConfig"]


@dataclass(frozen=True)
class FreqFormerConfig:
    """Everything that decides a FreqFormer's shape. The defaults are the paper's Table 1 where it says."""

    input_size: int = 224
    """Side in pixels that a predictor resizes to, and that the spectra are made for."""
    widths: tuple[int, ...] = (32, 64, 128, 256)
    """Channels of the four encoder stages, at strides 4, 8, 16 and 32 (Table 1)."""
    heads: tuple[int, ...] = (1, 2, 4, 8)
    """Attention heads of the stages (Table 1)."""
    depths: tuple[int, ...] = (2, 2, 2, 2)
    """Transformer blocks of the stages (Table 1)."""
    freq_depth: int = 1
    """Freq blocks of each Freq layer (Table 1)."""
    decoder_width: int = 128
    """Width to which an MLP aligns every stage. The paper gives none; SegFormer-B0 has 256."""
    weight: str = "full"
    """Spectra of the FreqModules: full, scalar, generated or low-rank."""
    transform: str = "fourier"
    """fourier, haar or dft3."""
    axes: tuple[str, ...] = ("hw", "hc", "wc")
    """Axis pairs that are filtered."""
    conv: str = "depthwise"
    """depthwise or separable."""
    feed_forward: str = "plain"
    """Feed-forward network of the Freq blocks: plain or inverted-depthwise (MEW-UNet's)."""
    drop_path: float = 0.1
    """Largest rate of stochastic depth in the encoder, in training."""
    refine_width: int = 0
    """Channels inside the refine layer (FocalClick: 32), which a two-stage predictor calls; 0: there is none."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FreqFormerConfig:
        """From JSON, where tuples are lists. Unknown keys are an error: they would be silently lost otherwise."""
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"FreqFormerConfig: unknown keys {unknown}; this checkpoint is from a newer version?")
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)


class FreqFormer(nn.Module):
    """Image, previous mask and clicks → one logit per pixel.

    A SegFormer encoder turns the six input channels into features at strides 4, 8, 16 and 32. Each goes through a
    Freq layer at its own resolution and through an MLP to one width; the four are brought to stride 4, concatenated,
    mixed by a 1×1 convolution with batch norm and ReLU, and become one logit, enlarged to the input's size.

    The 1×1 convolution of a concatenation is the sum of four 1×1 convolutions, and a 1×1 convolution commutes with
    bilinear enlargement: so each part is computed at its stage's resolution and only their sum is formed at stride 4.

    Args:
        config: the shape; keyword arguments override single fields, as in `FreqFormer(weight="scalar")`.

    Example:
        >>> network = FreqFormer(input_size=128)
        >>> network(torch.rand(1, 6, 128, 128)).shape
        torch.Size([1, 1, 128, 128])
    """

    def __init__(self, config: FreqFormerConfig | None = None, **overrides: object) -> None:
        super().__init__()
        self.config = config = dataclasses.replace(config or FreqFormerConfig(), **overrides)  # type: ignore[arg-type]
        self.encoder = SegformerModel(
            SegformerConfig(
                num_channels=6,
                depths=list(config.depths),
                hidden_sizes=list(config.widths),
                num_attention_heads=list(config.heads),
                drop_path_rate=config.drop_path,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
            )
        )
        sides = [stage_side(config.input_size, stage) for stage in range(len(config.widths))]
        self.freq_layers = nn.ModuleList(
            nn.Sequential(
                *(
                    FreqBlock(
                        width,
                        (side, side),
                        weight=config.weight,
                        transform=config.transform,
                        axes=config.axes,
                        conv=config.conv,
                        feed_forward=config.feed_forward,
                    )
                    for _ in range(config.freq_depth)
                )
            )
            for width, side in zip(config.widths, sides, strict=True)
        )
        self.align = nn.ModuleList(nn.Conv2d(width, config.decoder_width, 1) for width in config.widths)
        self.fuse = nn.ModuleList(
            nn.Conv2d(config.decoder_width, config.decoder_width, 1, bias=False) for _ in config.widths
        )
        self.norm = nn.BatchNorm2d(config.decoder_width)
        self.head = nn.Conv2d(config.decoder_width, 1, 1)
        self.refine_layer: RefineLayer | None = None
        if config.refine_width:
            self.refine_layer = RefineLayer(config.decoder_width, config.refine_width)
        self._install_encoder_hooks()

    def _install_encoder_hooks(self) -> None:
        """Ask the encoder for its hidden states once.

        transformers installs the hooks that collect them on the first such call, under a lock, which
        `torch.compile(fullgraph=True)` cannot trace.
        """
        with torch.no_grad():
            parameter = next(self.encoder.parameters())
            self.encoder.eval()(parameter.new_zeros(1, 6, 32, 32), output_hidden_states=True, return_dict=True)
        self.encoder.train()

    def with_refine_layer(self, width: int = 32) -> FreqFormer:
        """A copy of this network with a fresh refine layer, to be trained."""
        network = FreqFormer(self.config, refine_width=width).to(self.head.weight.device)
        weights = {name: t for name, t in self.state_dict().items() if not name.startswith("refine_layer.")}
        network.load_state_dict(network.state_dict() | weights)
        return network.train(self.training)

    def features_and_logits(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the refinement starts from, at a quarter of the resolution.

        Args:
            x: (B, 6, H, W), as for `forward`.

        Returns:
            (B, decoder_width, ceil(H/4), ceil(W/4)) features and (B, 1, ceil(H/4), ceil(W/4)) logits.

        Raises:
            ValueError: where x is not (B, 6, H, W).
        """
        if x.dim() != 4 or x.shape[1] != 6:
            raise ValueError(f"FreqFormer: x must have shape (B, 6, H, W), got {tuple(x.shape)}")
        stages = self.encoder(x, output_hidden_states=True, return_dict=True).hidden_states
        fused: torch.Tensor | None = None
        for features, freq_layer, align, fuse in zip(stages, self.freq_layers, self.align, self.fuse, strict=True):
            part = fuse(align(freq_layer(features)))
            fused = part if fused is None else fused + enlarge(part, fused.shape[-2:])
        mixed = F.relu(self.norm(fused))
        return mixed, self.head(mixed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of (B, 6, H, W): RGB normalised, previous probability, positive and negative click map.

        Returns:
            (B, 1, H, W) logits of the first stage; the refine layer takes no part.

        Raises:
            ValueError: where x is not (B, 6, H, W).
        """
        _, logits = self.features_and_logits(x)
        return enlarge(logits, x.shape[-2:])


def stage_side(input_side: int, stage: int) -> int:
    """Side of a stage's features: the stem halves twice, every later stage once, rounding up."""
    side = -(-input_side // 4)
    for _ in range(stage):
        side = -(-side // 2)
    return side
