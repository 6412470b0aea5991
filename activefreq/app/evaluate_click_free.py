"""`activefreq evaluate` without clicks: the answers of a network's task, scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from activefreq.app.evaluate_with_clicks import result_folder
from activefreq.app.progress import ScoringBar
from activefreq.app.skipped import say_skipped

__all__ = ["score_answers"]


def score_answers(
    weights: Path,
    name: str,
    data: str,
    split: str | None,
    reading: dict[str, Any],
    task_options: dict[str, Any],
    device: str,
    out: Path | None,
    resume: bool,
) -> None:
    """Score the network in `weights` by the task that its history names, whose options may be changed."""
    import torch

    from activefreq.evaluation.click_free import ScoredNetwork, score
    from activefreq.evaluation.overlap import check_overlap_packages
    from activefreq.evaluation.provenance import dataset_description, model_description, provenance, versions
    from activefreq.evaluation.storage import claim_folder
    from activefreq.models.checkpoint import load_network
    from activefreq.tasks import make_task

    check_overlap_packages()
    network, header = load_network(weights)
    history = header.get("history") or {}
    stored = history.get("task", {"name": header["model"], "options": {}})
    described_task = {"name": stored["name"], "options": {**stored["options"], **task_options}}
    task = make_task(stored["name"], **described_task["options"])
    items = task.items(data, split, **reading)
    scored = ScoredNetwork(name, network.to(device), history)
    described = {"model": model_description(scored), "data": dataset_description(items)}
    skipped = dict(getattr(items, "skipped", None) or {})
    recorded = {
        "task": described_task,
        **({"skipped": skipped} if skipped else {}),
        "data_options": {key: str(value) if isinstance(value, Path) else value for key, value in reading.items()},
    }
    folder = out or result_folder(described)
    claim_folder(folder, {"activefreq": versions()["activefreq"], **described, **recorded}, resume)
    try:
        with ScoringBar() as bar:
            scores = score(network, task, items, bar)
    except KeyboardInterrupt:
        typer.echo("interrupted: nothing is kept of it", err=True)
        raise typer.Exit(130) from None
    made_by = provenance(scored, items, torch.device(device), recorded)
    replace(scores, metadata=made_by).save(folder)
    say_skipped(skipped, "images")
    typer.echo(scores.table())
    typer.echo(f"{len(scores.names)} answers; mean ± standard error; {scores.seconds / len(scores.names):.4f} s each")
    typer.echo(f"results: {folder}")
