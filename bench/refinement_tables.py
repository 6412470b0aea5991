"""The tables of `bench.refinement`: what each step around the network does to NoC. `bench/tables.py` puts them in."""

from __future__ import annotations

from statistics import mean, stdev
from typing import Any

from bench.speed_tables import markdown, stored

__all__ = ["refinement"]

KEYS = ("80", "85", "90")


def refinement(name: str) -> str:
    """NoC@80/85/90 by step and strategy, and the difference at 90 % to the first row."""
    record = stored(name)
    rows, machine = record["rows"], record["machine"]
    strategies = list(dict.fromkeys(row["strategy"] for row in rows))
    given = record["summary"].get("given", False)
    header = ["step"]
    for strategy in strategies:
        header += [f"`{strategy}`: NoC@80", "NoC@85", "NoC@90", "NoF@90", "ΔNoC@90", "mIoU@2"]
        header += ["spoilt"] if given else []
    lines = []
    for variant in dict.fromkeys(row["variant"] for row in rows):
        of = {row["strategy"]: row for row in rows if row["variant"] == variant}
        cells = [variant]
        for strategy in strategies:
            if strategy not in of:
                cells += [""] * (7 if given else 6)
                continue
            row = of[strategy]
            cells += [*(f"{row['noc'][key]:.2f}" for key in KEYS), str(row["nof"]["90"])]
            cells.append(_difference(row, next(other for other in rows if other["strategy"] == strategy)))
            cells.append(f"{row['miou'][1]:.3f}")
            cells += [str(row["spoilt"])] if given else []
        lines.append(cells)
    summary = record["summary"]
    return markdown(header, lines) + (
        f"\n\n{rows[0]['objects']} objects of the {summary['split']} split, `{summary['model']}`, "
        f"{machine['processor']}, torch {machine['torch']}, commit {machine['commit']}, {machine['time'][:10]}, "
        f"batch {summary['batch_size']}. ±: standard error of the difference to the first row, object by object. "
        f"mIoU@2: a stopped object keeps its last IoU. "
        + (f"The given masks' mIoU: {rows[0]['given_miou']:.3f}. " if given else "")
        + f"Made by `{summary['command']}`."
    )


def _difference(row: dict[str, Any], first: dict[str, Any]) -> str:
    """Mean and standard error of the clicks to an IoU of 0.90 beyond those of `first`, over the same objects."""
    pairs = zip(row["clicks_to_90"], first["clicks_to_90"], strict=True)
    differences = [ours - theirs for ours, theirs in pairs]
    if row is first or len(differences) < 2:
        return ""
    return f"{mean(differences):+.2f} ± {stdev(differences) / len(differences) ** 0.5:.2f}"
