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
    """What each variant's Dice differs by from the complete network's of the same seed, and what it costs."""
    record = stored("freqmedclip-ablations")
    rows = {(row["name"], row["seed"]): row for row in record["rows"]}
    seeds, summary = sorted({seed for _, seed in rows}), record["summary"]
    header = ["network", "trained", "MMAC", *(f"ΔDice, {name}" for name in SETS.values()), "Dice, wrong phrase"]
    lines = []
    for name in VARIANTS:
        made = [rows[name, seed] for seed in seeds if (name, seed) in rows]
        if not made:
            continue
        cells = [f"{made[0]['parameters']['trained'] / 1e6:.2f} M", f"{made[0]['macs'] / 1e6:.0f}"]
        for source in SETS:
            found = [difference(row, rows[COMPLETE, row["seed"]], source)[0] for row in made]
            each = ", ".join(f"{value:+.3f}" for value in found)
            cells.append(f"{mean(found):+.3f} ({each})" if name != COMPLETE else "")
        lines.append([name, *cells, f"{mean(mean(row['wrong']['dice']) for row in made):.3f}"])
    complete = [rows[COMPLETE, seed] for seed in seeds]
    dice = "; ".join(
        f"{SETS[source]} " + ", ".join(f"{row['right']['sets'][source]['dice'][0]:.3f}" for row in complete)
        for source in complete[0]["right"]["sets"]
    )
    errors = [difference(row, rows[COMPLETE, row["seed"]], source)[1] for row in rows.values() for source in SETS]
    how, training = complete[0]["training"], summary["training"]
    return markdown(header, lines) + (
        f"\n\nDice less that of the complete network of the same seed ({dice}): mean (seeds "
        f"{', '.join(map(str, seeds))}); under the wrong phrase, all images, in the last column. The standard error "
        f"over the images of val is at most {max(errors):.3f}. Each was trained for {how['steps']} steps of "
        f"{training['batch_size']} images at {summary['size']} px." + footnote(record)
    )


def cost() -> str:
    """Parameters, multiply-accumulates and time of one image."""
    record = stored("freqmedclip-cost")
    header = ["network", "input", "trained", "frozen", "GMAC", "ms per image, median of 15"]
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
