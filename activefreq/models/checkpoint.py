"""Weights on disk: safetensors with a JSON configuration in the header. Nothing is unpickled."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from activefreq.models.freqformer import FreqFormer, FreqFormerConfig

__all__ = ["load_network", "read_tensors", "save_network", "write_tensors"]

_FORMAT = "activefreq-1"


def write_tensors(path: str | Path, tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> None:
    """Write tensors and a JSON header to one safetensors file, whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(contiguous, temporary, metadata={"format": _FORMAT, "header": json.dumps(header)})
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def read_tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and header of a file that `write_tensors` wrote.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a safetensors file, or one without activefreq's header; both name the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path} does not exist")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise ValueError(f"checkpoint {path} has no activefreq header: was it written by `activefreq train`?")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise ValueError(f"checkpoint {path} is not a safetensors file: {error}") from None
    return tensors, json.loads(metadata["header"])


def save_network(
    path: str | Path, network: FreqFormer, history: dict[str, Any], dtype: torch.dtype | None = None
) -> None:
    """Save a network with its configuration.

    Args:
        path: the file, written atomically.
        network: what to save.
        history: how it came to be (data, epochs, command, ...): a model card for programs, any JSON.
        dtype: store floating-point weights in this type (torch.float16 halves the file); None keeps them.
    """
    tensors = {
        name: tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor
        for name, tensor in network.state_dict().items()
    }
    header = {"model": "freqformer", "config": dataclasses.asdict(network.config), "history": history}
    write_tensors(path, tensors, header)


def load_network(path: str | Path) -> tuple[FreqFormer, dict[str, Any]]:
    """A network in eval mode, float32, on the CPU, and its header.

    Raises:
        FileNotFoundError, ValueError: as `read_tensors`; ValueError also where the tensors do not fit.
    """
    tensors, header = read_tensors(path)
    if header.get("model") != "freqformer":
        raise ValueError(f"checkpoint {path} holds a {header.get('model')!r}, not a freqformer")
    if "config" not in header:
        raise ValueError(f"checkpoint {path} has no configuration in its header")
    network = FreqFormer(FreqFormerConfig.from_dict(header["config"]))
    expected = network.state_dict()
    try:
        network.load_state_dict({name: t.to(expected[name].dtype) for name, t in tensors.items() if name in expected})
    except RuntimeError as error:
        raise ValueError(f"checkpoint {path} does not fit its own configuration: {error}") from None
    return network.eval(), header
