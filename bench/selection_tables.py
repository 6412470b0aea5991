"""The tables of the click study, made from what `bench/selection_study.py` stores. `bench/tables.py` puts them in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from activefreq.acselect import printed_name
from activefreq.evaluation.bootstrap import paired_difference
from bench.speed_tables import markdown, stored

__all__ = ["BASELINE", "study"]

BASELINE = "largest"
KEYS = ("80", "85", "90")
PUBLISHED_METRICS = {
    "none (random)": (3.03, 5.11),
    "MPE": (2.75, 4.62),
    "MPE + APE": (2.43, 4.19),
    "MPE + APE + RGU": (2.21, 3.74),
}
"""NoC@85 and NoC@90 of the paper's Table 4; its first row, without any metric, is random choice."""
MASK_SOURCES = {"luca256": "drawn at 256", "noisecape128": "enlarged from 128"}


def _rows(record: dict[str, Any], groups: Sequence[str]) -> list[dict[str, Any]]:
    return [row for row in record["rows"] if row["group"] in groups]


def _baseline(record: dict[str, Any]) -> dict[str, Any]:
    return next(row for row in record["rows"] if row["name"] == BASELINE)


def _difference(row: dict[str, Any], baseline: dict[str, Any], key: str) -> str:
    """NoC less the baseline's with its interval, in bold where zero lies outside."""
    if row is baseline:
        return ""
    interval = paired_difference(row["clicks"][key], baseline["clicks"][key])
    return f"**{interval}**" if interval.decided else str(interval)


def study(split: str, *groups: str) -> str:
    """NoC of the rows of some groups, and the differences to "largest" with their intervals."""
    record = stored(f"selection-{split}")
    baseline = _baseline(record)
    rows = [
        [
            printed_name(row["name"]),
            *(f"{row['noc'][key]:.2f}" for key in KEYS),
            *(_difference(row, baseline, key) for key in ("85", "90")),
            str(row["nof"]["90"]),
        ]
        for row in ([] if "strategies" in groups else [baseline]) + _rows(record, groups)
    ]
    header = [
        "way of choosing",
        *(f"NoC@{key}" for key in KEYS),
        "@85, less `largest`",
        "@90, less `largest`",
        "NoF@90",
    ]
    return markdown(header, rows) + _footnote(record)


def metrics(split: str) -> str:
    """The paper's Table 4, metric by metric, as differences beside its own; all three are the literal "acselect"."""
    record = stored(f"selection-{split}")
    named = {row["name"]: row for row in record["rows"]}
    shown = {"none (random)": named["random"]}
    shown |= {row["name"]: row for row in _rows(record, ("metrics",))}
    shown["MPE + APE + RGU"] = named["acselect, literal"]
    none = named["random"]
    rows = [
        [
            name,
            *(f"{row['noc'][key]:.2f}" for key in ("85", "90")),
            *(_difference(row, none, key) for key in ("85", "90")),
            *_published_difference(name),
        ]
        for name, row in shown.items()
    ]
    header = ["metrics in the score", "NoC@85", "NoC@90", "@85, less none", "@90, less none", "the paper's @85", "@90"]
    return markdown(header, rows) + _footnote(record)


def _published_difference(name: str) -> tuple[str, ...]:
    """The paper's NoC@85 and @90 less those of its first row."""
    first = next(iter(PUBLISHED_METRICS.values()))
    if name not in PUBLISHED_METRICS or PUBLISHED_METRICS[name] is first:
        return "", ""
    return tuple(f"{ours - theirs:+.2f}" for ours, theirs in zip(PUBLISHED_METRICS[name], first, strict=True))


def sources(split: str) -> str:
    """NoC@90 less that of "largest", apart for masks that are native and masks that were enlarged."""
    record = stored(f"selection-{split}")
    given = record["objects"]["mask_source"]
    parts = {name: [index for index, source in enumerate(given) if source == key] for key, name in MASK_SOURCES.items()}
    baseline = _baseline(record)
    rows = []
    for row in record["rows"]:
        cells = [printed_name(row["name"])]
        for chosen in parts.values():
            ours, theirs = ([side["clicks"]["90"][index] for index in chosen] for side in (row, baseline))
            interval = "" if row is baseline else str(paired_difference(ours, theirs))
            cells += [f"{sum(ours) / len(ours):.2f}", interval]
        rows.append(cells)
    names = [f"masks {name} ({len(chosen)})" for name, chosen in parts.items()]
    header = ["NoC@90", *(cell for name in names for cell in (name, "less `largest`"))]
    return markdown(header, rows) + _footnote(record)


def _footnote(record: dict[str, Any]) -> str:
    machine, data, model = record["machine"], record["data"], record["model"]
    count = len(record["objects"]["name"])
    return (
        f"\n\n{data['name']}, {data['split']}, {count} objects, `{model['name']}` ({model['weights_digest'][:8]}); "
        f"[95 % intervals], {record['settings']['resamples']} paired resamples of objects; {machine['cpu']}, torch "
        f"{record['versions']['torch']}. Made by `{record['command']}`."
    )
