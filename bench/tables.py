"""Write the tables of README.md, bench/, docs/ and weights/ from the JSON in bench/results.

Usage: `python -m bench.tables` writes them, `python -m bench.tables --check` fails where a table is not what the stored
results say. A table stands between `<!-- table: NAME -->` and `<!-- end -->`; NAME is an entry of TABLES below.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from bench import (
    evaluation_tables,
    freqmedclip_tables,
    hfsti_tables,
    layer_tables,
    region_tables,
    selection_tables,
    speed_tables,
    training_tables,
)
from bench.ablation_tables import ablation
from bench.disentangled_tables import disentangled, disentangled_cost
from bench.evaluation_tables import evaluation, model_card
from bench.refinement_tables import refinement
from bench.self_supervised_tables import self_supervised
from bench.speed_tables import markdown, stored
from bench.system_tables import compared_by_clicks, systems

ROOT = Path(__file__).parent.parent
PAGES = (
    ROOT / "README.md",
    *(page for name in ("bench", "docs", "weights") for page in sorted((ROOT / name).glob("*.md"))),
)


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
    "isic2017": lambda: evaluation("isic2017-test"),
    "isic2017-val": lambda: evaluation("isic2017-val"),
    "isic2017-val-flip": lambda: evaluation("isic2017-val-flip"),
    "isic2017-flip": lambda: evaluation("isic2017-test-flip"),
    "cvc": lambda: evaluation("cvc_clinicdb_612-test"),
    "bars": evaluation_tables.bars,
    "mask-sources": evaluation_tables.mask_sources,
    "worst": evaluation_tables.worst,
    "card-isic2017": lambda: model_card("isic2017"),
    "card-cvc": lambda: model_card("cvc_clinicdb_612"),
    "initial-clicks": training_tables.initial_clicks,
    "corrective-clicks": training_tables.corrective_clicks,
    "training-epoch": speed_tables.training_epoch,
    "roi-align": speed_tables.roi_align,
    "systems": systems,
    "systems-by-clicks": compared_by_clicks,
    "cost": cost,
    "refinement": lambda: refinement("refinement-val"),
    "refinement-given": lambda: refinement("refinement-given"),
    "refinement-before": lambda: refinement("refinement-before"),
    "refinement-both": lambda: refinement("refinement-both"),
    "refinement-cvc": lambda: refinement("refinement-cvc"),
    "ablation": ablation,
    "self-supervised": self_supervised,
    "study-strategies": lambda: selection_tables.study("val", "strategies", "readings"),
    "study-metrics": lambda: selection_tables.metrics("val"),
    "study-beyond": lambda: selection_tables.study("val", "placement", "together", "look-ahead"),
    "study-test": lambda: selection_tables.study("test", "strategies", "placement", "together", "look-ahead"),
    "study-sources": lambda: selection_tables.sources("test"),
    "click": speed_tables.click,
    "operators": speed_tables.operators,
    "region-operators": region_tables.region_operators,
    "haar": speed_tables.haar,
    "band-split": speed_tables.band_split,
    "disentangled": disentangled,
    "disentangled-cost": disentangled_cost,
    "instruction-sets": region_tables.instruction_sets,
    "click-maps": region_tables.click_maps,
    "spectral-filter": layer_tables.spectral_filter,
    "published-layers": layer_tables.published_layers,
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
