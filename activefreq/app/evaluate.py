"""`activefreq evaluate`: options, the run of each strategy, the table and the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from activefreq.evaluation import Dataset, Evaluation
    from activefreq.predictor import Predictor

__all__ = ["evaluate"]

TOY = "nearest-click"
DATA = "Data"
CLICKS = "Clicks"


def evaluate(
    model: Annotated[str, typer.Option(help=f"weights: a name, path or hub id; {TOY} is a toy")],
    data: Annotated[str, typer.Option(help="phantom, or the folder of a data set", rich_help_panel=DATA)],
    data_format: Annotated[
        str, typer.Option("--format", help="auto, folder or isic2017", rich_help_panel=DATA)
    ] = "auto",
    split: Annotated[
        str | None, typer.Option(help="test where the data has splits, else everything", rich_help_panel=DATA)
    ] = None,
    masks: Annotated[Path | None, typer.Option(help="folder of the masks", rich_help_panel=DATA)] = None,
    ignore: Annotated[
        int | None, typer.Option(help="mask value that takes no part, such as 128", rich_help_panel=DATA)
    ] = None,
    objects: Annotated[
        str, typer.Option(help="separate: each id of a mask is an object; merged", rich_help_panel=DATA)
    ] = "separate",
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="leave out images that do not decode", rich_help_panel=DATA)
    ] = False,
    limit: Annotated[int | None, typer.Option(help="only the first N objects", rich_help_panel=DATA)] = None,
    strategy: Annotated[
        str, typer.Option(help="one or more, separated by commas, or all", rich_help_panel=CLICKS)
    ] = "acselect",
    reading: Annotated[
        str | None, typer.Option(help="acselect: error_sum, entropy_sum, literal, …", rich_help_panel=CLICKS)
    ] = None,
    placement: Annotated[
        str | None, typer.Option(help="acselect: distance, distance_error, …", rich_help_panel=CLICKS)
    ] = None,
    strategy_option: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=VALUE, as weights=1,0,0; repeat for more", rich_help_panel=CLICKS, metavar="NAME=VALUE"
        ),
    ] = None,
    max_clicks: Annotated[int, typer.Option(help="clicks per object", rich_help_panel=CLICKS)] = 20,
    full_curve: Annotated[
        bool, typer.Option("--full-curve", help="run every click, as mIoU@k of papers needs", rich_help_panel=CLICKS)
    ] = False,
    threshold: Annotated[
        float, typer.Option(help="a pixel above this probability is object", rich_help_panel=CLICKS)
    ] = 0.5,
    seed: Annotated[int, typer.Option(help="of random clicks and of phantom", rich_help_panel=CLICKS)] = 0,
    steps: Annotated[
        str | None, typer.Option(help="around the network: target-crop, refine, monotone, …, or none")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="objects per forward pass")] = 16,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")] = "cpu",
    threads: Annotated[int | None, typer.Option(help="processor threads; all cores by default")] = None,
    out: Annotated[Path | None, typer.Option(help="result folder; runs/MODEL-DATA-SPLIT by default")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run in the result folder")] = False,
) -> None:
    """Count the clicks a model needs: NoC, NoF, mIoU@k, and seconds per click.

    Every object starts from an empty mask and is clicked until it is good.
    Strategies: largest (the field's rule), random, entropy, least-confidence,
    acselect (all), and grouped, look-ahead, look-ahead-bound (slow: 16 trials
    per click; the bound uses the truth). The result folder gets metrics.json, objects.csv, clicks.jsonl
    (of several strategies each in its own folder) and report.html.

    \b
    Examples:
      activefreq evaluate --model freqformer-isic2017 --data phantom --limit 50
      activefreq evaluate --model runs/first --data path/to/isic2017 --split test
      activefreq evaluate --model nearest-click --data phantom --strategy all
    """  # noqa: D301
    import torch

    from activefreq.data import open_dataset
    from activefreq.evaluation.devices import check_device
    from activefreq.evaluation.evaluator import check_arguments
    from activefreq.evaluation.provenance import dataset_description, model_description, versions
    from activefreq.evaluation.report import write_report
    from activefreq.evaluation.runs import EvaluationInterrupted
    from activefreq.evaluation.storage import claim_folder

    options = {key: value for key, value in {"reading": reading, "placement": placement}.items() if value is not None}
    strategies = _strategies(strategy, options, strategy_option or [])
    if threads is not None:
        if threads < 1:
            raise ValueError(f"evaluate: --threads must be at least 1, got {threads}")
        torch.set_num_threads(threads)
    check_arguments(max_clicks, batch_size, threshold)
    check_device(device)
    predictor = _open_predictor(model, device, steps)
    reading_options: dict[str, Any] = {
        "format": data_format,
        "masks": masks,
        "ignore": ignore,
        "objects": objects,
        "skip_broken": skip_broken,
        "limit": limit,
        "seed": seed,
    }
    dataset = open_dataset(data, split=split, **reading_options)
    described = {"model": model_description(predictor), "data": dataset_description(dataset)}
    settings: dict[str, Any] = {
        "max_clicks": max_clicks,
        "full_curve": full_curve,
        "threshold": threshold,
        "seed": seed,
    }
    folder = out or Path("runs") / "-".join(
        [described["model"]["name"], described["data"]["name"], described["data"]["split"] or "all"]
    )
    data_options = {key: str(value) if isinstance(value, Path) else value for key, value in reading_options.items()}
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
    settings |= {"batch_size": batch_size, "device": device}
    try:
        evaluations = _run(predictor, dataset, folder, strategies, settings, {"data_options": data_options})
        report = write_report(folder, evaluations, predictor, dataset)
    except KeyboardInterrupt as interrupt:
        kept = str(interrupt) if isinstance(interrupt, EvaluationInterrupted) else f"the results are kept in {folder}"
        typer.echo(f"interrupted: {kept}; the same command with --resume goes on", err=True)
        raise typer.Exit(130) from None
    _show(evaluations, report)


def _strategies(text: str, acselect: dict[str, str], further: list[str]) -> dict[str, dict[str, Any]]:
    """Names and their options, checked before anything is loaded; an option goes to every strategy that has it."""
    from activefreq.acselect import STRATEGIES, make_strategy, strategy_options

    names = list(STRATEGIES) if text == "all" else [name.strip() for name in text.split(",")]
    if acselect and "acselect" not in names:
        raise ValueError(f"evaluate: --{' and --'.join(acselect)} belong to acselect, which --strategy does not name")
    chosen: dict[str, dict[str, Any]] = {name: dict(acselect) if name == "acselect" else {} for name in names}
    known = {name: set(strategy_options(name)) - {"threshold"} for name in names}
    for option in further:
        key, equals, value = option.partition("=")
        if not equals:
            raise ValueError(f"evaluate: --strategy-option must be NAME=VALUE, got {option!r}")
        having = [name for name in names if key in known[name]]
        if not having:
            there_are = ", ".join(sorted(set().union(*known.values())))
            raise ValueError(f"evaluate: --strategy-option {key}: no chosen strategy has it; there are {there_are}")
        for name in having:
            chosen[name][key] = _value(value)
    for name, options in chosen.items():
        make_strategy(name, **options)
    return chosen


def _value(text: str) -> str | int | float | list[Any]:
    """What an option's text stands for: a whole number, a number, several of them, or itself."""
    if "," in text:
        return [_value(part) for part in text.split(",")]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _open_predictor(model: str, device: str, steps: str | None) -> Predictor:
    if model == TOY:
        if steps is not None:
            raise ValueError(f"evaluate: --steps is for networks, which {TOY} is not")
        from activefreq.evaluation.nearest_click import NearestClick

        return NearestClick()
    from activefreq.predictor import load
    from activefreq.steps import Steps

    return load(model, device, None if steps is None else Steps.named(steps))


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
    if first.skipped:
        listed = "; ".join(f"{name}: {reason}" for name, reason in list(first.skipped.items())[:5])
        typer.echo(
            f"skipped {len(first.skipped)} objects ({listed}{'; …' if len(first.skipped) > 5 else ''})", err=True
        )
    typer.echo(comparison(evaluations))
    typer.echo(f"{len(first.results)} objects; s/click: predictor, selection and bookkeeping, without image decoding")
    typer.echo(f"report: {report}")
