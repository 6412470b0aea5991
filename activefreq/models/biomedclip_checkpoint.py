"""BiomedCLIP's own checkpoint → folders that transformers reads, for `FreqMedCLIPConfig.vision` and `.text`.

BiomedCLIP is published for open_clip: a ViT-B/16 under timm's names and PubMedBERT under those of transformers. The
same numbers in a ViTModel and a BertModel need only other names, and the fused query, key and value taken apart.

    convert_biomedclip("open_clip_model.safetensors", "vocab.txt", "biomedclip")
    FreqMedCLIP(vision="biomedclip/vision", text="biomedclip/text")
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import BertTokenizerFast

__all__ = ["convert_biomedclip", "text_transformer", "vision_transformer"]

Weights = dict[str, torch.Tensor]

_HEAD = 64  # channels of an attention head, in ViT-B/16 as in BERT
_BLOCK = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}
_AROUND = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
    "norm.weight": "layernorm.weight",
    "norm.bias": "layernorm.bias",
}


def convert_biomedclip(checkpoint: str | Path, vocabulary: str | Path, out: str | Path) -> Path:
    """Write `out`/vision (a ViT), `out`/text (a BERT with its tokenizer) and `out`/projections.safetensors.

    The projections (visual.head.*, text.proj.*, logit_scale) lead to the space in which BiomedCLIP compares images
    with phrases; FreqMedCLIP does without them.

    Args:
        checkpoint: open_clip's file, .safetensors, or .bin, of which only tensors are read.
        vocabulary: PubMedBERT's vocab.txt, which lies beside it on the hub.
        out: a folder that does not exist yet; it appears whole or not at all.

    Returns:
        `out`.

    Raises:
        FileNotFoundError: no such checkpoint or vocabulary.
        FileExistsError: `out` is there already.
        ValueError: the checkpoint lacks a tensor or has one that is not BiomedCLIP's; the message names it.
    """
    checkpoint, vocabulary, out = Path(checkpoint), Path(vocabulary), Path(out)
    for path in (checkpoint, vocabulary):
        if not path.is_file():
            raise FileNotFoundError(f"convert_biomedclip: {path} does not exist")
    if out.exists():
        raise FileExistsError(f"convert_biomedclip: {out} exists already")
    if checkpoint.suffix == ".safetensors":
        state = load_file(checkpoint)
    else:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    vision, vision_config = vision_transformer(state)
    text, text_config = text_transformer(state)
    projections = {name: t for name, t in state.items() if name.startswith(("visual.head.", "text.proj."))}
    if "logit_scale" in state:
        projections["logit_scale"] = state["logit_scale"]
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
        whole = Path(temporary) / "whole"
        _write(whole / "vision", vision, vision_config)
        _write(whole / "text", text, text_config)
        BertTokenizerFast(str(vocabulary), model_max_length=text_config["max_position_embeddings"]).save_pretrained(
            whole / "text"
        )
        save_file(_contiguous(projections), whole / "projections.safetensors")
        whole.rename(out)
    return out


def vision_transformer(state: Mapping[str, torch.Tensor]) -> tuple[Weights, dict[str, Any]]:
    """Weights of a ViTModel, under the names of published ones, and its configuration.

    Raises:
        ValueError: a tensor is missing or unknown.
    """
    trunk = _under("visual.trunk.", state)
    weights: Weights = {}
    for name, tensor in trunk.items():
        block = re.fullmatch(r"blocks\.(\d+)\.(.+)\.(weight|bias)", name)
        if name in _AROUND:
            weights[_AROUND[name]] = tensor
        elif block and block[2] in _BLOCK:
            weights[f"encoder.layer.{block[1]}.{_BLOCK[block[2]]}.{block[3]}"] = tensor
        elif block and block[2] == "attn.qkv":
            for part, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                weights[f"encoder.layer.{block[1]}.attention.attention.{part}.{block[3]}"] = third
        else:
            raise ValueError(f"convert_biomedclip: visual.trunk.{name} is no part of a plain ViT")
    depth = _depth(trunk, r"blocks\.(\d+)\.")
    needed = {*_AROUND, *(f"blocks.{n}.{part}.weight" for n in range(depth) for part in (*_BLOCK, "attn.qkv"))}
    _require("visual.trunk.", needed, trunk)
    width = trunk["cls_token"].shape[-1]
    patch = trunk["patch_embed.proj.weight"].shape[-1]
    side = round((trunk["pos_embed"].shape[1] - 1) ** 0.5)
    return weights, {
        "architectures": ["ViTModel"],
        "model_type": "vit",
        "hidden_size": width,
        "num_hidden_layers": depth,
        "num_attention_heads": width // _HEAD,
        "intermediate_size": trunk["blocks.0.mlp.fc1.weight"].shape[0],
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "image_size": side * patch,
        "patch_size": patch,
        "qkv_bias": True,
    }


def text_transformer(state: Mapping[str, torch.Tensor]) -> tuple[Weights, dict[str, Any]]:
    """Weights of a BertModel without pooling layer, and its configuration.

    Raises:
        ValueError: a tensor is missing.
    """
    weights = _under("text.transformer.", state)
    weights.pop("embeddings.position_ids", None)  # a count from 0, which older versions stored
    weights = {name: tensor for name, tensor in weights.items() if not name.startswith("pooler.")}
    depth = _depth(weights, r"encoder\.layer\.(\d+)\.")
    embeddings = {f"embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type")}
    layers = (f"encoder.layer.{n}.attention.self.{p}.weight" for n in range(depth) for p in ("query", "key", "value"))
    _require("text.transformer.", {*embeddings, *layers}, weights)
    words, width = weights["embeddings.word_embeddings.weight"].shape
    return weights, {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": words,
        "hidden_size": width,
        "num_hidden_layers": depth,
        "num_attention_heads": width // _HEAD,
        "intermediate_size": weights["encoder.layer.0.intermediate.dense.weight"].shape[0],
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": weights["embeddings.position_embeddings.weight"].shape[0],
        "type_vocab_size": weights["embeddings.token_type_embeddings.weight"].shape[0],
        "pad_token_id": 0,
    }


def _under(prefix: str, state: Mapping[str, torch.Tensor]) -> Weights:
    found = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    if not found:
        raise ValueError(f"convert_biomedclip: the checkpoint has no {prefix}*: it is not BiomedCLIP's")
    return found


def _depth(weights: Weights, pattern: str) -> int:
    return 1 + max((int(match[1]) for name in weights if (match := re.match(pattern, name))), default=-1)


def _require(prefix: str, needed: set[str], weights: Weights) -> None:
    if missing := sorted(needed - set(weights)):
        raise ValueError(f"convert_biomedclip: the checkpoint lacks {prefix}{missing[0]}")


def _write(folder: Path, weights: Weights, config: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    save_file(_contiguous(weights), folder / "model.safetensors", metadata={"format": "pt"})


def _contiguous(weights: Weights) -> Weights:
    return {name: tensor.detach().clone().contiguous() for name, tensor in weights.items()}
