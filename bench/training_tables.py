"""Tables of trainings that differ in how they are clicked on. `bench/tables.py` puts them in."""

from __future__ import annotations

from typing import Any

from bench.speed_tables import markdown, stored

__all__ = ["corrective_clicks", "initial_clicks"]

KEYS = ("80", "85", "90")
FOURTH, FIFTH = 1, 2  # stages of the shipped weights among the runs that are kept, the third to the fifth


def corrective_clicks() -> str:
    """Validation NoC by epoch, as far as the control was trained."""
    with_acselect, control = stored("training-isic2017")["runs"][FOURTH], stored("training-isic2017-random")["runs"][-1]
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


def initial_clicks() -> str:
    """Validation NoC by epoch of two trainings with fewer initial clicks, of which one is the fifth stage."""
    runs = [stored("training-isic2017")["runs"][FIFTH], stored("training-isic2017-fewer")["runs"][0]]
    settings = [run["training"] for run in runs]
    if [name for name in settings[0] if settings[0][name] != settings[1][name]] != ["click_decay"]:
        raise ValueError("the trainings differ in more than click_decay")
    validated = [_validated(run) for run in runs]
    header = ["epoch", *(f"decay {of['click_decay']}: NoC@{key}" for of in settings for key in KEYS)]
    rows = [
        [str(epoch), *(f"{of[epoch][f'noc{key}']:.2f}" for of in validated for key in KEYS)] for epoch in validated[0]
    ]
    return markdown(header, rows) + (
        f"\n\n{settings[0]['epochs']} epochs from the weights after the fourth stage, seed {settings[0]['seed']}. "
        f"Validation split, `largest`, the running mean of the weights. torch {runs[0]['versions']['torch']}."
    )


def _validated(run: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {entry["epoch"]: entry for entry in run["epochs"] if "noc90" in entry}
