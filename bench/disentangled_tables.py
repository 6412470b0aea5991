"""The table of `bench.disentangled_study`: what fusion gives at each number of training volumes."""

from __future__ import annotations

from statistics import mean, stdev
from typing import Any

from bench.speed_tables import markdown, stored

__all__ = ["FUSIONS", "LOST", "average", "disentangled", "disentangled_cost", "lost_a_class"]

FUSIONS = ("none", "early", "late")
LOST = 0.2
"""A run whose mean Dice of a class is below has not learned that class."""


def average(row: dict[str, Any], key: str) -> float:
    """Mean over volumes and classes."""
    return mean(value for volume in row[key] for value in volume)


def lost_a_class(row: dict[str, Any]) -> bool:
    """Whether the run hardly finds one of its classes."""
    return min(mean(of_class) for of_class in zip(*row["dice"], strict=True)) < LOST


def disentangled(record: dict[str, Any] | None = None) -> str:
    """Means over draws ± their standard error, and the differences to no fusion, which pair draw by draw."""
    record = record or stored("disentangled_study")
    rows, lines = record["rows"], []
    for size in sorted({row["size"] for row in rows}):
        of = {(row["fusion"], row["draw"]): row for row in rows if row["size"] == size}
        for fusion in FUSIONS:
            draws = sorted(draw for name, draw in of if name == fusion)
            if not draws:
                continue
            paired = [draw for draw in draws if fusion != "none" and ("none", draw) in of]
            dice, distance = (
                {draw: factor * average(of[fusion, draw], key) for draw in draws}
                for key, factor in (("dice", 100), ("hausdorff95", 1))
            )
            gained = {draw: dice[draw] - 100 * average(of["none", draw], "dice") for draw in paired}
            whole = [draw for draw in paired if not any(lost_a_class(of[name, draw]) for name in ("none", fusion))]
            lost = sum(lost_a_class(of[fusion, draw]) for draw in draws)
            lines.append(
                [
                    *(str(size), fusion, _spread(list(dice.values())), _spread(list(distance.values()))),
                    *(str(len(draws)), str(lost), _spread(list(gained.values()), "+.2f")),
                    f"{_spread([gained[draw] for draw in whole], '+.2f')} ({len(whole)})" if whole else "",
                ]
            )
    header = ["training volumes", "fusion", "Dice, %", "HD95, mm", "draws", "lost a class"]
    header += ["Dice less that of none", "where neither lost a class (draws)"]
    settings, machine, data = record["settings"], record["machine"], record["data"]
    scored = next(part for name, part in data.items() if name != "train")
    return markdown(header, lines) + (
        f"\n\nScored volumes: {scored['volumes']}; mean of both classes; ±: standard error over draws. A class is lost "
        f"where its mean Dice is below {100 * LOST:.0f} %. "
        f"{settings['steps']} steps of one volume, Adam {settings['learning_rate']} to 0 by a cosine, "
        f"dropout {settings['dropout']}, {machine['cpu']}, torch {record['versions']['torch']}."
    )


def disentangled_cost() -> str:
    """What each fusion costs for one volume."""
    record = stored("disentangled_study")
    lines = []
    for fusion, of in record["cost"].items():
        median, low, high = (f"{1000 * of['seconds'][key]:.0f}" for key in ("median", "low", "high"))
        lines.append([fusion, f"{of['parameters']:,}", f"{of['macs'] / 1e9:.3f}", f"{median} ({low} to {high})"])
    size, machine = " × ".join(str(side) for side in record["settings"]["size"]), record["machine"]
    return markdown(["fusion", "parameters", "GMAC", "ms per volume"], lines) + (
        f"\n\nA volume of {size} voxels in eval mode, float32, median and quartiles; multiply-accumulates of "
        f"convolutions. {machine['cpu']}, {machine['threads']} thread(s), torch {record['versions']['torch']}."
    )


def _spread(values: list[float], form: str = ".2f") -> str:
    if len(values) < 2:
        return "".join(format(value, form) for value in values)
    return f"{mean(values):{form}} ± {stdev(values) / len(values) ** 0.5:.2f}"
