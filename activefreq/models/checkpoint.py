"""Weights on disk: safetensors with a JSON configuration in the header. Nothing is unpickled."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from activefreq.models.catalogue import NETWORKS, config_class, configuration, network_class, network_name

__all__ = ["load_network", "read_header", "read_tensors", "save_network", "weights_digest", "write_tensors"]

_FORMAT = "activefreq-1"


def write_tensors(path: str | Path, tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> None:
    """Write tensors and a JSON header to one safetensors file, whole or not at all.

    Raises:
        OSError: it cannot be written, for want of room, say; the message names the file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(contiguous, temporary, metadata={"format": _FORMAT, "header": json.dumps(header)})
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except SafetensorError as error:
        raise OSError(f"{path} cannot be written: {error}") from None
    finally:
        Path(temporary).unlink(missing_ok=True)


def read_tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and header of a file that `write_tensors` wrote.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a safetensors file, or one without activefreq's header; both name the file.
    """
    with _opened(Path(path)) as (file, header):
        return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118 (no mapping)


def read_header(path: str | Path) -> dict[str, Any]:
    """The header alone, without reading a tensor; errors as `read_tensors`."""
    with _opened(Path(path)) as (_, header):
        return header


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path} does not exist")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise ValueError(f"checkpoint {path} has no activefreq header: was it written by `activefreq train`?")
            yield file, json.loads(metadata["header"])
    except SafetensorError as error:
        raise ValueError(f"checkpoint {path} is not a safetensors file: {error}") from None


def save_network(
    path: str | Path, network: nn.Module, history: dict[str, Any], dtype: torch.dtype | None = None
) -> None:
    """Save a network with its name and configuration.

    Args:
        path: the file, written atomically.
        network: what to save, of a class in `activefreq.models.catalogue`.
        history: how it came to be (data, epochs, command, ...): a model card for programs, any JSON. A network that
            was trained without clicks has its task there: {"task": {"name": …, "options": …}}.
        dtype: store floating-point weights in this type (torch.float16 halves the file); None keeps them.

    Raises:
        ValueError: a network that is not in the catalogue, so that it could not be loaded again.
    """
    header = {"model": network_name(network), "config": configuration(network), "history": history}
    tensors = {
        name: tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor
        for name, tensor in network.state_dict().items()
    }
    write_tensors(path, tensors, header)


def load_network(path: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """A network in eval mode, float32, on the CPU, and its header: "model" (its name), "config" and "history".

    Raises:
        FileNotFoundError, ValueError: as `read_tensors`; ValueError also where the tensors do not fit.
    """
    tensors, header = read_tensors(path)
    name = header.get("model")
    if name not in NETWORKS:
        raise ValueError(f"checkpoint {path} holds a {name!r}, not one of {', '.join(NETWORKS)}")
    if "config" not in header:
        raise ValueError(f"checkpoint {path} has no configuration in its header")
    network = network_class(name)(config_class(name).from_dict(header["config"]))
    expected = network.state_dict()
    if unknown := sorted(set(tensors) - set(expected)):
        raise ValueError(f"checkpoint {path} holds {unknown[0]} ({len(unknown)} such), which its network does not have")
    try:
        network.load_state_dict({name: t.to(expected[name].dtype) for name, t in tensors.items()})
    except RuntimeError as error:
        raise ValueError(f"checkpoint {path} does not fit its own configuration: {error}") from None
    return network.eval(), header


def weights_digest(network: nn.Module) -> str:
    """A fingerprint of every weight, so that results of other weights are not taken for these."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
