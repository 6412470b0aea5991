"""Spectra that depend on parameters alone, made once where no gradient is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

__all__ = ["PreparedSpectra"]

Spectra = dict[str, torch.Tensor]


class PreparedSpectra:
    """Keeps the spectra of each resolution until a parameter changes or moves."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], tuple[object, Spectra]] = {}

    def get(
        self, height: int, width: int, parameters: Iterable[nn.Parameter], make: Callable[[int, int], Spectra]
    ) -> Spectra:
        """`make(height, width)`, or what it returned before for the same values of `parameters`.

        With gradients, or while compiling, nothing is kept.
        """
        if torch.compiler.is_compiling() or torch.is_grad_enabled():
            return make(height, width)
        # _version counts in-place changes, as an optimiser or load_state_dict makes them; data_ptr sees new storage.
        # A parameter made under inference_mode counts no changes: then nothing is kept.
        parameters = list(parameters)
        if any(parameter.is_inference() for parameter in parameters):
            return make(height, width)
        state = tuple((p.data_ptr(), p._version, p.dtype, p.device) for p in parameters)
        kept = self._kept.get((height, width))
        if kept is None or kept[0] != state:
            kept = (state, make(height, width))
            self._kept[height, width] = kept
        return kept[1]
