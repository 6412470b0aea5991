"""spectral_filter against eager torch.fft: `python -m bench.spectral_filter [--json FILE] [--sizes 28 56]`."""

from __future__ import annotations

from collections.abc import Iterator

import torch

import activefreq as af
from bench.race import Cell, main

CHANNELS = 16
CASES = {"(H, W)": (2, 3), "(C, H)": (1, 2), "(C, W)": (1, 3), "(C, H, W)": (1, 2, 3)}


def cells(batch: int, sizes: list[int]) -> Iterator[Cell]:
    """One cell per axes and size of the map: 16 channels, one weight per filtered frequency."""
    for name, axes in CASES.items():
        for size in sizes:
            x = torch.randn(batch, CHANNELS, size, size)
            shape = [1, CHANNELS if name == "(H, W)" else 1, 1, 1]
            for axis in axes:
                shape[axis] = x.shape[axis]
            shape[axes[-1]] = x.shape[axes[-1]] // 2 + 1
            weight = torch.randn(*shape, 2)
            gain = torch.view_as_complex(weight)

            def ours(x=x, weight=weight, axes=axes):
                return af.ops.spectral_filter(x, weight, axes)

            def definition(x=x, weight=weight, axes=axes):
                return af.reference.spectral_filter(x, weight, axes)

            def eager(x=x, gain=gain, axes=axes):
                spectrum = torch.fft.rfftn(x, dim=axes) * gain
                return torch.fft.irfftn(spectrum, s=[x.shape[axis] for axis in axes], dim=axes)

            yield Cell({"axes": name, "size": size}, batch, ours, {"definition": definition, "rfftn": eager})


if __name__ == "__main__":
    main("spectral_filter", cells, sizes=(14, 28, 56, 112))
