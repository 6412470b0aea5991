"""Write the tables of README.md, bench/ and docs/ from the JSON in bench/results.

Usage: `python -m bench.tables` writes them, `python -m bench.tables --check` fails where a table is not what the stored
results say. A table stands between `<!-- table: NAME -->` and `<!-- end -->`; NAME is an entry of TABLES below.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from activefreq.evaluation.bootstrap import Interval
from bench import freqmedclip_tables, hfsti_tables, selection_tables, speed_tables
from bench.ablation_tables import ablation
from bench.disentangled_tables import disentangled, disentangled_cost
from bench.speed_tables import markdown, stored
from bench.system_tables import systems

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "bench").glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))


def evaluation(name: str) -> str:
    """Strategies on a split of a data set, as `activefreq evaluate` measured them."""
    runs = stored(name)
    header = [
        "strategy",
        *("NoC@80", "NoC@85", "NoC@90"),
        "NoC@90 less `largest`",
        *("NoF@90", "mIoU@1", "mIoU@2", "mIoU@3", "mIoU@5", "ms per click"),
    ]
    rows = [
        [
            f"`{run['strategy']}`",
            *(f"{run['noc'][key]:.2f}" for key in ("80", "85", "90")),
            str(Interval(**run["less_largest"]["90"])) if "less_largest" in run else "",
            str(run["nof"]["90"]),
            *(f"{run['miou'][k - 1]:.3f}" for k in (1, 2, 3, 5)),
            f"{1000 * run['seconds_per_click']:.1f}",
        ]
        for run in runs
    ]
    first = runs[0]
    machine, versions = first["machine"], first["versions"]
    curve = "Every click was made." if first["full_curve"] else "mIoU@k: a stopped object keeps its last IoU."
    threads = f"{machine['threads']} thread" + ("s" if machine["threads"] > 1 else "")
    return markdown(header, rows) + (
        f"\n\n{first['objects']} objects, {machine['cpu']}, {threads}, "
        f"{machine['instruction_set']}, torch {versions['torch']}, Python {versions['python']}, "
        f"batch {first['settings']['batch_size']}, seed {first['settings']['seed']}, peak memory "
        f"{max(run['peak_memory_bytes']['process'] for run in runs) / 2**20:.0f} MiB. "
        f"{curve} In brackets: 95 % of 10 000 paired resamples of the objects."
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


def worst() -> str:
    """The ten objects that acselect needs most clicks for, click by click."""
    run = next(run for run in stored("isic2017-test") if run["strategy"] == "acselect")
    rows = []
    for entry in run["worst"]:
        clicks = entry["clicks"].split()
        shown = (f"{entry['iou'][k]:.2f}" if k in entry["iou"] else "" for k in ("1", "3", "5", "10", "20"))
        first = " ".join(clicks[:6]) + (" …" if len(clicks) > 6 else "")
        rows.append([f"`{entry['name']}`", str(entry["area"]), str(len(clicks)), *shown, first])
    iou = (f"IoU@{k}" for k in (1, 3, 5, 10, 20))
    return markdown(["object", "pixels", "clicks", *iou, "first clicks: label y,x"], rows)


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


def refinement(name: str = "refinement-val") -> str:
    """What each step around the network does to NoC@80/85/90."""
    record = stored(name)
    rows, machine = record["rows"], record["machine"]
    strategies = list(dict.fromkeys(row["strategy"] for row in rows))
    header = ["step"]
    for strategy in strategies:
        header += [f"`{strategy}`: NoC@80", "NoC@85", "NoC@90", "NoF@90", "ΔNoC@90"]
    lines = []
    for name in dict.fromkeys(row["variant"] for row in rows):
        of = {row["strategy"]: row for row in rows if row["variant"] == name}
        cells = [name]
        for strategy in strategies:
            if strategy not in of:
                cells += [""] * 5
                continue
            row = of[strategy]
            cells += [*(f"{row['noc'][key]:.2f}" for key in ("80", "85", "90")), str(row["nof"]["90"])]
            cells.append(_difference(row, next(other for other in rows if other["strategy"] == strategy)))
        lines.append(cells)
    summary = record["summary"]
    return markdown(header, lines) + (
        f"\n\n{rows[0]['objects']} objects of the {summary['split']} split, `{summary['model']}`, "
        f"{machine['processor']}, torch {machine['torch']}, commit {machine['commit']}, {machine['time'][:10]}, "
        f"batch {summary['batch_size']}. ±: standard error of the difference to the first row, object by object."
    )


def _difference(row: dict[str, Any], first: dict[str, Any]) -> str:
    """Mean and standard error of the clicks to an IoU of 0.90 beyond those of `first`, over the same objects."""
    pairs = zip(row["clicks_to_90"], first["clicks_to_90"], strict=True)
    differences = [ours - theirs for ours, theirs in pairs]
    if row is first or len(differences) < 2:
        return ""
    return f"{mean(differences):+.2f} ± {stdev(differences) / len(differences) ** 0.5:.2f}"


TABLES: dict[str, Callable[[], str]] = {
    "isic2017": lambda: evaluation("isic2017-test"),
    "isic2017-val": lambda: evaluation("isic2017-val"),
    "isic2017-val-flip": lambda: evaluation("isic2017-val-flip"),
    "isic2017-flip": lambda: evaluation("isic2017-test-flip"),
    "cvc": lambda: evaluation("cvc_clinicdb_612-test"),
    "mask-sources": mask_sources,
    "worst": worst,
    "systems": systems,
    "cost": cost,
    "refinement": refinement,
    "refinement-cvc": lambda: refinement("refinement-cvc"),
    "ablation": ablation,
    "study-strategies": lambda: selection_tables.study("val", "strategies", "readings"),
    "study-metrics": lambda: selection_tables.metrics("val"),
    "study-beyond": lambda: selection_tables.study("val", "placement", "together", "look-ahead"),
    "study-test": lambda: selection_tables.study("test", "strategies", "placement", "together", "look-ahead"),
    "study-sources": lambda: selection_tables.sources("test"),
    "click": speed_tables.click,
    "operators": speed_tables.operators,
    "region-operators": speed_tables.region_operators,
    "haar": speed_tables.haar,
    "band-split": speed_tables.band_split,
    "disentangled": disentangled,
    "disentangled-cost": disentangled_cost,
    "instruction-sets": speed_tables.instruction_sets,
    "profile": speed_tables.profile,
    "threads": speed_tables.threads,
    "overhead": speed_tables.overhead,
    "freqmedclip-scores": freqmedclip_tables.scores,
    "freqmedclip-ablations": freqmedclip_tables.ablations,
    "freqmedclip-cost": freqmedclip_tables.cost,
    "hfsti-study": hfsti_tables.study,
    "hfsti-speed": hfsti_tables.speed,
    "rfft2": hfsti_tables.rfft2,
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
