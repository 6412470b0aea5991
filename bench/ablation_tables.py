"""The table of `bench.ablation`: what each variant of the FreqModule differs by from the complete one."""

from __future__ import annotations

from statistics import mean, stdev
from typing import Any

from bench.ablation import COMPLETE, STRATEGIES, VARIANTS
from bench.speed_tables import markdown, stored

KEYS = ("85", "90")


def differences(rows: list[dict[str, Any]], variant: str, strategy: str, key: str) -> list[float]:
    """NoC of `variant` less that of the complete network, seed by seed."""
    noc = {(row["variant"], row["seed"]): row["figures"][strategy]["noc"][key] for row in rows}
    seeds = sorted({seed for name, seed in noc if name == variant and (COMPLETE, seed) in noc})
    return [noc[variant, seed] - noc[COMPLETE, seed] for seed in seeds]


def ablation() -> str:
    """Differences only: the budget is too short for the NoC itself to say anything."""
    record = stored("ablation")
    rows, summary, machine = record["rows"], record["summary"], record["machine"]
    header = ["FreqModule", "parameters", *(f"`{s}`: ΔNoC@{key}" for s in STRATEGIES for key in KEYS)]
    lines = []
    for variant in VARIANTS:
        of = [row for row in rows if row["variant"] == variant]
        if not of:
            continue
        cells = [variant, f"{of[0]['parameters'] / 1e6:.2f} M"]
        for strategy in STRATEGIES:
            for key in KEYS:
                cells.append("" if variant == COMPLETE else _spread(differences(rows, variant, strategy, key)))
        lines.append(cells)
    complete = [row for row in rows if row["variant"] == COMPLETE]
    noc = {key: [row["figures"]["acselect"]["noc"][key] for row in complete] for key in KEYS}
    training = summary["training"]
    spread = f"mean ± standard deviation over {len(complete)} seeds" if len(complete) > 1 else "one seed"
    return markdown(header, lines) + (
        f"\n\nNoC less that of `{COMPLETE}` with the same seed, {spread}; "
        f"positive is worse. `{COMPLETE}` with `acselect`: NoC@85 {_spread(noc['85'], '.2f')}, "
        f"NoC@90 {_spread(noc['90'], '.2f')}. {training['epochs']} epochs from nothing at {training['crop']} px, "
        f"{summary['objects']} objects of {summary['data']}'s val split, {machine['processor']}, torch "
        f"{machine['torch']}, {machine['time'][:10]}. Made by `{summary['command']}`."
    )


def _spread(values: list[float], form: str = "+.2f") -> str:
    if not values:
        return ""
    return f"{mean(values):{form}}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")
