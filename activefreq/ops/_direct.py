"""When an operator may call its kernel function itself, past the dispatcher, which costs several times as much."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

from activefreq.ops._native import cpu

__all__ = [
    "PLAIN",
    "forward_mode",
    "nothing_watches",
    "plain",
    "records",
    "runs_directly",
    "runs_past_dispatcher",
]

# Names of their own: on a small tensor the look-ups in torch are a fair part of the call.
PLAIN = (torch.Tensor, torch.nn.Parameter)  # no subclass: those may want to see every call
_FLOAT32 = torch.float32
_is_compiling = torch.compiler.is_compiling
_grad_enabled = torch.is_grad_enabled
_dispatch_modes = torch._C._len_torch_dispatch_stack
_transform = torch._C._functorch.peek_interpreter_stack
_trace = torch._C._get_tracing_state

plain = cpu.PlainTensors(
    getattr(torch.Tensor, "__dlpack_c_exchange_api__", None), PLAIN, torch.empty_like, torch.Tensor.is_neg
)
"""Kernels that check and read tensors themselves, a few times as fast as Python does; see csrc/bindings."""
_reads = plain.reads


def runs_past_dispatcher(*tensors: torch.Tensor | None) -> bool:
    """Whether all are None or plain CPU tensors, and nothing is traced, compiled or transformed.

    For operators without a gradient, whatever the dtypes and layouts: their kernel functions take any. Views whose
    memory holds the negatives of their values, as `z.conj().imag` does, are the dispatcher's to resolve.
    """
    if _is_compiling():
        return False
    for tensor in tensors:
        if tensor is not None and not (type(tensor) in PLAIN and tensor.is_cpu and not tensor.is_neg()):
            return False
    return nothing_watches()


def runs_directly(*tensors: torch.Tensor | None) -> bool:
    """As `runs_past_dispatcher`, and a CPU kernel may read the tensors as they are: contiguous float32."""
    return not _is_compiling() and (_reads(*tensors) or _are_ready(tensors)) and nothing_watches()


def _are_ready(tensors: tuple[torch.Tensor | None, ...]) -> bool:
    """What `plain.reads` answers, for a torch that lets nobody read past Python."""
    for tensor in tensors:
        if tensor is not None and not (
            type(tensor) in PLAIN
            and tensor.dtype is _FLOAT32
            and tensor.is_cpu
            and tensor.is_contiguous()
            and not tensor.is_neg()
        ):
            return False
    return True


def nothing_watches() -> bool:
    """No dispatch mode, no functorch transform, no tracing, no forward-mode differentiation."""
    return _dispatch_modes() == 0 and _transform() is None and _trace() is None and forward_ad._current_level < 0


def forward_mode() -> bool:
    """Whether derivatives are carried forward: the kernels have none, so the plain torch twin computes then."""
    return not torch.compiler.is_compiling() and forward_ad._current_level >= 0


def records(*tensors: torch.Tensor | None) -> bool:
    """Whether autograd wants the gradient of one of these; not where one is no tensor, which the checks then refuse."""
    if _grad_enabled():
        try:
            for tensor in tensors:
                if tensor is not None and tensor.requires_grad:
                    return True
        except AttributeError:
            return False
    return False
