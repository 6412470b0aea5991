"""select_click against its peers: `python -m bench.select_click [--json FILE]`.

Everything from probabilities and target to the pixel, for a batch, with the paper's score (`literal`) and with the
default one (`error_sum`). The peers are pipelines of cv2, scipy, cc3d, edt and scikit-image
(bench/select_click_peers.py); each cell names the fastest.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

import activefreq as af
from bench.race import Cell, main
from bench.scenes import SCENES, scene
from bench.select_click_peers import Pipeline, pipelines


def cells(batch: int, sizes: list[int]) -> Iterator[Cell]:
    """One cell per score, kind of errors and image size."""
    for reading in ("literal", "error_sum"):
        for kind in SCENES:
            for size in sizes:
                prob, target = scene(kind, batch, size)
                tensors = torch.from_numpy(prob), torch.from_numpy(target.astype(np.int8))

                def ours(tensors=tensors, reading=reading):
                    return af.ops.select_click(*tensors, reading=reading)

                def peer(pipeline: Pipeline, prob=prob, target=target):
                    return lambda: [pipeline.click(*image) for image in zip(prob, target, strict=True)]

                # One region after the other is hopeless where there are tens of thousands.
                peers = {
                    pipeline.name: peer(pipeline)
                    for pipeline in pipelines(reading)
                    if kind != "noise" or pipeline.scores.__name__.endswith(("bincount", "sorted"))
                }
                yield Cell({"reading": reading, "errors": kind, "size": size}, batch, ours, peers)


if __name__ == "__main__":
    main("select_click", cells)
