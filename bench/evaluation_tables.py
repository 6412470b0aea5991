"""The tables of evaluations on real images, made from what `bench/collect.py` keeps. `bench/tables.py` puts them in."""

from __future__ import annotations

import shlex
from typing import Any

from activefreq.evaluation.bootstrap import Interval
from bench.speed_tables import markdown, stored

__all__ = ["bars", "evaluation", "model_card", "worst"]

KEYS = ("80", "85", "90")
MASK_SOURCES = {"luca256": "masks drawn at 256", "noisecape128": "masks enlarged from 128"}
MIOU_CLICKS = 2
FEWER_CLICKS_AIM = 0.08
"""The share of clicks that the project wants to save against `largest` on the test split."""
VAL_BARS = {"80": 1.74, "85": 2.21, "90": 3.74}
"""NoC of the paper's Table 2; on its 150 images, that is, on the validation split."""
VAL_MIOU_BAR = 0.853
TEST_BAR = 4.8


def evaluation(name: str) -> str:
    """Strategies on a split of a data set, as `activefreq evaluate` measured them."""
    runs = stored(name)
    header = [
        "strategy",
        *(f"NoC@{key}" for key in KEYS),
        "NoC@90 less `largest`",
        *("NoF@90", "mIoU@1", "mIoU@2", "mIoU@3", "mIoU@5"),
    ]
    rows = [
        [
            f"`{run['strategy']}`",
            *(f"{run['noc'][key]:.2f}" for key in KEYS),
            str(_less_largest(run)) if "less_largest" in run else "",
            str(run["nof"]["90"]),
            *(f"{run['miou'][k - 1]:.3f}" for k in (1, 2, 3, 5)),
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
        f"{max(run['peak_memory_bytes']['process'] for run in runs) / 2**20:.0f} MiB, {first['date'][:10]}. "
        f"{curve} In brackets: 95 % of 10 000 paired resamples of the objects. Made by `{_command(first)}`."
    )


def _command(run: dict[str, Any]) -> str:
    """The command without the folder of its results."""
    words = shlex.split(run["command"])
    if "--out" in words:
        place = words.index("--out")
        del words[place : place + 2]
    return shlex.join(words)


def mask_sources() -> str:
    """NoC@80/85/90 apart for masks that are native and masks that were enlarged from 128 pixels."""
    runs = stored("isic2017-test")
    sources = runs[0]["breakdown"]["mask_source"]
    header = ["NoC@80 / 85 / 90", *(f"{name} ({sources[s]['objects']} objects)" for s, name in MASK_SOURCES.items())]
    rows = []
    for run in runs:
        parts = run["breakdown"]["mask_source"]
        cells = (" / ".join(f"{parts[s]['noc'][key]:.2f}" for key in KEYS) for s in MASK_SOURCES)
        rows.append([f"`{run['strategy']}`", *cells])
    return markdown(header, rows)


def worst() -> str:
    """The ten objects that acselect needs most clicks for, click by click."""
    run = _of(stored("isic2017-test"), "acselect")
    rows = []
    for entry in run["worst"]:
        shown = (f"{entry['iou'][k]:.2f}" if k in entry["iou"] else "" for k in ("1", "3", "5", "10", "20"))
        clicks = entry["clicks"]
        rows.append([f"`{entry['name']}`", str(entry["area"]), str(len(clicks.split())), *shown, clicks])
    iou = (f"IoU@{k}" for k in (1, 3, 5, 10, 20))
    return markdown(["object", "pixels", "clicks", *iou, "clicks: label y,x"], rows)


def _of(runs: list[dict[str, Any]], strategy: str) -> dict[str, Any]:
    return next(run for run in runs if run["strategy"] == strategy)


def bars() -> str:
    """What the project asks of itself on ISIC-2017, and whether it is met. Below or at a NoC, at or above an mIoU."""
    val, flip, test = stored("isic2017-val"), stored("isic2017-val-flip"), stored("isic2017-test")
    columns = {
        "`largest`": _of(val, "largest"),
        "`largest`, and flip": _of(flip, "largest"),
        "`acselect`": _of(val, "acselect"),
        "`acselect`, and flip": _of(flip, "acselect"),
    }
    rows = [
        [f"val NoC@{key}", f"≤ {bar}", *(_judged(run["noc"][key], run["noc"][key] <= bar) for run in columns.values())]
        for key, bar in VAL_BARS.items()
    ]
    reached = [run["miou"][MIOU_CLICKS - 1] for run in columns.values()]
    judged = (_met(f"{value:.4f}", value >= VAL_MIOU_BAR) for value in reached)
    rows.append([f"val mIoU@{MIOU_CLICKS}", f"≥ {VAL_MIOU_BAR}", *judged])
    largest, ours = _of(test, "largest"), _of(test, "acselect")
    noc, difference, than_largest = ours["noc"]["90"], _less_largest(ours), ours["less_largest"]["90"]
    share = -difference.mean / largest["noc"]["90"]
    rows += [
        ["test NoC@90", f"≤ {TEST_BAR}", f"{largest['noc']['90']:.3f}", "", _judged(noc, noc <= TEST_BAR), ""],
        ["test NoC@90 less `largest`", "interval under 0", "", "", _met(str(difference), difference.high < 0), ""],
        [
            "the same as a share of its clicks",
            f"aim: {FEWER_CLICKS_AIM:.0%} fewer",
            "",
            "",
            _met(f"{share:.1%} fewer", share >= FEWER_CLICKS_AIM),
            "",
        ],
        ["that share of the clicks to 80 / 85 %", "", "", "", " / ".join(_shares(largest, ours)) + " fewer", ""],
        ["test NoC@90 of `look-ahead-bound`, which uses the truth", "", "", "", f"{_bound_on_test():.3f}", ""],
        ["test objects with fewer / more clicks", "", "", "", f"{than_largest['fewer']} / {than_largest['more']}", ""],
        ["test objects that never reach 90 %", "", str(largest["nof"]["90"]), "", str(ours["nof"]["90"]), ""],
    ]
    return markdown(["bar", "asked", *columns], rows)


def _shares(largest: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Clicks saved to 80 and 85 % as shares of those of `largest`."""
    return [f"{1 - ours['noc'][key] / largest['noc'][key]:.1%}" for key in ("80", "85")]


def _bound_on_test() -> float:
    """NoC@90 of the best of 16 clicks by the true IoU."""
    rows = stored("selection-test")["rows"]
    return float(next(row["noc"]["90"] for row in rows if row["name"] == "look-ahead-bound"))


def _less_largest(run: dict[str, Any]) -> Interval:
    """The difference of NoC@90 to `largest`."""
    return Interval(*(run["less_largest"]["90"][name] for name in ("mean", "low", "high")))


def _judged(value: float, met: bool) -> str:
    return _met(f"{value:.3f}", met)


def _met(text: str, met: bool) -> str:
    return text if met else f"{text}, **missed**"


def model_card(name: str) -> str:
    """NoC and mIoU of the two main strategies on the splits of the data that a network was trained for."""
    header = ["split", "strategy", "objects", *(f"NoC@{key}" for key in KEYS), "NoF@90", "mIoU@1", "mIoU@2"]
    rows = [
        [
            split,
            f"`{strategy}`",
            str(run["objects"]),
            *(f"{run['noc'][key]:.2f}" for key in KEYS),
            str(run["nof"]["90"]),
            *(f"{run['miou'][k - 1]:.3f}" for k in (1, 2)),
        ]
        for split in ("val", "test")
        for strategy in ("largest", "acselect")
        for run in [_of(stored(f"{name}-{split}"), strategy)]
    ]
    return markdown(header, rows)
