"""Phrases → features, by a text transformer of a CLIP-like model."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, CLIPTextConfig, CLIPTextModel

from activefreq.nn.text_conditioning import TextFeatures

__all__ = ["TextEncoder", "hashed_words", "open_backbone"]

_VOCABULARY = 4096
_PAD, _BEGIN, _END = 0, 1, _VOCABULARY - 1
_LONGEST = 32


def hashed_words(phrases: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of a text encoder that has no vocabulary of its own: words in lower case, numbered by a checksum.

    Word w gets 2 + crc32(w) mod 4093, between a token that begins and one that ends the phrase: the same everywhere,
    for any phrase. Two words share a number once in 4093 pairs.

    Args:
        phrases: P of them; from each the first 30 words.

    Returns:
        (P, L) int64 tokens, L that of the longest phrase, and (P, L) int64, 1 where there is a token.
    """
    rows = []
    for phrase in phrases:
        words = re.findall(r"\w+", phrase.lower())[: _LONGEST - 2]
        rows.append([_BEGIN, *(2 + zlib.crc32(word.encode()) % (_VOCABULARY - 3) for word in words), _END])
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [_PAD] * (longest - len(row)) for row in rows])
    there = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return tokens, there


def open_backbone(source: str, part: str) -> nn.Module:
    """The vision or text transformer of a model on the hub or in a folder, in float32 whatever it was stored in.

    Args:
        source: a CLIP-like model (its half is taken), or one that is only a vision or text transformer: ViT, BERT.
        part: "vision_model" or "text_model".

    Raises:
        OSError: neither a folder nor reachable on the hub; the message is that of transformers.
    """
    kind = AutoConfig.from_pretrained(source).model_type
    settings: dict[str, Any] = {"add_pooling_layer": False} if kind in ("bert", "roberta", "vit") else {}
    model: nn.Module = AutoModel.from_pretrained(source, **settings)
    half: nn.Module = getattr(model, part, model)
    return half.float()


class TextEncoder(nn.Module):
    """A text transformer with its tokenizer.

    Args:
        source: name on the hub or folder of a CLIP-like model or of a BERT, with its tokenizer. Empty: a small CLIP
            text transformer with random weights, whose tokens are `hashed_words`.
        width, layers, heads: of the random one.
    """

    def __init__(self, source: str = "", width: int = 512, layers: int = 12, heads: int = 8) -> None:
        super().__init__()
        self.transformer: Any  # of transformers, which has no types
        if source:
            self.transformer = open_backbone(source, "text_model")
            self._tokenizer = AutoTokenizer.from_pretrained(source)
        else:
            model = CLIPTextModel(
                CLIPTextConfig(
                    vocab_size=_VOCABULARY,
                    hidden_size=width,
                    intermediate_size=4 * width,
                    num_hidden_layers=layers,
                    num_attention_heads=heads,
                    max_position_embeddings=_LONGEST,
                    pad_token_id=_PAD,
                    bos_token_id=_BEGIN,
                    eos_token_id=_END,
                )
            )
            self.transformer = getattr(model, "text_model", model)
            self._tokenizer = None
        self.width = int(self.transformer.config.hidden_size)
        # BERT has no token that ends a phrase; its first one stands for the whole, as in BiomedCLIP.
        self._first_token = self.transformer.config.model_type in ("bert", "roberta")

    def tokenize(self, phrases: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """(P, L) int64 tokens of P phrases and (P, L) int64, 1 where there is a token, on the CPU.

        Raises:
            ValueError: no phrase, or an empty one.
        """
        if not phrases or not all(phrase.strip() for phrase in phrases):
            raise ValueError(f"TextEncoder: phrases must be one or more that are not empty, got {list(phrases)}")
        if self._tokenizer is None:
            return hashed_words(phrases)
        longest = self.transformer.config.max_position_embeddings
        out = self._tokenizer(list(phrases), padding=True, truncation=True, max_length=longest, return_tensors="pt")
        return out["input_ids"], out["attention_mask"]

    def forward(self, tokens: torch.Tensor, there: torch.Tensor) -> TextFeatures:
        """Encode what `tokenize` answered, moved to the encoder's device."""
        out = self.transformer(input_ids=tokens, attention_mask=there, return_dict=True)
        hidden = out.last_hidden_state
        pooled = hidden[:, 0] if self._first_token else out.pooler_output
        return TextFeatures(hidden, pooled, there == 0)
