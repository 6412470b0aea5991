"""Spectra that depend on parameters alone, made once where no gradient is wanted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import nn

__all__ = ["PreparedSpectra"]

Spectra = dict[str, torch.Tensor]

MOST_SIZES = 4
"""Resolutions whose spectra are kept; the one that was used longest ago goes first."""


class PreparedSpectra:
    """Keeps the spectra of a few resolutions until a parameter changes or moves.

    On the CPU every change is seen: the values are compared with a copy. On other devices, where a comparison would
    make the host wait, a change is seen by the parameter's version and its place. Writes into `parameter.data` and
    fused optimisers leave both; there a forward pass with gradients forgets everything, which training always has
    between two evaluations.

    A CUDA graph reads spectra by their address. Those that one was recorded with therefore stay in memory as long as
    this object, and spectra made while one is recorded, which hold nothing before it runs, are not kept.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], Spectra] = OrderedDict()
        self._made_of: list[_Seen] = []
        self._recorded: list[Spectra] = []

    def __getstate__(self) -> dict[str, object]:
        """Copies and pickles start empty."""
        return {"_kept": OrderedDict(), "_made_of": [], "_recorded": []}

    def get(
        self, height: int, width: int, parameters: Iterable[nn.Parameter], make: Callable[[int, int], Spectra]
    ) -> Spectra:
        """`make(height, width)`, or what it returned before for the same values of `parameters`.

        With gradients, or while compiling, nothing is kept.
        """
        if torch.compiler.is_compiling():
            return make(height, width)
        if torch.is_grad_enabled():
            self._forget()
            return make(height, width)
        parameters = list(parameters)
        # A parameter made under inference_mode has no version: then nothing is kept.
        if any(parameter.is_inference() for parameter in parameters):
            return make(height, width)
        recording, same = _recording(parameters), self._are_same(parameters)
        spectra = self._kept.pop((height, width), None) if same else None
        if spectra is None:
            if recording:
                return make(height, width)
            if not same:
                self._forget()
                self._made_of = [_Seen.now(parameter) for parameter in parameters]
            spectra = make(height, width)
        elif recording and all(other is not spectra for other in self._recorded):
            self._recorded.append(spectra)
        self._kept[height, width] = spectra
        while len(self._kept) > MOST_SIZES:
            self._kept.popitem(last=False)
        return spectra

    def _forget(self) -> None:
        self._kept.clear()
        self._made_of = []

    def _are_same(self, parameters: list[nn.Parameter]) -> bool:
        return len(parameters) == len(self._made_of) and all(
            seen.is_still(parameter) for seen, parameter in zip(self._made_of, parameters, strict=True)
        )


class _Seen(NamedTuple):
    """A parameter as it was."""

    version: int
    place: torch.Tensor  # keeps the memory, so that nothing else takes the address
    values: torch.Tensor | None  # a copy, on the CPU

    @classmethod
    def now(cls, parameter: nn.Parameter) -> _Seen:
        place = parameter.detach()
        return cls(parameter._version, place, place.clone() if place.is_cpu else None)

    def is_still(self, parameter: nn.Parameter) -> bool:
        """Whether nothing changed that can be seen without waiting for a device."""
        place = self.place
        return (
            self.version == parameter._version
            and place.data_ptr() == parameter.data_ptr()
            and place.dtype == parameter.dtype
            and place.device == parameter.device
            and place.shape == parameter.shape
            and place.stride() == parameter.stride()
            and (self.values is None or torch.equal(self.values, parameter))
        )


def _recording(parameters: list[nn.Parameter]) -> bool:
    """Whether what is launched now goes into a CUDA graph."""
    return any(parameter.is_cuda for parameter in parameters) and torch.cuda.is_current_stream_capturing()
