"""The tables of the spectral filter alone and of published layers, from stored results."""

from __future__ import annotations

from bench.region_tables import RACE_HEADER, race_cells
from bench.speed_tables import footnote, markdown, spread, stored

__all__ = ["published_layers", "spectral_filter"]


def spectral_filter() -> str:
    """The filter by the axes it transforms, against the faster of two eager forms."""
    record = stored("spectral_filter")
    rows = [[f"{row['axes']}, {row['size']}", *race_cells(row)] for row in record["rows"]]
    return markdown(["axes, size", *RACE_HEADER], rows) + footnote(record)


def published_layers() -> str:
    """GFNet's and MEW-UNet's layers against their own eager form, shape by shape."""
    record = stored("published_layers")
    rows = [
        [
            f"{row['layer']}, {row['pass']}",
            " × ".join(str(n) for n in row["shape"]),
            *(f"{1e3 * row[name]['median']:.3f}" for name in ("ours", "theirs")),
            spread(row["ratio"]),
        ]
        for row in record["rows"]
    ]
    header = ["layer, pass", "shape of x", "ours, ms", "eager, ms", "ratio (quartiles)"]
    return markdown(header, rows) + footnote(record)
