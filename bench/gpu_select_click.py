"""select_click on a GPU against its peers there, for `bench.gpu`.

A batch of images from probabilities and target to the pixels, with the default score: by one call and as a replayed
graph, both until the host knows that it is done, and on the device alone, ten calls in a graph. The peers are plain
torch on the same card, and pipelines of CuPy with cuCIM and of kornia where they are installed; they take image by
image. Every row says whether the clicks are the CPU's bit for bit.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import activefreq as af
from bench.gpu_timing import captured, device_microseconds
from bench.measure import interleaved, ratio, summarise
from bench.scenes import SCENES, scene

BATCH, SIZES = 16, (224, 448, 1024)
BAR = {224: 40.0, 448: 50.0, 1024: 100.0}  # microseconds for the batch, realistic errors, on an H200
_REPEATS = 10
FIELDS = ("y", "x", "positive", "valid", "area", "score")

Call = Callable[[], object]


def rows(seconds: float) -> Iterator[dict[str, Any]]:
    """Microseconds per batch of ours and of the fastest peer, for every kind of errors and size."""
    cells = [(kind, size) for kind in SCENES for size in SIZES]
    return (cell(kind, size, seconds / len(cells)) for kind, size in cells)


def cell(kind: str, size: int, seconds: float) -> dict[str, Any]:
    """One kind of errors at one size."""
    drawn = (torch.from_numpy(array) for array in scene(kind, BATCH // 4, size))
    prob, target = (torch.cat([a, a.flip(1), a.flip(2), a.flip(1, 2)]) for a in drawn)  # drawing takes seconds
    target = target.to(torch.int8)
    images, labels = prob.cuda(), target.cuda()
    selection = af.ops.select_click(images, labels)
    expected = af.ops.select_click(prob, target)

    def ours() -> object:
        return af.ops.select_click(images, labels)

    calls: dict[str, Call] = {"ours": ours, "ours in a graph": captured(ours)}
    repeated = captured(lambda: [ours() for _ in range(_REPEATS)])
    on_device = device_microseconds(repeated, _REPEATS, seconds / 8)
    fastest, single = quickest({name: peer(images, labels) for name, peer in peers().items()}, seconds)
    if all(single[name] < 1e6 * seconds / 40 for name in fastest):  # else its single call has to do
        calls |= fastest
    times = interleaved(
        {name: (lambda _, call=call: call()) for name, call in calls.items()},
        [None],
        seconds=seconds / 2,
        rounds=3,
        synchronise=torch.cuda.synchronize,
    )
    row: dict[str, Any] = {"operator": "select_click", "errors": kind, "size": size, "batch": BATCH, "unit": "µs"}
    row |= {name: summarise([1e6 * value for value in values]) for name, values in times.items()}
    row |= {"ours on the device": on_device}
    row |= {"single_call_of_peers": single, "fastest_peer": next(iter(fastest), None)}
    row |= {f"ratio to {name}": ratio(times[name], times["ours"]) for name in fastest if name in times}
    row |= {
        f"single call of {name} to ours": single[name] / row["ours"].median for name in fastest if name not in times
    }
    if kind == "realistic":
        row["bar"] = BAR[size]
    same = (torch.equal(getattr(selection, field).cpu(), getattr(expected, field)) for field in FIELDS)
    return row | {"equals_cpu": all(same)}


def quickest(calls: dict[str, Call], seconds: float) -> tuple[dict[str, Call], dict[str, float]]:
    """The peer with the quickest single call, and every peer's in microseconds; a first call goes before it."""
    single = {}
    for name, call in calls.items():
        for _ in range(2):
            torch.cuda.synchronize()
            start = time.perf_counter()
            call()
            torch.cuda.synchronize()
            single[name] = 1e6 * (time.perf_counter() - start)
            if single[name] > 1e6 * seconds / 8:
                break
    names = sorted(single, key=single.__getitem__)[:1]
    return {name: calls[name] for name in names}, single


def peers() -> dict[str, Callable[[torch.Tensor, torch.Tensor], Call]]:
    """Pipelines whose packages are here."""
    found = {"plain torch": plain_torch}
    if importlib.util.find_spec("cupy") and importlib.util.find_spec("cucim"):
        found["CuPy + cuCIM"] = cupy_cucim
    if importlib.util.find_spec("kornia"):
        found["kornia"] = kornia_torch
    return found


def plain_torch(images: torch.Tensor, labels: torch.Tensor) -> Call:
    """The operator's twin on the card."""
    return lambda: af.reference.select_click(images, labels)


def cupy_cucim(images: torch.Tensor, labels: torch.Tensor) -> Call:
    """CuPy's labelling and sums, cuCIM's exact distance transform within the region's box."""
    import cupy
    from cucim.core.operations.morphology import distance_transform_edt
    from cupyx.scipy import ndimage

    eight, prob, target = np.ones((3, 3)), cupy.from_dlpack(images), cupy.from_dlpack(labels) == 1

    def click(p: Any, missed: Any, wrong: Any) -> tuple[int, int, bool] | None:
        best = None
        for positive, mask in ((True, missed), (False, wrong)):
            components, count = ndimage.label(mask, eight)
            if not count:
                continue
            error = 1 - p if positive else p
            sums = cupy.bincount(components.ravel(), error.ravel(), count + 1)[1:]
            region = int(sums.argmax())
            if best is None or float(sums[region]) > best[0]:
                best = float(sums[region]), positive, components == region + 1
        if best is None:
            return None
        _, positive, inside = best
        distance = distance_transform_edt(cupy.pad(inside, 1))[1:-1, 1:-1]
        return (*divmod(int(distance.argmax()), p.shape[1]), positive)

    def run() -> object:
        predicted = prob > 0.5
        missed, wrong = target & ~predicted, predicted & ~target
        return [click(prob[i], missed[i], wrong[i]) for i in range(len(prob))]

    return run


def kornia_torch(images: torch.Tensor, labels: torch.Tensor) -> Call:
    """Labelling of `kornia.contrib` by repeated max-pooling, sums and the exact distance in torch."""
    from kornia.contrib import connected_components

    def click(prob: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        predicted, is_object = prob > 0.5, target == 1
        masks = torch.stack([is_object & ~predicted, predicted & ~is_object])
        components = connected_components(masks.unsqueeze(1).float(), num_iterations=max(prob.shape))
        # A component is called by a pixel's place among both planes; 0 is kept for the background here.
        region = torch.where(masks, components.view(masks.shape).long() + 1, 0)
        error = (is_object.float() - prob).abs().expand_as(masks)
        sums = error.new_zeros(masks.numel() + 1).scatter_add_(0, region.flatten(), error.flatten())
        sums[0] = -1
        inside = region == sums.argmax()
        return af.reference.squared_distance(inside).argmax(), inside[0].any()

    return lambda: [click(prob, target) for prob, target in zip(images, labels, strict=True)]
