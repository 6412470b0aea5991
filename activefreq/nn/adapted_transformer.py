"""A vision transformer that hears a phrase: adapters between its layers (FreqMedCLIP, section 3.4)."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel

from activefreq.nn.text_conditioning import FiLM, TextConditionedAdapter, TextFeatures
from activefreq.nn.text_encoder import open_backbone

__all__ = ["ADAPTERS", "AdaptedTransformer"]

ADAPTERS = ("attention", "film", "none")


class AdaptedTransformer(nn.Module):
    """Image and phrase → the hidden states after each quarter of a vision transformer, as maps (Eq. 4 to 6).

    Of twelve layers those are 3, 6, 9 and 12. After each stands an adapter, whose answer goes on to the next layer.

    Args:
        text_channels: channels of the phrase's features.
        source: name on the hub or folder of a CLIP-like model or a ViT. Empty: a CLIP vision transformer with random
            weights.
        image_size: side in pixels of the images.
        patch, width, layers, heads: of the random one.
        adapter: "attention" (Eq. 5 and 6), "film" (the cheaper form beneath them) or "none".
        adapter_width, adapter_heads: see `TextConditionedAdapter`.
        further: channels beside the image's three, embedded in patches by a convolution that starts at zero.

    Raises:
        ValueError: unknown adapter, less than four layers, or patches that do not divide the image.
    """

    def __init__(
        self,
        text_channels: int,
        source: str = "",
        image_size: int = 224,
        patch: int = 16,
        width: int = 768,
        layers: int = 12,
        heads: int = 12,
        adapter: str = "attention",
        adapter_width: int = 32,
        adapter_heads: int = 4,
        further: int = 0,
    ) -> None:
        super().__init__()
        if adapter not in ADAPTERS:
            raise ValueError(f"AdaptedTransformer: adapter must be one of {', '.join(ADAPTERS)}, got {adapter!r}")
        self.transformer: Any  # of transformers, which has no types
        if source:
            self.transformer = open_backbone(source, "vision_model")
        else:
            model = CLIPVisionModel(
                CLIPVisionConfig(
                    hidden_size=width,
                    intermediate_size=4 * width,
                    num_hidden_layers=layers,
                    num_attention_heads=heads,
                    image_size=image_size,
                    patch_size=patch,
                )
            )
            self.transformer = getattr(model, "vision_model", model)
        # What stands behind the last layer is for classification.
        for unused in ("post_layernorm", "layernorm", "pooler", "head"):
            if hasattr(self.transformer, unused):
                setattr(self.transformer, unused, nn.Identity())
        found = self.transformer.config
        self.width, self.patch = int(found.hidden_size), int(found.patch_size)
        if image_size % self.patch:
            raise ValueError(f"AdaptedTransformer: image_size must be a multiple of {self.patch}, got {image_size}")
        self._resized_positions = image_size != found.image_size
        depth = len(self._layers())
        if depth < 4:
            raise ValueError(f"AdaptedTransformer: layers must be at least 4, got {depth}")
        self._masks = _no_masks(self._layers()[0])
        self.taken = tuple(round(depth * quarter / 4) for quarter in (1, 2, 3, 4))
        self.adapters = nn.ModuleList()
        for _ in self.taken if adapter != "none" else ():
            if adapter == "film":
                self.adapters.append(FiLM(self.width, text_channels))
            else:
                self.adapters.append(TextConditionedAdapter(self.width, text_channels, adapter_width, adapter_heads))
        self.further = nn.Conv2d(further, self.width, self.patch, self.patch) if further else None
        if self.further is not None:
            nn.init.zeros_(self.further.weight)
            nn.init.zeros_(self.further.bias)  # type: ignore[arg-type]

    def _layers(self) -> nn.ModuleList:
        """The transformer's blocks, under the names that CLIP, ViT and earlier versions of ViT give them."""
        inner = getattr(self.transformer, "encoder", self.transformer)
        blocks: nn.ModuleList = inner.layers if hasattr(inner, "layers") else inner.layer
        return blocks

    def forward(
        self, images: torch.Tensor, text: TextFeatures, further: torch.Tensor | None = None
    ) -> list[torch.Tensor]:
        """Hidden states of (B, 3, H, W), normalised as the transformer was trained.

        Args:
            images: H = W = image_size.
            text: of B phrases.
            further: (B, further, H, W), where the transformer has further channels.

        Returns:
            Four maps (B, width, H / patch, W / patch), shallow to deep, without the class token.
        """
        rows, columns = images.shape[-2] // self.patch, images.shape[-1] // self.patch
        hidden = self.transformer.embeddings(images, interpolate_pos_encoding=self._resized_positions)
        if hasattr(self.transformer, "pre_layrnorm"):  # CLIP's spelling
            hidden = self.transformer.pre_layrnorm(hidden)
        before = hidden.shape[1] - rows * columns  # the class token
        if self.further is not None and further is not None:
            added = self.further(further).flatten(2).mT
            hidden = torch.cat([hidden[:, :before], hidden[:, before:] + added], dim=1)
        maps = []
        for number, layer in enumerate(self._layers(), 1):
            hidden = layer(hidden, *self._masks)
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
            if number not in self.taken:
                continue
            if self.adapters:
                adapter = self.adapters[self.taken.index(number)]
                hidden = adapter(hidden, text.pooled if isinstance(adapter, FiLM) else text)
            maps.append(hidden[:, before:].mT.unflatten(2, (rows, columns)))
        return maps


def _no_masks(layer: nn.Module) -> list[None]:
    """None for each mask that the layer's forward insists on: how many differs between transformers' versions."""
    _, *further = inspect.signature(layer.forward).parameters.values()
    return [None for p in further if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
