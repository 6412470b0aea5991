"""The speed tables: rows made from the JSON that the benchmarks store. `bench/tables.py` puts them into the pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "RESULTS",
    "band_split",
    "click",
    "footnote",
    "footnotes",
    "haar",
    "markdown",
    "operators",
    "overhead",
    "profile",
    "roi_align",
    "spread",
    "stored",
    "threads",
    "training_epoch",
]

RESULTS = Path(__file__).parent / "results"

FILTER_BARS = {
    ("avx512", "forward, warm"): (9.0, 4.0),
    ("avx512", "forward, cold"): (5.0, 3.0),
    ("avx512", "forward+backward, warm"): (6.0, None),
    ("avx2", "forward, warm"): (4.5, None),
}
"""Geometric mean and least ratio that the project asks of itself."""


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    rule = "| " + " | ".join(["---", *["---:"] * (len(header) - 1)]) + " |"
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, *rows)]
    return "\n".join([lines[0], rule, *lines[1:]])


def stored(name: str) -> Any:
    """The content of bench/results/NAME.json."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def footnote(record: dict[str, Any]) -> str:
    """Where and with what a record was made."""
    machine = record["machine"]
    return f"\n\n{_made_with(machine)}, {_made_when(machine)}."


def footnotes(*names: str) -> str:
    """`footnote` of a table whose rows come from several records, by name."""
    machines = {name: stored(name)["machine"] for name in names}
    shared = {_made_with(machine) for machine in machines.values()}
    if len(shared) > 1:
        return "\n\n" + " ".join(f"{name}: {footnote(stored(name)).strip()}" for name in names)
    each = "; ".join(f"{name}: {_made_when(machine)}" for name, machine in machines.items())
    return f"\n\n{shared.pop()}. {each}."


def _made_with(machine: dict[str, Any]) -> str:
    threads = f"{machine['threads']} thread" + ("s" if machine["threads"] > 1 else "")
    return f"{machine['processor']}, {threads}, torch {machine['torch']}"


def _made_when(machine: dict[str, Any]) -> str:
    return f"commit {machine['commit']}, {machine['time'][:10]}, load average {machine['load_average']:.1f}"


def spread(summary: dict[str, Any]) -> str:
    """Median and quartiles."""
    return f"{summary['median']:.2f} ({summary['low']:.2f} to {summary['high']:.2f})"


def click() -> str:
    """One click, stage by stage: medians in milliseconds per image and quartiles of the ratio."""
    record = stored("click")
    rows = []
    for row in record["rows"]:
        other = row.get("alternative")
        rows.append(
            [
                row["stage"],
                row["cache"],
                f"{row['ours']['median']:.3f}",
                f"{other['median']:.3f}" if other else "",
                row.get("name", ""),
                spread(row["ratio"]) if other else "",
            ]
        )
    header = ["stage", "cache", "ours, ms", "alternative, ms", "which", "ratio (quartiles)"]
    settings = record["summary"]
    note = f"\n\nBatch {settings['batch']} at {settings['size']} × {settings['size']}, {settings['instruction_set']}."
    return markdown(header, rows) + note + footnote(record)


def operators() -> str:
    """freq_mix against eager torch: geometric mean and least ratio of 16 points, by medians and minima."""
    rows = []
    for instruction_set in ("avx512", "avx2"):
        summary = stored(f"freq_mix-{instruction_set}")["summary"]
        for run in [name.removesuffix(", medians") for name in summary if name.endswith(", medians")]:
            medians, minima = summary[f"{run}, medians"], summary[f"{run}, minima"]
            cells = []
            for figure, bar in zip(
                ("geometric_mean", "least"), FILTER_BARS.get((instruction_set, run), (None, None)), strict=True
            ):
                cells += [f"{medians[figure]:.2f}", f"{minima[figure]:.2f}", f"{bar:g}" if bar else ""]
            rows.append([f"{instruction_set}, {run}", *cells])
    header = [
        "freq_mix, 16 points",
        "geometric mean of medians",
        "of minima",
        "bar",
        "least median",
        "least minimum",
        "bar",
    ]
    return markdown(header, rows) + footnotes("freq_mix-avx512", "freq_mix-avx2")


def haar() -> str:
    """The Haar transform against the faster of two packages."""
    return _ratios("haar", "3")


def band_split() -> str:
    """The band split against the faster of two forms with torch.fft."""
    return _ratios("band_split", "3")


def _ratios(name: str, *bar: str) -> str:
    """Geometric mean and least ratio per operator, pass and cache."""
    record = stored(name)
    rows = [
        [name, f"{value['geometric_mean']:.2f}", f"{value['least']:.2f}", *bar]
        for name, value in record["summary"].items()
        if isinstance(value, dict)
    ]
    header = ["operator, pass, cache", "geometric mean", "least", *("bar" for _ in bar)]
    return markdown(header, rows) + footnote(record)


def threads() -> str:
    """freq_mix on several threads: the gain, point by point."""
    record = stored("threads")
    count = record["summary"]["threads"]
    rows = [
        [
            " × ".join(str(n) for n in row["shape"]),
            f"{1e6 * row['one']['median']:.1f}",
            f"{1e6 * row['several']['median']:.1f}",
            spread(row["gain"]),
            f"{row['machine']['median']:.2f}",
        ]
        for row in record["rows"]
    ]
    header = ["freq_mix, shape of x", "1 thread, µs", f"{count} threads, µs", "gain (quartiles)", "machine"]
    return markdown(header, rows) + footnote(record)


def overhead() -> str:
    """What a call costs beyond its kernel."""
    record = stored("overhead")
    rows = [
        [
            f"`{row['operator']}`",
            f"{row['call']['median']:.2f}",
            f"{row['bare']['median']:.2f}",
            f"{row['overhead']:.2f}",
        ]
        for row in record["rows"]
    ]
    return markdown(["operator, 8 × 8", "call, µs", "bare call, µs", "difference, µs"], rows) + footnote(record)


def profile() -> str:
    """Where freq_mix's time goes, in nanoseconds per element, and what leaving the cache costs."""
    record = stored("freq_mix_profile")
    parts = ("operator", "kernel", "convolution", "hw", "hc", "wc", "copy")
    rows = [
        [" × ".join(str(n) for n in row["shape"]), *(f"{row[part]:.2f}" for part in parts)] for row in record["rows"]
    ]
    layers = markdown(["shape of x, ns per element", *parts], rows)
    batches = [
        [str(row["batch"]), f"{row['bytes'] / 1e6:.1f}", f"{row['microseconds_per_image']:.1f}"]
        for row in record["summary"]["batches"]
    ]
    growth = markdown(["batch of 64 × 56 × 56", "input and output, MB", "kernel, µs per image"], batches)
    return f"{layers}\n\n{growth}{footnote(record)}"


def training_epoch() -> str:
    """Seconds of an epoch of `activefreq train` beside a plain loop's."""
    record = stored("training_epoch")
    rows = [
        [
            row["loop"],
            f"{row['epoch_seconds']:.0f}",
            "" if row["loop"].startswith("plain") else spread(row["times_faster"]),
        ]
        for row in record["rows"]
    ]
    summary = record["summary"]
    note = f"{summary['steps']} steps of {summary['batch_size']} images at {summary['side']} px, {summary['data']}."
    return markdown(["loop", "seconds per epoch", "times as fast (quartiles)"], rows) + f"{footnote(record)} {note}"


def roi_align() -> str:
    """Crops of feature maps against the faster of grid_sample and interpolation matrices."""
    return _ratios("roi_align")
