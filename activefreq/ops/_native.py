"""The one place where tensors become addresses: loading `_cpu` and `_cuda`, pointers, streams, threads."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import ModuleType

import torch  # first: the extension then shares torch's OpenMP runtime instead of bringing a second one

from activefreq import _cpu

__all__ = ["backends", "cpu", "cuda", "launch_arguments", "pointer", "pointers"]

cpu: ModuleType = _cpu


def pointer(tensor: torch.Tensor | None) -> int:
    """Address of a tensor's first element, 0 for None. The caller keeps the tensor in a named variable."""
    return 0 if tensor is None else tensor.data_ptr()


def pointers(tensors: Iterable[torch.Tensor | None]) -> list[int]:
    """`pointer` of each. The caller keeps the tensors."""
    return [0 if tensor is None else tensor.data_ptr() for tensor in tensors]


@functools.cache
def _load_cuda() -> ModuleType | str:
    try:
        from activefreq import _cuda
    except ImportError as error:
        if getattr(error, "name", None) == "activefreq._cuda" or "cannot import name" in str(error):
            return (
                "this installation was built without a CUDA compiler; install the CUDA toolkit "
                "(nvcc on PATH) and reinstall activefreq"
            )
        return f"activefreq._cuda does not load: {error}"
    try:
        count = _cuda.device_count()
    except RuntimeError as error:
        return str(error).removeprefix("device_count: ")
    return _cuda if count > 0 else "the CUDA driver reports no device"


def cuda() -> ModuleType:
    """The CUDA module.

    Raises:
        RuntimeError: where it cannot be used, with the reason.
    """
    module = _load_cuda()
    if isinstance(module, str):
        raise RuntimeError(f"activefreq CUDA operators are unavailable: {module}")
    return module


def backends() -> dict[str, str]:
    """What runs here: `{"cpu": "avx512", "cuda": "ready" or the reason why not}`."""
    module = _load_cuda()
    return {"cpu": cpu.instruction_set(), "cuda": module if isinstance(module, str) else "ready"}


def launch_arguments(tensor: torch.Tensor) -> tuple[int, int]:
    """Device index and current stream of a CUDA tensor, read inside the kernel function, never while tracing."""
    index = tensor.device.index or 0
    return index, torch.cuda.current_stream(index).cuda_stream
