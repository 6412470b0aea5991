"""The tables of `bench.freqmedclip_study`."""

from __future__ import annotations

from statistics import mean, stdev
from typing import Any

from bench.freqmedclip_study import COMPLETE, VARIANTS
from bench.speed_tables import footnote, markdown, stored

__all__ = ["ablations", "cost", "difference", "scores"]

SETS = {"isic2017": "ISIC-2017", "cvc_clinicdb_612": "CVC-ClinicDB"}


def scores() -> str:
    """Each set and split under the right phrase, the wrong one and one that training did not have."""
    record = stored("freqmedclip-scores")
    rows, summary = record["rows"], record["summary"]
    header = ["split, phrase", "data set", "images", "Dice", "IoU", "Hausdorff, px", "boundary Dice", "empty answers"]
    lines = []
    for row in rows:
        for source, found in row["sets"].items():
            cells = [_with_error(found[measure], ".3f") for measure in ("dice", "iou")]
            cells += [_with_error(found["hausdorff"], ".1f"), _with_error(found["boundary_dice"], ".3f")]
            empty = f"{100 * found['empty']:.0f} %"
            lines.append([row["name"], SETS.get(source, source), str(found["answers"]), *cells, empty])
    how, training = rows[0]["training"], summary["training"]
    return markdown(header, lines) + (
        "\n\n± standard error over images; frames of one video are not independent. Every measure compares with the "
        f"image's own mask, whatever was asked. One network, seed {summary['seed']}, random frozen transformers, "
        f"{how['steps']} steps of {training['batch_size']} images at {summary['size']} px, "
        f"{100 * summary['wrong']:.0f} % of them under a wrong phrase." + footnote(record)
    )


def difference(row: dict[str, Any], complete: dict[str, Any], source: str | None = None) -> tuple[float, float]:
    """Mean Dice of a variant less that of the complete network, image by image, and its standard error.

    Args:
        row: of the variant.
        complete: of the complete network, on the same images.
        source: only this data set.
    """
    sets = [name for name, found in row["right"]["sets"].items() for _ in range(found["answers"])]
    pairs = zip(sets, row["right"]["dice"], complete["right"]["dice"], strict=True)
    differences = [ours - theirs for name, ours, theirs in pairs if source in (None, name)]
    return mean(differences), stdev(differences) / len(differences) ** 0.5


def ablations() -> str:
    """What each variant's Dice differs by from the complete network's, and what it costs."""
    record = stored("freqmedclip-ablations")
    rows = {row["name"]: row for row in record["rows"]}
    complete, summary = rows[COMPLETE], record["summary"]
    header = ["network", "trained", "MMAC", *(f"ΔDice, {name}" for name in SETS.values()), "Dice, wrong phrase"]
    lines = []
    for name in VARIANTS:
        if name not in rows:
            continue
        row = rows[name]
        cells = [f"{row['parameters']['trained'] / 1e6:.2f} M", f"{row['macs'] / 1e6:.0f}"]
        for source in SETS:
            there = source in row["right"]["sets"] and row is not complete
            cells.append(_with_error(difference(row, complete, source), "+.3f") if there else "")
        lines.append([name, *cells, f"{mean(row['wrong']['dice']):.3f}"])
    dice = ", ".join(f"{SETS[s]} {found['dice'][0]:.3f}" for s, found in complete["right"]["sets"].items() if s in SETS)
    how, training = complete["training"], summary["training"]
    return markdown(header, lines) + (
        f"\n\nDice less that of the complete network ({dice}; under the wrong phrase, all images, in the last column), "
        "mean ± standard error over the same images of val; what another seed would change is not in it. Each was "
        f"trained once, seed {summary['seed']}, {how['steps']} steps of {training['batch_size']} images at "
        f"{summary['size']} px." + footnote(record)
    )


def cost() -> str:
    """Parameters, multiply-accumulates and time of one image."""
    record = stored("freqmedclip-cost")
    header = ["network", "input", "trained", "frozen", "GMAC", "ms per image, fastest of 15"]
    lines = [
        [
            row["name"],
            f"{row['input_size']} px",
            *(f"{row['parameters'][kind] / 1e6:.2f} M" for kind in ("trained", "frozen")),
            f"{row['macs'] / 1e9:.2f}",
            f"{row['milliseconds']:.0f}",
        ]
        for row in record["rows"]
    ]
    return markdown(header, lines) + footnote(record)


def _with_error(value_and_error: tuple[float, float] | list[float], form: str) -> str:
    value, error = value_and_error
    return f"{value:{form}} ± {error:{form.removeprefix('+')}}"
