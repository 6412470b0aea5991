"""`activefreq train`: its options, and which training they ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from activefreq.app.options import named_values
from activefreq.app.training_run import TrainingRequest

__all__ = ["train"]

CLICKS = "With clicks"
NETWORK = "Network"


def train(
    data: Annotated[str, typer.Option(help="phantom, or the folder of a data set")],
    out: Annotated[Path, typer.Option(help="folder for checkpoints and logs")],
    model: Annotated[
        str | None,
        typer.Option(
            help="freqformer, frequency-disentangled, freqmedclip or hfsti-net",
            show_default="freqformer, or what --start-from holds",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    network_option: Annotated[
        list[str] | None,
        typer.Option(
            help="a field of its configuration; repeat for more", rich_help_panel=NETWORK, metavar="NAME=VALUE"
        ),
    ] = None,
    small: Annotated[
        bool, typer.Option("--small", help="its small variant, for trials (not freqformer's)", rich_help_panel=NETWORK)
    ] = False,
    input_size: Annotated[
        int | None,
        typer.Option(
            help="side in pixels of the finished predictor's input",
            show_default="224, freqformer's",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    weight: Annotated[
        str | None,
        typer.Option(help="spectra: full (a new network's), scalar, generated, low-rank", rich_help_panel=NETWORK),
    ] = None,
    start_from: Annotated[
        str | None, typer.Option(help="weights to start from: a name, file or folder", rich_help_panel=NETWORK)
    ] = None,
    encoder_from: Annotated[
        str | None,
        typer.Option(
            help="weights that start the encoder, a hub id or a folder: freqformer's a SegFormer (nvidia/mit-b0), "
            "hfsti-net's a PVTv2 (OpenGVLab/pvt_v2_b2)",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    task_option: Annotated[
        list[str] | None,
        typer.Option(help="without clicks: an option of the network's task; repeat for more", metavar="NAME=VALUE"),
    ] = None,
    data_format: Annotated[str | None, typer.Option("--format", help="auto, folder or isic2017")] = None,
    split: Annotated[str, typer.Option(help="split to train on")] = "train",
    validation_split: Annotated[
        str, typer.Option(help="split whose NoC, without clicks whose Dice, chooses the best epoch")
    ] = "val",
    masks: Annotated[str | None, typer.Option(help="folder of masks, where it is not masks/")] = None,
    ignore: Annotated[int | None, typer.Option(help="mask value that takes no part, for example 128")] = None,
    objects: Annotated[
        str | None,
        typer.Option(help="separate: each id of a mask is an object; merged", show_default="separate; the task's"),
    ] = None,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="leave out files that do not decode, instead of stopping")
    ] = False,
    limit: Annotated[int | None, typer.Option(help="train on the first N objects, volumes, …")] = None,
    epochs: Annotated[int | None, typer.Option(help="passes over the data", show_default="120; the task's")] = None,
    batch_size: Annotated[int | None, typer.Option(help="images per step", show_default="16; the task's")] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="5e-5 is the paper's, for a warm start; 5e-4 from nothing", show_default="5e-5; the task's"),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="step: a tenth after --step-epoch (the paper's); cosine; constant, without clicks",
            show_default="step; the task's",
        ),
    ] = None,
    step_epoch: Annotated[
        int | None, typer.Option(help="where the step schedule falls", show_default="50; the task's")
    ] = None,
    optimizer: Annotated[str | None, typer.Option(help="adamw or adam", show_default="adamw; the task's")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="of the optimiser", show_default="0; the task's")] = None,
    warmup_steps: Annotated[
        int | None,
        typer.Option(help="steps over which the cosine schedule rises", show_default="200; the task's"),
    ] = None,
    gradient_norm: Annotated[
        float | None,
        typer.Option(help="a longer gradient is shortened to this; 0: never", show_default="1; the task's"),
    ] = None,
    average: Annotated[
        float | None, typer.Option(help="decay of the weights' running mean, for example 0.999; 0: none")
    ] = None,
    autocast: Annotated[bool | None, typer.Option(help="bfloat16 in the forward pass")] = None,
    validate_every: Annotated[
        int | None, typer.Option(help="epochs between validations; 0 never", show_default="10; the task's")
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(
            help="coarse: the network; refine: its refine layer, the rest frozen; both: together",
            show_default="coarse",
            rich_help_panel=CLICKS,
        ),
    ] = None,
    crop: Annotated[
        int | None,
        typer.Option(
            help="side in pixels of the training images; refinement gains from more than the input's",
            show_default="the network's input size",
            rich_help_panel=CLICKS,
        ),
    ] = None,
    zoom: Annotated[
        float | None,
        typer.Option(
            help="share of the images that are cropped around the object", show_default="0", rich_help_panel=CLICKS
        ),
    ] = None,
    colour: Annotated[
        float | None,
        typer.Option(
            help="how far hue, saturation and white balance change, for example 0.4",
            show_default="0",
            rich_help_panel=CLICKS,
        ),
    ] = None,
    most_clicks: Annotated[
        int | None,
        typer.Option(help="most initial clicks of either label", show_default="24", rich_help_panel=CLICKS),
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option(
            help="at most so many passes without gradient, a corrective click after each",
            show_default="3",
            rich_help_panel=CLICKS,
        ),
    ] = None,
    click_decay: Annotated[
        float | None,
        typer.Option(
            help="how fast the number of initial clicks falls off", show_default="0.8", rich_help_panel=CLICKS
        ),
    ] = None,
    acselect_clicks: Annotated[
        float | None,
        typer.Option(
            help="share of the corrective clicks that AcSelect places; the others fall at random",
            show_default="0",
            rich_help_panel=CLICKS,
        ),
    ] = None,
    dice_weight: Annotated[
        float | None,
        typer.Option(help="weight of the Dice loss beside the focal loss", show_default="1", rich_help_panel=CLICKS),
    ] = None,
    correct_weight: Annotated[
        float | None,
        typer.Option(help="loss weight of regions that are already right", show_default="1", rich_help_panel=CLICKS),
    ] = None,
    plain_loop: Annotated[
        bool,
        typer.Option(
            help="at the end, time some steps of a plain loop, to print the seconds of its epoch too",
            rich_help_panel=CLICKS,
        ),
    ] = True,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
    threads: Annotated[
        int | None, typer.Option(help="processor threads of each process; by default they share every core")
    ] = None,
    seed: Annotated[int, typer.Option(help="seed of everything random")] = 0,
    resume: Annotated[bool, typer.Option(help="go on with the run in --out")] = False,
) -> None:
    """Train a network: freqformer with simulated clicks, the others without.

    Every epoch leaves a checkpoint, so a run that was stopped goes on with
    --resume. The best validated weights are in OUT/model.safetensors, ready
    for `activefreq evaluate --model OUT`. Curves: tensorboard --logdir OUT.
    freqmedclip and hfsti-net learn to take clicks with --network-option
    clicks=true. Where two defaults are shown, the first is with clicks and
    the second, the task's own, without.

    \b
    Examples:
      activefreq train --data path/to/isic2017 --out runs/first --learning-rate 5e-4
      activefreq train --data path/to/isic2017 --out runs/first --learning-rate 5e-4 --resume
      activefreq train --data phantom --out runs/tiny --crop 128 --epochs 5
      activefreq train --model hfsti-net --data path/to/frames --out runs/video --epochs 20
      torchrun --nproc-per-node 2 --no-python \\
        activefreq train --data path/to/isic2017 --out runs/two --device cuda
    """  # noqa: D301
    import torch

    from activefreq.app.networks import starting_network
    from activefreq.app.train_click_free import train_without_clicks
    from activefreq.app.train_with_clicks import train_with_clicks
    from activefreq.evaluation.devices import check_device
    from activefreq.models.catalogue import takes_clicks

    check_device(device)
    if threads is not None and threads < 1:
        raise ValueError(f"train: --threads must be at least 1, got {threads}")
    if start_from and encoder_from:
        raise ValueError("train: --start-from brings an encoder of its own; leave --encoder-from out")
    own = _given(input_size=input_size, weight=weight)
    torch.manual_seed(seed)
    network, history = starting_network(
        model, own | named_values(network_option, "train: --network-option"), start_from, small
    )
    request = TrainingRequest(
        data=data,
        out=out,
        split=split,
        validation_split=validation_split,
        limit=limit,
        reading=_given(
            format=data_format, masks=masks, ignore=ignore, objects=objects, skip_broken=skip_broken or None
        ),
        settings=_given(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            schedule=schedule,
            step_epoch=step_epoch,
            optimizer=optimizer,
            weight_decay=weight_decay,
            warmup_steps=warmup_steps,
            gradient_norm=gradient_norm,
            average=average,
            autocast=autocast,
            validate_every=validate_every,
            stage=stage,
            crop=crop,
            zoom=zoom,
            colour=colour,
            most_clicks=most_clicks,
            iterations=iterations,
            click_decay=click_decay,
            acselect_clicks=acselect_clicks,
            dice_weight=dice_weight,
            correct_weight=correct_weight,
            seed=seed,
        ),
        device=device,
        threads=threads,
        resume=resume,
        plain_loop=plain_loop,
    )
    task_options = named_values(task_option, "train: --task-option")
    if takes_clicks(network):
        if task_options:
            raise ValueError("train: --task-option belongs to training without clicks")
        train_with_clicks(network, history, request, encoder_from)
    else:
        train_without_clicks(network, history, request, task_options, encoder_from)


def _given(**options: Any) -> dict[str, Any]:  # noqa: ANN401
    """Those that were given; the rest is left to whoever has the defaults."""
    return {name: value for name, value in options.items() if value is not None}
