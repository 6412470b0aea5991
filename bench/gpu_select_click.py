"""select_click on a GPU against its peers there, for `bench.gpu`.

A batch of images from probabilities and target to the pixels, with the default score: by one call and as a replayed
graph, both until the host knows that it is done, and on the device alone, ten calls in a graph. The peers are plain
torch on the same card, and pipelines of CuPy (its distance transform cuCIM's where that is installed) and of kornia;
they take image by image. Every row names the peers that are not installed or failed, and says whether the clicks are
the CPU's bit for bit.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import activefreq as af
from bench.gpu_timing import captured, device_microseconds, within
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
    return within(seconds, cells, lambda point, share: cell(*point, share))


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
    found, missing = peers()
    fastest, single, failed = quickest({name: (lambda peer=peer: peer(images, labels)) for name, peer in found.items()})
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
    row |= {"peers not here": missing, "peers that failed": failed}
    row |= {f"ratio to {name}": ratio(times[name], times["ours"]) for name in fastest if name in times}
    row |= {
        f"single call of {name} to ours": single[name] / row["ours"].median for name in fastest if name not in times
    }
    if kind == "realistic":
        row["bar"] = BAR[size]
    same = (torch.equal(getattr(selection, field).cpu(), getattr(expected, field)) for field in FIELDS)
    return row | {"equals_cpu": all(same)}


def quickest(
    peers: dict[str, Callable[[], Call]],
) -> tuple[dict[str, Call], dict[str, float], dict[str, str]]:
    """The peer with the quickest single call, every peer's in microseconds, and why others did not end.

    An untimed call goes before it, which compiles kernels and chooses algorithms.
    """
    calls: dict[str, Call] = {}
    single: dict[str, float] = {}
    failed: dict[str, str] = {}
    for name, make in peers.items():
        try:
            call = make()
            call()
            torch.cuda.synchronize()
            start = time.perf_counter()
            call()
            torch.cuda.synchronize()
        except Exception as error:  # ours is still worth its figure, and so are the other peers
            failed[name] = f"{type(error).__name__}: {error}"[:200]
            continue
        calls[name], single[name] = call, 1e6 * (time.perf_counter() - start)
    names = sorted(single, key=single.__getitem__)[:1]
    return {name: calls[name] for name in names}, single, failed


def peers() -> tuple[dict[str, Callable[[torch.Tensor, torch.Tensor], Call]], list[str]]:
    """Pipelines whose packages are here, and the packages that are not."""
    found = {"plain torch": plain_torch}
    missing = [name for name in ("cupy", "cucim", "kornia") if not importlib.util.find_spec(name)]
    if "cupy" not in missing:
        found["CuPy" if "cucim" in missing else "CuPy + cuCIM"] = cupy_pipeline
    if "kornia" not in missing:
        found["kornia"] = kornia_torch
    return found, missing


def plain_torch(images: torch.Tensor, labels: torch.Tensor) -> Call:
    """The operator's twin on the card."""
    return lambda: af.reference.select_click(images, labels)


def cupy_pipeline(images: torch.Tensor, labels: torch.Tensor) -> Call:
    """CuPy's labelling and sums, and an exact distance transform of the region: cuCIM's, else CuPy's own."""
    import cupy
    from cupyx.scipy import ndimage

    if importlib.util.find_spec("cucim"):
        from cucim.core.operations.morphology import distance_transform_edt
    else:
        distance_transform_edt = ndimage.distance_transform_edt

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
