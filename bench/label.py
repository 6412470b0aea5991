"""label against cv2 (its three algorithms), scipy and cc3d: `python -m bench.label [--json FILE]`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import torch
from scipy import ndimage

import activefreq as af
from bench.race import Cell, main
from bench.scenes import SCENES, scene


def labellings(connectivity: int) -> dict[str, Callable[[np.ndarray], object]]:
    """Functions of one mask, as uint8."""

    def of_cv2(algorithm: int) -> Callable[[np.ndarray], object]:
        return lambda mask: cv2.connectedComponentsWithAlgorithm(mask, connectivity, cv2.CV_32S, algorithm)

    structure = ndimage.generate_binary_structure(2, 2 if connectivity == 8 else 1)
    functions = {
        "cv2 SAUF": of_cv2(cv2.CCL_SAUF),
        "cv2 BBDT": of_cv2(cv2.CCL_BBDT),
        "cv2 Spaghetti": of_cv2(cv2.CCL_SPAGHETTI),
        "scipy": lambda mask: ndimage.label(mask, structure),
    }
    if importlib.util.find_spec("cc3d"):
        import cc3d

        functions["cc3d"] = lambda mask: cc3d.connected_components(mask, connectivity=connectivity, out_dtype=np.uint32)
    return functions


def cells(batch: int, sizes: list[int]) -> Iterator[Cell]:
    """One cell per connectivity, kind of mask and image size; the masks hold every wrong pixel of a scene."""
    for connectivity in (8, 4):
        for kind in SCENES:
            for size in sizes:
                prob, target = scene(kind, batch, size)
                mask = (prob > 0.5) != target
                images, tensor = list(mask.view(np.uint8)), torch.from_numpy(mask)

                def ours(tensor=tensor, connectivity=connectivity):
                    return af.ops.label(tensor, connectivity)

                def peer(function: Callable[[np.ndarray], object], images=images):
                    return lambda: [function(image) for image in images]

                peers = {name: peer(function) for name, function in labellings(connectivity).items()}
                yield Cell({"connectivity": connectivity, "mask": kind, "size": size}, batch, ours, peers)


if __name__ == "__main__":
    main("label", cells)
