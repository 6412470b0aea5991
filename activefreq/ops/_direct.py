"""When an operator may call its kernel function itself, past the dispatcher, which costs several times as much."""

from __future__ import annotations

import torch

__all__ = ["runs_past_dispatcher"]

_PLAIN = (torch.Tensor, torch.nn.Parameter)


def runs_past_dispatcher(*tensors: torch.Tensor | None) -> bool:
    """Whether all are None or plain CPU tensors, and nothing is traced, compiled or transformed.

    For operators without a gradient, whatever the dtypes and layouts: their kernel functions take any.
    """
    if torch.compiler.is_compiling():
        return False
    for tensor in tensors:
        if tensor is not None and not (type(tensor) in _PLAIN and tensor.is_cpu):
            return False
    return (
        torch._C._len_torch_dispatch_stack() == 0
        and torch._C._functorch.peek_interpreter_stack() is None
        and torch._C._get_tracing_state() is None
    )
