"""`activefreq evaluate`: its options, and whether clicks are counted or answers are scored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from activefreq.app.evaluate_click_free import score_answers
from activefreq.app.evaluate_with_clicks import TOY, ClickOptions, count_clicks
from activefreq.app.options import named_values

__all__ = ["evaluate"]

DATA = "Data"
CLICKS = "Clicks"
# Only of evaluations with clicks; --seed is left out, which phantom has too.
OF_CLICKS = (
    "strategy",
    "reading",
    "placement",
    "strategy_option",
    "max_clicks",
    "full_curve",
    "threshold",
    "steps",
    "given_masks",
    "batch_size",
)


def evaluate(
    context: typer.Context,
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
    clicks: Annotated[
        bool | None,
        typer.Option(
            "--clicks/--no-clicks",
            help="count clicks, or score answers without; as the network was trained, if nothing is said",
        ),
    ] = None,
    task_option: Annotated[
        list[str] | None,
        typer.Option(help="without clicks: an option of the network's task; repeat for more", metavar="NAME=VALUE"),
    ] = None,
    strategy: Annotated[
        str, typer.Option(help="one or more, separated by commas, or all", rich_help_panel=CLICKS)
    ] = "acselect",
    reading: Annotated[
        str | None,
        typer.Option(
            help="acselect: error_sum, entropy_sum, literal, class_sum or bounded",
            show_default="error_sum",
            rich_help_panel=CLICKS,
        ),
    ] = None,
    placement: Annotated[
        str | None,
        typer.Option(
            help="acselect: distance, distance_error, distance_entropy or distance_error3",
            show_default="distance_error3",
            rich_help_panel=CLICKS,
        ),
    ] = None,
    strategy_option: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE, as min_area=64; repeat for more", rich_help_panel=CLICKS, metavar="NAME=VALUE"),
    ] = None,
    given_masks: Annotated[
        Path | None,
        typer.Option(help="folder of masks to correct, instead of starting from nothing", rich_help_panel=CLICKS),
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
        str | None,
        typer.Option(
            help="around the network, separated by commas: target-crop, flip, refine, keep-outside, monotone, "
            "progressive-merge; or none",
            show_default="target-crop, and refine where the network has the layer",
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="objects per forward pass")] = 16,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")] = "cpu",
    threads: Annotated[int | None, typer.Option(help="processor threads; all cores by default")] = None,
    out: Annotated[Path | None, typer.Option(help="result folder; runs/MODEL-DATA-SPLIT by default")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run in the result folder")] = False,
) -> None:
    """Count the clicks a model needs, or score its answers without clicks.

    With clicks, every object starts from an empty mask and is clicked until
    it is good: NoC, NoF, mIoU@k, seconds per click. With --given-masks it
    starts from one that another program made; --steps progressive-merge then
    changes that at the clicks alone.
    Strategies: largest (the field's rule), random, entropy, least-confidence,
    acselect (these are "all"), and grouped, look-ahead, look-ahead-bound
    (slow: 16 trials per click; the bound uses the truth). The result folder
    gets metrics.json, objects.csv, clicks.jsonl (of several strategies each
    in its own folder) and report.html.
    Without clicks, the answers of networks other than freqformer are compared
    with the truth: Dice, IoU, Hausdorff distances and boundary Dice, in
    metrics.json and objects.csv.

    \b
    Examples:
      activefreq evaluate --model freqformer-isic2017 --data phantom --limit 50
      activefreq evaluate --model runs/first --data path/to/isic2017 --split test
      activefreq evaluate --model nearest-click --data phantom --strategy all
      activefreq evaluate --model runs/video --data path/to/frames
    """  # noqa: D301
    import torch

    from activefreq.evaluation.devices import check_device
    from activefreq.models.checkpoint import read_header
    from activefreq.predictor import find_weights

    if threads is not None:
        if threads < 1:
            raise ValueError(f"evaluate: --threads must be at least 1, got {threads}")
        torch.set_num_threads(threads)
    check_device(device)
    reading_options: dict[str, Any] = {
        "format": data_format,
        "masks": masks,
        "ignore": ignore,
        "objects": objects,
        "skip_broken": skip_broken,
        "limit": limit,
        "seed": seed,
    }
    if given_masks is not None:
        reading_options["given_masks"] = given_masks
        if model == TOY:
            raise ValueError(f"evaluate: --given-masks is for networks; {TOY} does not look at the mask before a click")
    if model == TOY and clicks is False:
        raise ValueError(f"evaluate: --no-clicks belongs to networks that answer without clicks; {TOY} does not")
    weights, name = (None, model) if model == TOY else find_weights(model)
    if weights is None or _counts_clicks(read_header(weights), clicks):
        if task_option:
            raise ValueError("evaluate: --task-option belongs to scores without clicks")
        how = ClickOptions(
            strategy=strategy,
            reading=reading,
            placement=placement,
            strategy_option=strategy_option,
            max_clicks=max_clicks,
            full_curve=full_curve,
            threshold=threshold,
            seed=seed,
            steps=steps,
            batch_size=batch_size,
        )
        count_clicks(model, data, split, reading_options, how, device, out, resume)
        return
    given = {option for option in context.params if _was_given(context, option)}
    for option in OF_CLICKS:
        if option in given:
            raise ValueError(f"evaluate: --{option.replace('_', '-')} is about clicks, which {name} is scored without")
    # A task knows its own options of the data: only what was asked for reaches it.
    own = {key: value for key, value in reading_options.items() if {"format": "data_format"}.get(key, key) in given}
    options = named_values(task_option, "evaluate: --task-option")
    score_answers(weights, name, data, split, own, options, device, out, resume)


def _was_given(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def _counts_clicks(header: dict[str, Any], asked: bool | None) -> bool:
    """As asked for, else as the network was trained: what has a task in its history was so without clicks."""
    if header.get("model") == "freqformer":
        if asked is False:
            raise ValueError("evaluate: --no-clicks: freqformer answers clicks only")
        return True
    if asked is not None:
        return asked
    trained_with = "task" not in (header.get("history") or {})
    return trained_with and bool((header.get("config") or {}).get("clicks"))
