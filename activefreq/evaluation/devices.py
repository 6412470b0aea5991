"""Which devices there are, asked before anything is loaded or written."""

from __future__ import annotations

import torch

__all__ = ["check_device"]

TYPES = ("cpu", "cuda")


def check_device(device: torch.device | str, argument: str = "--device") -> torch.device:
    """`device` as a torch device that can be used here.

    Args:
        device: such as "cpu", "cuda" or "cuda:1".
        argument: what the message calls it.

    Raises:
        ValueError: no device of that name, no CUDA in this torch, or no such CUDA device in this machine.
    """
    try:
        found = torch.device(device)
    except RuntimeError:
        found = None
    if found is None or found.type not in TYPES:
        raise ValueError(f"{argument} {device}: no such device type; there is {', '.join(TYPES)}")
    if found.type == "cuda":
        if not torch.backends.cuda.is_built():
            raise ValueError(f"{argument} {device}: this torch has no CUDA")
        if not torch.cuda.is_available():
            raise ValueError(f"{argument} {device}: CUDA finds no device here")
        if found.index is not None and found.index >= torch.cuda.device_count():
            raise ValueError(f"{argument} {device}: CUDA devices are numbered 0 to {torch.cuda.device_count() - 1}")
    return found
