"""`activefreq train`: options, a progress bar, and the call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from activefreq.data import Dataset
    from activefreq.models.freqformer import FreqFormer

__all__ = ["train"]


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
    crop: Annotated[int, typer.Option(help="side in pixels at which the network trains")] = 224,
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
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
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
    """  # noqa: D301
    if model != "freqformer":
        raise ValueError(f"train: unknown model {model!r}; there is: freqformer")
    from activefreq.data import open_dataset
    from activefreq.evaluation.devices import check_device
    from activefreq.evaluation.provenance import versions
    from activefreq.models.freqformer import FreqFormer
    from activefreq.predictor import load
    from activefreq.training.configuration import TrainingConfig
    from activefreq.training.loop import check_before_training
    from activefreq.training.loop import train as run

    config = TrainingConfig(
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
    options: dict[str, Any] = {"format": data_format, "masks": masks, "ignore": ignore}
    dataset = open_dataset(data, split=split, limit=limit, **options)
    held_out = open_dataset(data, split=validation_split, **options) if validate_every else None
    import torch

    torch.manual_seed(seed)
    # Travels with the weights, so it holds names and settings, not the paths of this machine.
    history: dict[str, Any] = {"data": dataset.name, "split": split, "versions": versions()}
    own: dict[str, Any] = {
        name: value for name, value in {"input_size": input_size, "weight": weight}.items() if value is not None
    }
    if start_from:
        before = load(start_from)
        network, history["started_from"] = before.network, before.history
        for name, value in own.items():
            if getattr(network.config, name) != value:
                there = getattr(network.config, name)
                raise ValueError(f"train: --{name.replace('_', '-')} {value}, but --start-from has {there}")
    else:
        network = FreqFormer(**own)
    network.to(device)
    check_before_training(dataset, out, config, resume)
    with _Bar(epochs) as progress:
        validate = None if held_out is None else lambda net: _validation_figures(net, held_out, seed)
        try:
            path = run(network, dataset, out, config, history, validate, resume, progress)
        except KeyboardInterrupt:
            progress.bar.stop()
            kept = f"finished epochs are kept in {out}; the same command with --resume goes on"
            typer.echo(
                f"interrupted: {kept if (out / 'last.safetensors').exists() else 'no epoch was finished'}", err=True
            )
            raise typer.Exit(130) from None
    typer.echo(f"weights: {path}")


def _validation_figures(network: FreqFormer, held_out: Dataset, seed: int) -> dict[str, float]:
    import activefreq
    from activefreq.predictor import FreqFormerPredictor

    result = activefreq.evaluate(FreqFormerPredictor(network), held_out, strategy="largest", seed=seed)
    return {f"noc{threshold}": value for threshold, value in result.noc.items()}


class _Bar:
    """A rich progress bar on standard error, one task for all steps of the run."""

    def __init__(self, epochs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.epochs = epochs
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/" + str(epochs)),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self.task = self.bar.add_task("train", total=None, epoch=0, loss=float("nan"))

    def __enter__(self) -> _Bar:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def __call__(self, epoch: int, step: int, steps: int, loss: float) -> None:
        self.bar.update(
            self.task, total=self.epochs * steps, completed=epoch * steps + step, epoch=epoch + 1, loss=loss
        )
