"""The tables of docs/hfsti_net.md, from what `bench.hfsti_study`, `bench.hfsti_speed` and `bench.rfft2` store."""

from __future__ import annotations

from statistics import mean
from typing import Any

from bench.speed_tables import footnote, markdown, stored

__all__ = ["rfft2", "speed", "study"]


def study() -> str:
    """Dice and IoU with memory and frequency off and on."""
    record = stored("hfsti_study")
    by_variant: dict[str, list[dict[str, Any]]] = {}
    for row in record["rows"]:
        by_variant.setdefault(row["variant"], []).append(row)
    rows = [
        [
            name,
            f"{runs[0]['parameters'] / 1e6:.2f} M",
            ", ".join(str(run["seed"]) for run in runs),
            ", ".join(f"{run['dice']:.3f}" for run in runs),
            f"{mean(run['dice'] for run in runs):.3f}",
            f"{mean(run['iou'] for run in runs):.3f}",
        ]
        for name, runs in by_variant.items()
    ]
    first = record["rows"][0]
    settings = first["settings"]
    return (
        markdown(["variant", "parameters", "seeds", "Dice of each", "mean Dice", "mean IoU"], rows)
        + f"\n\n`{record['summary']['data']}`: {first['clips']} clips of {settings['clip']} frames to train on, "
        f"{first['frames']} frames of {first['videos']} test videos, {settings['size']} pixels, "
        f"{settings['epochs']} epochs, batch {settings['batch_size']}, learning rate {settings['learning_rate']:g}. "
        f"Encoder: {first['encoder']}." + footnote(record)
    )


def speed() -> str:
    """Parameters, multiply-accumulates and frames per second."""
    record = stored("hfsti_speed")
    header = ["network", "pixels", "variant", "parameters", "GMACs a frame", "frames/s", "with torch.fft", "ratio"]
    rows = [
        [
            row["network"],
            str(row["side"]),
            row["variant"],
            f"{row['parameters'] / 1e6:.2f} M",
            f"{row['macs'] / 1e9:.2f}",
            *(f"{1 / row['seconds_per_frame'][name]['median']:.2f}" for name in ("ours", "torch")),
            f"{row['ratio']['median']:.2f} ({row['ratio']['low']:.2f} to {row['ratio']['high']:.2f})",
        ]
        for row in record["rows"]
    ]
    return markdown(header, rows) + footnote(record)


def rfft2() -> str:
    """The transforms against torch.fft."""
    record = stored("rfft2")
    rows = [
        [name, f"{value['geometric_mean']:.2f}", f"{value['least']:.2f}"]
        for name, value in record["summary"].items()
        if isinstance(value, dict)
    ]
    return markdown(["operation, pass, cache", "geometric mean", "least"], rows) + footnote(record)
