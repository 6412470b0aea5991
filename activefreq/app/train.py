"""`activefreq train`: options, a progress bar, and the call."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from activefreq.app.progress import TrainingBar

if TYPE_CHECKING:
    from torch import nn

    from activefreq.data import Dataset
    from activefreq.training.process_group import ProcessGroup

__all__ = ["train"]

_SHOWN = 4  # validation objects that are drawn for TensorBoard


def train(
    data: Annotated[str, typer.Option(help="phantom, or a folder of images and masks")],
    out: Annotated[Path, typer.Option(help="folder for checkpoints and logs")],
    model: Annotated[str, typer.Option(help="the network to train")] = "freqformer",
    data_format: Annotated[str, typer.Option("--format", help="auto, folder or isic2017")] = "auto",
    split: Annotated[str, typer.Option(help="split to train on")] = "train",
    validation_split: Annotated[str, typer.Option(help="split whose NoC chooses the best epoch")] = "val",
    masks: Annotated[str | None, typer.Option(help="folder of masks, where it is not masks/")] = None,
    ignore: Annotated[int | None, typer.Option(help="mask value that takes no part, for example 128")] = None,
    limit: Annotated[int | None, typer.Option(help="train on the first N objects")] = None,
    stage: Annotated[
        str, typer.Option(help="coarse: the network; refine: its refine layer, the rest frozen; both: together")
    ] = "coarse",
    epochs: Annotated[int, typer.Option(help="passes over the data")] = 120,
    batch_size: Annotated[int, typer.Option(help="images per step")] = 16,
    learning_rate: Annotated[
        float, typer.Option(help="5e-5 is the paper's, for a warm start; 5e-4 from nothing")
    ] = 5e-5,
    schedule: Annotated[str, typer.Option(help="step: a tenth after --step-epoch (the paper's); cosine")] = "step",
    step_epoch: Annotated[int, typer.Option(help="where the step schedule falls")] = 50,
    weight_decay: Annotated[float, typer.Option(help="decoupled weight decay")] = 0.0,
    average: Annotated[
        float, typer.Option(help="decay of the weights' running mean, for example 0.999; 0: none")
    ] = 0.0,
    zoom: Annotated[float, typer.Option(help="share of the images that are cropped around the object")] = 0.0,
    crop: Annotated[
        int, typer.Option(help="side in pixels of the training images; refinement gains from more than the input's")
    ] = 224,
    input_size: Annotated[
        int | None, typer.Option(help="side in pixels of the finished predictor's input; 224 for a new network")
    ] = None,
    weight: Annotated[
        str | None, typer.Option(help="spectra: full (a new network's), scalar, generated, low-rank")
    ] = None,
    click_decay: Annotated[float, typer.Option(help="how fast the number of initial clicks falls off")] = 0.8,
    dice_weight: Annotated[float, typer.Option(help="weight of the Dice loss beside the focal loss")] = 1.0,
    correct_weight: Annotated[float, typer.Option(help="loss weight of regions that are already right")] = 1.0,
    autocast: Annotated[bool, typer.Option(help="bfloat16 in the forward pass")] = False,
    validate_every: Annotated[int, typer.Option(help="epochs between validations; 0 never")] = 10,
    start_from: Annotated[str | None, typer.Option(help="weights to start from: a name, file or folder")] = None,
    encoder_from: Annotated[
        str | None, typer.Option(help="SegFormer whose weights start the encoder: a hub id (nvidia/mit-b0) or a folder")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
    threads: Annotated[
        int | None, typer.Option(help="processor threads of each process; by default they share every core")
    ] = None,
    seed: Annotated[int, typer.Option(help="seed of everything random")] = 0,
    resume: Annotated[bool, typer.Option(help="go on with the run in --out")] = False,
) -> None:
    """Train a FreqFormer with simulated clicks.

    Every epoch leaves a checkpoint, so a run that was stopped goes on with --resume. The best validated weights are
    in OUT/model.safetensors, ready for `activefreq evaluate --model OUT`. Curves: tensorboard --logdir OUT.

    \b
    Examples:
      activefreq train --data path/to/isic2017 --out runs/first --learning-rate 5e-4
      activefreq train --data path/to/isic2017 --out runs/first --learning-rate 5e-4 --resume
      activefreq train --data phantom --out runs/tiny --crop 128 --epochs 5
      torchrun --nproc-per-node 2 --no-python activefreq train --data path/to/isic2017 --out runs/two --device cuda
    """  # noqa: D301
    if model != "freqformer":
        raise ValueError(f"train: unknown model {model!r}; there is: freqformer")
    import torch
    from torch.utils.data import Subset

    from activefreq.data import open_dataset
    from activefreq.evaluation.devices import check_device
    from activefreq.evaluation.provenance import versions
    from activefreq.models.freqformer import FreqFormer
    from activefreq.predictor import load
    from activefreq.training.configuration import TrainingConfig
    from activefreq.training.encoder_start import start_encoder
    from activefreq.training.loop import train as run
    from activefreq.training.pixels import load_pixels
    from activefreq.training.process_group import launched_processes
    from activefreq.training.state import check_before_training

    config = TrainingConfig(
        stage=stage,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        schedule=schedule,
        step_epoch=step_epoch,
        weight_decay=weight_decay,
        average=average,
        zoom=zoom,
        crop=crop,
        click_decay=click_decay,
        dice_weight=dice_weight,
        correct_weight=correct_weight,
        autocast=autocast,
        validate_every=validate_every,
        seed=seed,
    )
    check_device(device)
    if threads is not None and threads < 1:
        raise ValueError(f"train: --threads must be at least 1, got {threads}")
    if start_from and encoder_from:
        raise ValueError("train: --start-from brings an encoder of its own; leave --encoder-from out")
    options: dict[str, Any] = {"format": data_format, "masks": masks, "ignore": ignore}
    dataset = open_dataset(data, split=split, limit=limit, **options)
    held_out = open_dataset(data, split=validation_split, **options) if validate_every else None
    torch.manual_seed(seed)
    # Travels with the weights, so it holds names and settings, not the paths of this machine.
    history: dict[str, Any] = {"data": dataset.name, "split": split, "versions": versions()}
    own: dict[str, Any] = {
        name: value for name, value in {"input_size": input_size, "weight": weight}.items() if value is not None
    }
    if start_from:
        before = load(start_from)
        if not isinstance(before.network, FreqFormer):
            raise ValueError(f"train: --start-from {start_from} holds no freqformer")
        network, history["started_from"] = before.network, before.history
        for name, value in own.items():
            if getattr(network.config, name) != value:
                there = getattr(network.config, name)
                raise ValueError(f"train: --{name.replace('_', '-')} {value}, but --start-from has {there}")
    else:
        network = FreqFormer(**own)
    if stage != "coarse" and network.refine_layer is None:
        network = network.with_refine_layer()
    check_before_training(len(dataset), out, config, resume)
    with launched_processes(device) as group, TrainingBar(epochs, hidden=not group.leads) as progress:
        if threads is not None:
            torch.set_num_threads(threads)
        if encoder_from:
            start = start_encoder(network, encoder_from)
            history["encoder_from"] = {**start.as_dict(), "source": Path(encoder_from).name}
            if group.leads:
                typer.echo(start)
        network.to(group.device)
        validate = None if held_out is None else lambda net: _validation_figures(net, held_out, seed, group)
        shown: Any = Subset(cast("Any", held_out), range(min(_SHOWN, len(held_out)))) if held_out else None
        pictured = load_pixels(shown, config.crop) if held_out else None
        try:
            path = run(network, dataset, out, config, history, validate, resume, progress, pictured, group)
        except KeyboardInterrupt:
            progress.stop()
            typer.echo(f"interrupted: {_kept(out)}", err=True)
            raise typer.Exit(130) from None
        if group.leads:
            typer.echo(f"weights: {path}")
            typer.echo(_seconds(out / "log.jsonl"))


def _kept(out: Path) -> str:
    if not (out / "last.safetensors").exists():
        return "nothing was written"
    return f"finished epochs are kept in {out}; the same command with --resume goes on"


def _seconds(log: Path) -> str:
    epochs = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    seconds = [epoch["seconds"] for epoch in epochs if "seconds" in epoch]  # older runs did not note them
    typical = f"{median(seconds):.1f}" if seconds else "unknown"
    return f"seconds per epoch: {typical}, without validation; beside a plain loop's: python -m bench.training_epoch"


def _validation_figures(network: nn.Module, held_out: Dataset, seed: int, group: ProcessGroup) -> dict[str, float]:
    """NoC on the held-out objects, of which each process clicks every n-th."""
    from torch.utils.data import Subset

    import activefreq
    from activefreq.predictor import FreqFormerPredictor

    mine: Any = (
        held_out if group.size == 1 else Subset(cast("Any", held_out), range(group.rank, len(held_out), group.size))
    )
    if not len(mine):
        return group.weighted_mean({}, 0)
    result = activefreq.evaluate(FreqFormerPredictor(network), mine, strategy="largest", seed=seed)
    figures = {f"noc{threshold}": value for threshold, value in result.noc.items()}
    return group.weighted_mean(figures, len(result.ious))
