"""The README's table of systems: what each network costs, how fast it runs and what it scores, from stored results."""

from __future__ import annotations

from statistics import mean
from typing import Any

from bench.speed_tables import markdown, stored


def _row(name: str, part: str) -> dict[str, Any]:
    return next(row for row in stored(name)["rows"] if row["name"] == part)


def _millions(*counts: float) -> str:
    return " + ".join(f"{count / 1e6:.2f}" for count in counts) + " M"


def _milliseconds_of_a_click() -> float:
    """Of one image of a batch: click maps, network and selection."""
    stages = {row["stage"]: row for row in stored("click")["rows"] if row["cache"] == "warm"}
    parts = ("drawing clicks", "whole forward pass", "selection (regions, scores, pixel)")
    return sum(float(stages[part]["ours"]["median"]) for part in parts)


def _freqformer() -> list[str]:
    network = next(entry for entry in stored("cost")["networks"] if entry["name"] == "FreqFormer")
    runs = {
        name: next(run for run in stored(name) if run["strategy"] == "acselect")
        for name in ("isic2017-test", "cvc_clinicdb_612-test")
    }
    lesions, polyps = runs.values()
    return [
        "FreqFormer",
        "clicks, 224 px",
        _millions(network["parameters"]),
        f"{network['macs']['224'] / 1e9:.2f}",
        f"{_milliseconds_of_a_click():.0f} ms a click",
        f"NoC@90 {lesions['noc']['90']:.2f} on ISIC-2017, {polyps['noc']['90']:.2f} on CVC-ClinicDB",
    ]


def _disentangled() -> list[str]:
    record = stored("disentangled_study")
    cost = record["cost"]["early"]
    largest = max(row["size"] for row in record["rows"])
    dice = {}
    for fusion in ("none", "early", "late"):
        of = [row["dice"] for row in record["rows"] if (row["size"], row["fusion"]) == (largest, fusion)]
        dice[fusion] = mean(score for draw in of for volume in draw for score in volume)
    return [
        "[FrequencyDisentangled](docs/frequency_disentangled.md)",
        "volumes, 40 × 56 × 40",
        _millions(cost["parameters"]),
        f"{cost['macs'] / 1e9:.2f}",
        f"{1e3 * cost['seconds']['median']:.0f} ms a volume",
        f"Dice {', '.join(f'{value:.3f} {fusion}' for fusion, value in dice.items())}, MSD hippocampus",
    ]


def _freqmedclip() -> list[str]:
    size = stored("freqmedclip-scores")["summary"]["size"]
    cost = _row("freqmedclip-cost", f"small at {size} px, complete")
    sets = _row("freqmedclip-scores", "test, right")["sets"]
    lesions, polyps = (sets[name]["dice"][0] for name in ("isic2017", "cvc_clinicdb_612"))
    return [
        "[FreqMedCLIP](docs/freqmedclip.md), small, transformers random and frozen",
        f"image and phrase, {size} px",
        _millions(cost["parameters"]["trained"], cost["parameters"]["frozen"]),
        f"{cost['macs'] / 1e9:.2f}",
        f"{cost['milliseconds']:.0f} ms an image",
        f"Dice {lesions:.3f} on ISIC-2017, {polyps:.3f} on CVC-ClinicDB",
    ]


def _hfsti() -> list[str]:
    rows = stored("hfsti_speed")["rows"]
    cost = next(row for row in rows if (row["network"], row["variant"]) == ("small", "HFSI and RMP"))
    dice = [row["dice"] for row in stored("hfsti_study")["rows"] if row["variant"] == "HFSI and RMP"]
    return [
        "[HFSTINet](docs/hfsti_net.md), small, encoder from random weights",
        f"video, {cost['side']} px",
        _millions(cost["parameters"]),
        f"{cost['macs'] / 1e9:.2f}",
        f"{1 / cost['seconds_per_frame']['ours']['median']:.0f} frames/s",
        f"Dice {mean(dice):.3f} on CVC-ClinicDB's videos",
    ]


BY_CLICKS = ("freqformer", "hfsti-net", "freqmedclip")


def compared_by_clicks() -> str:
    """NoC on CVC-ClinicDB's test split of the networks that take clicks, each trained anew at one small budget."""
    rows = []
    for name in BY_CLICKS:
        for run in stored(f"clicks-{name}"):
            noc = (f"{run['noc'][key]:.2f}" for key in ("80", "85", "90"))
            cells = [f"`{name}`", f"{run['model']['parameters'] / 1e6:.2f} M", f"`{run['strategy']}`"]
            speed = f"{1e3 * run['seconds_per_click']:.0f}"
            rows.append([*cells, *noc, str(run["nof"]["90"]), f"{run['miou'][0]:.3f}", speed])
    training = run["model"]["history"]["training"]
    header = ["network", "parameters", "strategy", "NoC@80", "NoC@85", "NoC@90", "NoF@90", "mIoU@1", "ms per click"]
    return markdown(header, rows) + (
        f"\n\n{run['objects']} frames; {training['epochs']} epochs from nothing at {training['crop']} px, seed "
        f"{training['seed']}, the epoch chosen by NoC@90 on val. {run['machine']['cpu']}, torch "
        f"{run['versions']['torch']}, {run['date'][:10]}."
    )


def systems() -> str:
    """One row per system; scores are of the test splits."""
    header = ["system", "takes", "parameters", "GMAC", "speed, one thread", "score on test"]
    return markdown(header, [_freqformer(), _disentangled(), _freqmedclip(), _hfsti()])
