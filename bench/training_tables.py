"""The table of two trainings that differ in where their corrective clicks fall. `bench/tables.py` puts it in."""

from __future__ import annotations

from typing import Any

from bench.speed_tables import markdown, stored

__all__ = ["corrective_clicks"]

KEYS = ("80", "85", "90")


def corrective_clicks() -> str:
    """Validation NoC by epoch, as far as the control was trained."""
    with_acselect, control = stored("training-isic2017")["runs"][-1], stored("training-isic2017-random")["runs"][-1]
    theirs = _validated(control)
    rows = [
        [str(epoch), *(f"{of[f'noc{key}']:.2f}" for of in (theirs[epoch], ours) for key in KEYS)]
        for epoch, ours in _validated(with_acselect).items()
        if epoch in theirs
    ]
    header = ["epoch", *(f"{name}: NoC@{key}" for name in ("random", "half AcSelect's") for key in KEYS)]
    settings = with_acselect["training"]
    same = {name: value for name, value in settings.items() if control["training"].get(name) == value}
    different = sorted(set(settings) - set(same))
    if different != ["acselect_clicks"]:
        raise ValueError(f"the trainings differ in {', '.join(different)}, not in acselect_clicks alone")
    return markdown(header, rows) + (
        f"\n\nOf {settings['epochs']} epochs, with equal weights at the start, settings and seed. The "
        f"control was trained for {len(control['epochs'])} of them. Validation split, `largest`, the running mean of "
        f"the weights. torch {with_acselect['versions']['torch']}."
    )


def _validated(run: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {entry["epoch"]: entry for entry in run["epochs"] if "noc90" in entry}
