"""The tables of region operators and of click maps, from what `bench.race` stores."""

from __future__ import annotations

from typing import Any

from bench.speed_tables import footnote, footnotes, markdown, spread, stored

__all__ = ["RACE_HEADER", "click_maps", "instruction_sets", "race_cells", "region_operators"]

RACE_HEADER = ["ours, ms", "peer, ms", "which", "ratio of minima", "median ratio (quartiles)"]
REGION_BARS = {
    ("realistic", 224): 10.0,
    ("realistic", 448): 15.0,
    ("realistic", 1024): 22.0,
    ("blob", 224): 11.0,
    ("blob", 448): 12.0,
    ("blob", 1024): 14.0,
}
"""Ratio of medians, by error masks and size, that the project asks of select_click with the paper's score."""


def region_operators() -> str:
    """select_click, label and squared_distance against the fastest peer of each cell, by minima and by medians."""
    rows = []
    for row in stored("select_click")["rows"]:
        bar = REGION_BARS.get((row["errors"], row["size"]), 2.5) if row["reading"] == "literal" else None
        name = f"select_click, {row['reading']}, {row['errors']}, {row['size']}"
        rows.append([name, *race_cells(row), f"{bar:g}" if bar else ""])
    for operator, part, bar in (("label", "mask", 1.0), ("squared_distance", "mask", 3.0)):
        for row in stored(operator)["rows"]:
            connectivity = f", {row['connectivity']}-connected" if "connectivity" in row else ""
            name = f"{operator}{connectivity}, {row[part]}, {row['size']}"
            rows.append([name, *race_cells(row), f"{bar:g}"])
    header = ["operator, masks, size", *RACE_HEADER, "bar"]
    return markdown(header, rows) + footnotes("select_click", "label", "squared_distance")


def instruction_sets() -> str:
    """select_click by instruction set, the paper's score: medians of the ratio to the fastest peer."""
    records = {name: stored(f"select_click{name}") for name in ("-baseline", "-avx2", "")}
    found: dict[str, list[str]] = {}
    for record in records.values():
        for row in record["rows"]:
            if row["reading"] == "literal":
                found.setdefault(f"{row['errors']}, {row['size']}", []).append(spread(row["ratio"]))
    header = ["error masks, size", *(record["summary"]["instruction_set"] for record in records.values())]
    rows = [[cell, *ratios] for cell, ratios in found.items() if len(ratios) == len(records)]
    return markdown(header, rows) + footnotes(*(f"select_click{name}" for name in records))


def click_maps() -> str:
    """Drawing clicks, by their number and the size of the image."""
    record = stored("click_maps")
    rows = [[f"{row['clicks']}, {row['size']}", *race_cells(row)] for row in record["rows"]]
    return markdown(["clicks per image, size", *RACE_HEADER], rows) + footnote(record)


def race_cells(row: dict[str, Any]) -> list[str]:
    """Columns of a row that bench.race stored."""
    return [
        f"{row['ours']['minimum']:.3f}",
        f"{row['peer']['minimum']:.3f}",
        row["fastest_peer"],
        f"{row['ratio_of_minima']:.1f}",
        spread(row["ratio"]),
    ]
