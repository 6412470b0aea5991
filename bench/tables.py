"""Write the tables of README.md and bench/README.md from the JSON in bench/results.

Usage: `python -m bench.tables` writes them, `python -m bench.tables --check` fails where a table is not what the stored
results say. A table stands between `<!-- table: NAME -->` and `<!-- end -->`; NAME is an entry of TABLES below.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from bench import selection_tables, speed_tables
from bench.speed_tables import markdown, stored

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "bench" / "README.md")


def isic2017() -> str:
    """Every strategy on the ISIC-2017 test split, as `activefreq evaluate` measured it."""
    runs = stored("isic2017-test")
    header = ["strategy", "NoC@80", "NoC@85", "NoC@90", "NoF@90", "mIoU@1", "mIoU@3", "mIoU@5", "ms per click"]
    rows = [
        [
            f"`{run['strategy']}`",
            *(f"{run['noc'][key]:.2f}" for key in ("80", "85", "90")),
            str(run["nof"]["90"]),
            *(f"{run['miou'][k - 1]:.3f}" for k in (1, 3, 5)),
            f"{1000 * run['seconds_per_click']:.1f}",
        ]
        for run in runs
    ]
    first = runs[0]
    machine, versions = first["machine"], first["versions"]
    threads = f"{machine['threads']} thread" + ("s" if machine["threads"] > 1 else "")
    return markdown(header, rows) + (
        f"\n\n{first['objects']} objects, {machine['cpu']}, {threads}, "
        f"{machine['instruction_set']}, torch {versions['torch']}, Python {versions['python']}, "
        f"batch {first['settings']['batch_size']}, seed {first['settings']['seed']}, peak memory "
        f"{max(run['peak_memory_bytes']['process'] for run in runs) / 2**20:.0f} MiB. "
        "mIoU@k: a stopped object keeps its last IoU."
    )


def mask_sources() -> str:
    """NoC@80/85/90 apart for masks that are native and masks that were enlarged from 128 pixels."""
    runs = stored("isic2017-test")
    sources = runs[0]["breakdown"]["mask_source"]
    names = {"luca256": "masks drawn at 256", "noisecape128": "masks enlarged from 128"}
    header = ["NoC@80 / 85 / 90", *(f"{names[s]} ({sources[s]['objects']} objects)" for s in names)]
    rows = []
    for run in runs:
        parts = run["breakdown"]["mask_source"]
        cells = (" / ".join(f"{parts[s]['noc'][key]:.2f}" for key in ("80", "85", "90")) for s in names)
        rows.append([f"`{run['strategy']}`", *cells])
    return markdown(header, rows)


def cost() -> str:
    """Parameters and multiply-accumulates of FreqFormer's variants beside the paper's figures."""
    header = ["network", "parameters", "GMAC at 224", "at 256", "at 448"]
    rows = [
        [
            entry["name"],
            f"{entry['parameters'] / 1e6:.2f} M",
            *(f"{entry['macs'][size] / 1e9:.2f}" for size in ("224", "256", "448")),
        ]
        for entry in stored("cost")["networks"]
    ]
    return markdown(header, [*rows, ["*the paper's FreqFormer (its Table 3)*", "9.20 M", "", "", "2.67"]])


TABLES: dict[str, Callable[[], str]] = {
    "isic2017": isic2017,
    "mask-sources": mask_sources,
    "cost": cost,
    "study-strategies": lambda: selection_tables.study("val", "strategies", "readings"),
    "study-metrics": lambda: selection_tables.metrics("val"),
    "study-beyond": lambda: selection_tables.study("val", "placement", "together", "look-ahead"),
    "study-test": lambda: selection_tables.study("test", "strategies", "placement", "together", "look-ahead"),
    "study-sources": lambda: selection_tables.sources("test"),
    "click": speed_tables.click,
    "operators": speed_tables.operators,
    "region-operators": speed_tables.region_operators,
    "haar": speed_tables.haar,
}


def fill(text: str) -> str:
    """`text` with every table made anew."""

    def replace(match: re.Match[str]) -> str:
        return f"{match[1]}\n{TABLES[match[2]]()}\n{match[3]}"

    return re.sub(r"(<!-- table: ([\w-]+) -->)\n.*?(<!-- end -->)", replace, text, flags=re.DOTALL)


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where a table is out of date")
    check = parser.parse_args().check
    stale = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        if fill(text) != text:
            stale.append(str(page.relative_to(ROOT)))
            if not check:
                page.write_text(fill(text), encoding="utf-8")
    if stale:
        print(("out of date: " if check else "written: ") + ", ".join(stale))
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
