"""The tables of `bench.self_supervised`: clicks after each start, and how far each is from random weights."""

from __future__ import annotations

from statistics import mean
from typing import Any

import numpy as np

from activefreq.evaluation.bootstrap import RESAMPLES, paired_difference
from bench.ablation import STRATEGIES
from bench.self_supervised import PRETRAINED, STARTS
from bench.speed_tables import markdown, stored

__all__ = ["difference", "self_supervised"]

BASELINE = "random"
KEYS = ("85", "90")


def difference(rows: list[dict[str, Any]], start: str, baseline: str, strategy: str, key: str) -> str:
    """Clicks after `start` less those after `baseline`: the mean and two ways to doubt it.

    In square brackets the 95 % bootstrap interval over objects, each object being its mean over the seeds that both
    have; in round ones the difference of each of these seeds. Empty where they share no seed.
    """
    clicks = {(row["start"], row["seed"]): np.array(row["clicks"][strategy][key]) for row in rows}
    seeds = sorted(seed for name, seed in clicks if name == start and (baseline, seed) in clicks)
    if not seeds:
        return ""
    ours, theirs = (np.stack([clicks[name, seed] for seed in seeds]) for name in (start, baseline))
    each = ", ".join(f"{value:+.2f}" for value in (ours - theirs).mean(axis=1))
    return f"{paired_difference(ours.mean(axis=0), theirs.mean(axis=0))} ({each})"


def self_supervised(record: dict[str, Any] | None = None) -> str:
    """NoC by start, the differences, and what the pretraining did."""
    record = record or stored("self_supervised")
    rows, summary, machine = record["rows"], record["summary"], record["machine"]
    columns = [(strategy, key) for strategy in STRATEGIES for key in KEYS]
    lines, less = [], []
    for start, name in STARTS.items():
        of = [row for row in rows if row["start"] == start]
        if not of:
            continue
        noc = (mean(row["figures"][strategy]["noc"][key] for row in of) for strategy, key in columns)
        epochs = f"{summary['pretrain_epochs']} + " if start in PRETRAINED else ""
        lines.append([name, f"{epochs}{of[0]['epochs']}", str(len(of)), *(f"{value:.2f}" for value in noc)])
        if start != BASELINE:
            less.append([name, *(difference(rows, start, BASELINE, strategy, key) for strategy, key in columns)])
    levels = markdown(["start", "epochs", "seeds", *(f"`{s}`: NoC@{key}" for s, key in columns)], lines)
    longer = any(row["start"] == "longer" for row in rows)
    passes = f"`{STARTS['longer']}`: as many passes as pretraining and training together. " if longer else ""
    differences = markdown([f"less {STARTS[BASELINE]}", *(f"`{s}`: ΔNoC@{key}" for s, key in columns)], less)
    return f"{levels}\n\n{differences}\n\n" + (
        "Positive is worse. In square brackets: 95 % of "
        f"{RESAMPLES} resamples of the objects, each its mean over seeds; in round ones: seed by seed. "
        f"{passes}{_losses(rows)} {summary['training']['crop']} px, {summary['objects']} objects of "
        f"{summary['data']}'s val split, {machine['processor']}, torch {machine['torch']}, {machine['time'][:10]}."
    )


def _losses(rows: list[dict[str, Any]]) -> str:
    """What the losses did: L1 of the hidden pixels, and the last epoch of each training."""
    pretraining = {row["seed"]: row["pretraining"]["loss"] for row in rows if "pretraining" in row}.values()
    ends = (
        f"{mean(row['training']['loss'][-1] for row in rows if row['start'] == start):.3f} ({name})"
        for start, name in STARTS.items()
        if any(row["start"] == start for row in rows)
    )
    drawn = (
        f"L1 of the hidden pixels: {mean(loss[0] for loss in pretraining):.3f} in the first epoch of pretraining, "
        f"{mean(loss[-1] for loss in pretraining):.3f} in the last. "
        if pretraining
        else ""
    )
    return f"{drawn}Training loss in the last epoch: {', '.join(ends)}."
