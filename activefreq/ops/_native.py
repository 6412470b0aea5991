"""The one place where tensors become addresses: loading `_cpu` and `_cuda`, pointers, streams, threads."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import torch  # first: the extension then shares torch's OpenMP runtime instead of bringing a second one

from activefreq import _cpu

__all__ = ["ELEMENTS", "backends", "cpu", "cuda", "cuda_operand", "launch_arguments", "pointer", "pointers"]

cpu: ModuleType = _cpu

ELEMENTS = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
"""What CUDA kernels read and write, numbered as `Element` in csrc/core/element_types.h."""


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
    _cuda.set_fourier_libraries(_fourier_libraries())
    return _cuda if count > 0 else "the CUDA driver reports no device"


def _fourier_libraries() -> list[str]:
    """Where cuFFT may be, best first: beside torch, from its own wheel, from a toolkit; then the loader's names.

    The first to need it opens it; CUDA 13 brings libcufft.so.12, CUDA 12 libcufft.so.11.
    """
    names = ["libcufft.so.12", "libcufft.so.11"]
    if (torch.version.cuda or "").startswith("12."):
        names.reverse()  # the one that torch has opened already
    folders = [Path(torch.__file__).parent / "lib"]
    wheels = importlib.util.find_spec("nvidia")
    for place in (wheels.submodule_search_locations or []) if wheels else []:
        folders += sorted(Path(place).glob("*/lib"), reverse=True)
    for variable in ("CUDA_HOME", "CUDA_PATH"):
        if variable in os.environ:
            folders.append(Path(os.environ[variable]) / "lib64")
    folders.append(Path("/usr/local/cuda/lib64"))
    found = [str(folder / name) for name in names for folder in folders if (folder / name).exists()]
    return [*found, *names]


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


def cuda_operand(tensor: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    """The tensor as CUDA kernels read it: of this dtype, contiguous, its first element at a multiple of 8 bytes."""
    if tensor is None:
        return None
    dense = tensor.to(dtype).contiguous()
    return dense.clone() if dense.data_ptr() % 8 else dense
