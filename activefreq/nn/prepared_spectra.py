"""Spectra that depend on parameters alone, made once where no gradient is wanted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

import torch
from torch import nn

__all__ = ["PreparedSpectra"]

Spectra = dict[str, torch.Tensor]

MOST_SIZES = 4
"""Resolutions whose spectra are kept; the one that was used longest ago goes first."""


class PreparedSpectra:
    """Keeps the spectra of a few resolutions until a parameter changes or moves.

    A change is seen by the parameter's version, its place and, on the CPU, its sum: fused optimisers and writes through
    `.data` change values without a new version. On other devices, where a sum would make the host wait, a forward pass
    with gradients forgets everything, which training always has between two evaluations.

    A CUDA graph reads spectra by their address. Those that one was recorded with therefore stay in memory as long as
    this object, and spectra made while one is recorded, which hold nothing before it runs, are not kept.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], tuple[object, Spectra]] = OrderedDict()
        self._recorded: list[Spectra] = []

    def __getstate__(self) -> dict[str, object]:
        """Copies and pickles start empty."""
        return {"_kept": OrderedDict(), "_recorded": []}

    def get(
        self, height: int, width: int, parameters: Iterable[nn.Parameter], make: Callable[[int, int], Spectra]
    ) -> Spectra:
        """`make(height, width)`, or what it returned before for the same values of `parameters`.

        With gradients, or while compiling, nothing is kept.
        """
        if torch.compiler.is_compiling():
            return make(height, width)
        if torch.is_grad_enabled():
            self._kept.clear()
            return make(height, width)
        parameters = list(parameters)
        # A parameter made under inference_mode has no version: then nothing is kept.
        if any(parameter.is_inference() for parameter in parameters):
            return make(height, width)
        state = tuple(_state(parameter) for parameter in parameters)
        kept = self._kept.pop((height, width), None)
        if kept is None or kept[0] != state:
            if _recording(parameters):
                return make(height, width)
            kept = (state, make(height, width))
        elif _recording(parameters) and all(spectra is not kept[1] for spectra in self._recorded):
            self._recorded.append(kept[1])
        self._kept[height, width] = kept
        while len(self._kept) > MOST_SIZES:
            self._kept.popitem(last=False)
        return kept[1]


def _recording(parameters: list[nn.Parameter]) -> bool:
    """Whether what is launched now goes into a CUDA graph."""
    return any(parameter.is_cuda for parameter in parameters) and torch.cuda.is_current_stream_capturing()


def _state(parameter: nn.Parameter) -> tuple[object, ...]:
    values = parameter.detach()
    total = values.sum().item() if values.is_cpu else None
    return parameter.data_ptr(), parameter._version, parameter.dtype, parameter.device, total
