"""Figures on a GPU: `make gpu` runs this and keeps bench/results/gpu-CARD-DATE.json.

So far `click_maps` is the one operator with a CUDA kernel; its plain torch twin on the same card is the alternative.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import torch

import activefreq as af
from bench.measure import interleaved, ratio, summarise, write_json

RESULTS = Path(__file__).parent / "results"


def click_maps(size: int, batch: int, clicks: int = 20) -> dict[str, Any]:
    """Microseconds per call of kernel and twin, synchronised, and the ratio."""
    points = torch.rand(batch, clicks, 3, device="cuda") * torch.tensor([size, size, 2.0], device="cuda")
    points[:, :, 2].floor_()
    candidates = {
        "ours": lambda p: af.ops.click_maps(p, (size, size), 5.0),
        "plain torch": lambda p: af.reference.click_maps(p, (size, size), 5.0),
    }
    times = interleaved(candidates, [points], synchronise=torch.cuda.synchronize)
    row: dict[str, Any] = {"operator": "click_maps", "size": size, "batch": batch}
    row |= {name: summarise([1e6 * value for value in values]) for name, values in times.items()}
    return row | {"ratio": ratio(times["plain torch"], times["ours"])}


def main() -> None:
    """Measure, print, store."""
    if af.ops.backends()["cuda"] != "ready":
        raise SystemExit(f"no GPU: {af.ops.backends()['cuda']}")
    rows = [click_maps(size, batch) for size in (224, 448, 1024) for batch in (1, 16)]
    for row in rows:
        speed = f"{row['ours'].median:8.1f} µs, {row['ratio'].median:.1f}×"
        print(f"click_maps {row['size']:5} batch {row['batch']:3}: {speed}")
    card = re.sub(r"\W+", "-", torch.cuda.get_device_name().lower())
    write_json(RESULTS / f"gpu-{card}-{datetime.date.today()}.json", "gpu", rows, {})


if __name__ == "__main__":
    main()
