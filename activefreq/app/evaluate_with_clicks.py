"""`activefreq evaluate` with clicks: the run of each strategy, the table and the report."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from activefreq.app.options import named_values
from activefreq.app.skipped import say_skipped

if TYPE_CHECKING:
    from activefreq.evaluation import Dataset, Evaluation
    from activefreq.predictor import Predictor

__all__ = ["TOY", "ClickOptions", "count_clicks", "result_folder"]

TOY = "nearest-click"


@dataclass(frozen=True)
class ClickOptions:
    """How objects are clicked."""

    strategy: str
    reading: str | None
    placement: str | None
    strategy_option: list[str] | None
    max_clicks: int
    full_curve: bool
    threshold: float
    seed: int
    steps: str | None
    batch_size: int


def count_clicks(
    model: str,
    data: str,
    split: str | None,
    reading: dict[str, Any],
    clicks: ClickOptions,
    device: str,
    out: Path | None,
    resume: bool,
) -> None:
    """Count the clicks that a network or the toy needs."""
    from activefreq.data import open_dataset
    from activefreq.evaluation.evaluator import check_arguments
    from activefreq.evaluation.provenance import dataset_description, model_description, versions
    from activefreq.evaluation.report import write_report
    from activefreq.evaluation.runs import EvaluationInterrupted
    from activefreq.evaluation.storage import claim_folder

    named = {"reading": clicks.reading, "placement": clicks.placement}
    options = {key: value for key, value in named.items() if value is not None}
    strategies = _strategies(clicks.strategy, options, clicks.strategy_option)
    check_arguments(clicks.max_clicks, clicks.batch_size, clicks.threshold)
    predictor = _open_predictor(model, device, clicks.steps, clicks.threshold)
    dataset = open_dataset(data, split=split, **reading)
    described = {"model": model_description(predictor), "data": dataset_description(dataset)}
    settings: dict[str, Any] = {
        "max_clicks": clicks.max_clicks,
        "full_curve": clicks.full_curve,
        "threshold": clicks.threshold,
        "seed": clicks.seed,
    }
    folder = out or result_folder(described)
    data_options = {key: str(value) if isinstance(value, Path) else value for key, value in reading.items()}
    claim_folder(
        folder,
        {
            "activefreq": versions()["activefreq"],
            **described,
            "data_options": data_options,
            "strategies": strategies,
            "acselect": options,
            **settings,
        },
        resume,
    )
    settings |= {"batch_size": clicks.batch_size, "device": device}
    try:
        evaluations = _run(predictor, dataset, folder, strategies, settings, {"data_options": data_options})
        report = write_report(folder, evaluations, predictor, dataset)
    except KeyboardInterrupt as interrupt:
        kept = str(interrupt) if isinstance(interrupt, EvaluationInterrupted) else f"the results are kept in {folder}"
        typer.echo(f"interrupted: {kept}; the same command with --resume goes on", err=True)
        raise typer.Exit(130) from None
    _show(evaluations, report)


def result_folder(described: dict[str, Any]) -> Path:
    """Where results go that no --out names."""
    data = described["data"]
    return Path("runs") / "-".join([described["model"]["name"], data["name"], data["split"] or "all"])


def _strategies(text: str, acselect: dict[str, str], further: list[str] | None) -> dict[str, dict[str, Any]]:
    """Names and their options, checked before anything is loaded; an option goes to every strategy that has it."""
    from activefreq.acselect import STRATEGIES, make_strategy, strategy_options

    names = list(STRATEGIES) if text == "all" else [name.strip() for name in text.split(",")]
    if acselect and "acselect" not in names:
        raise ValueError(f"evaluate: --{' and --'.join(acselect)} belong to acselect, which --strategy does not name")
    chosen: dict[str, dict[str, Any]] = {name: dict(acselect) if name == "acselect" else {} for name in names}
    known = {name: set(strategy_options(name)) - {"threshold"} for name in names}
    for key, value in named_values(further, "evaluate: --strategy-option").items():
        if key in acselect:
            raise ValueError(f"evaluate: {key} is given twice, by --{key} and by --strategy-option")
        having = [name for name in names if key in known[name]]
        if not having:
            there_are = ", ".join(sorted(set().union(*known.values())))
            raise ValueError(f"evaluate: --strategy-option {key}: no chosen strategy has it; there are {there_are}")
        for name in having:
            chosen[name][key] = value
    for name, options in chosen.items():
        make_strategy(name, **options)
    return chosen


def _open_predictor(model: str, device: str, steps: str | None, threshold: float) -> Predictor:
    if model == TOY:
        if steps is not None:
            raise ValueError(f"evaluate: --steps is for networks, which {TOY} is not")
        from activefreq.evaluation.nearest_click import NearestClick

        return NearestClick()
    from activefreq.predictor import load
    from activefreq.steps import Steps

    chosen = Steps() if steps is None else Steps.named(steps)
    return load(model, device, dataclasses.replace(chosen, threshold=threshold))


def _run(
    predictor: Predictor,
    dataset: Dataset,
    folder: Path,
    strategies: dict[str, dict[str, Any]],
    settings: dict[str, Any],
    recorded: dict[str, Any],
) -> list[Evaluation]:
    from activefreq.app.progress import EvaluationBar
    from activefreq.evaluation.runs import evaluate_into_folder

    evaluations = []
    with EvaluationBar() as bar:
        for name, options in strategies.items():
            bar.begin(name)
            evaluations.append(
                evaluate_into_folder(
                    predictor,
                    dataset,
                    folder if len(strategies) == 1 else folder / name,
                    recorded,
                    strategy=name,
                    strategy_options=options,
                    progress=bar,
                    **settings,
                )
            )
    return evaluations


def _show(evaluations: list[Evaluation], report: Path) -> None:
    from activefreq.evaluation.tables import comparison

    first = evaluations[0]
    say_skipped(first.skipped)
    typer.echo(comparison(evaluations))
    typer.echo(f"{len(first.results)} objects; s/click: predictor, selection and bookkeeping, without image decoding")
    typer.echo(f"report: {report}")
