"""`activefreq train` for a network that takes clicks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from activefreq.app.skipped import say_skipped
from activefreq.app.training_run import TrainingRequest, begin_encoder, run_in_processes, validation_data

if TYPE_CHECKING:
    from torch import nn

    from activefreq.app.progress import TrainingBar
    from activefreq.data import Dataset
    from activefreq.training.configuration import TrainingConfig
    from activefreq.training.process_group import ProcessGroup

__all__ = ["train_with_clicks"]

_SHOWN = 4  # validation objects that are drawn for TensorBoard


def train_with_clicks(
    network: nn.Module, history: dict[str, Any], request: TrainingRequest, encoder_from: str | None
) -> None:
    """Train with simulated clicks; NoC on the validation split chooses the epoch.

    Images have the side of the network's input where no other is asked for.
    """
    from torch.utils.data import Subset

    from activefreq.data import open_dataset
    from activefreq.evaluation.provenance import versions
    from activefreq.models.freqformer import FreqFormer
    from activefreq.training.configuration import TrainingConfig
    from activefreq.training.loop import train
    from activefreq.training.pixels import load_pixels
    from activefreq.training.state import check_before_training

    shape: Any = network.config
    config = TrainingConfig(**{"crop": shape.input_size, **request.settings})
    dataset = open_dataset(request.data, split=request.split, limit=request.limit, **request.reading)
    held_out: Any = None
    if config.validate_every:
        with validation_data(request):
            held_out = open_dataset(request.data, split=request.validation_split, **request.reading)
    say_skipped(getattr(dataset, "skipped", {}))
    # Travels with the weights, so it holds names and settings, not the paths of this machine.
    history = {
        "data": dataset.name,
        "split": request.split,
        **request.decides(),
        "versions": versions(),
        **history,
    }
    if isinstance(network, FreqFormer) and config.stage != "coarse" and network.refine_layer is None:
        network = network.with_refine_layer()
    check_before_training(len(dataset), request.out, config, request.resume)

    def run(group: ProcessGroup, progress: TrainingBar) -> Path:
        begin_encoder(network, encoder_from, request, history, group.leads)
        network.to(group.device)
        validate = None if held_out is None else lambda net: _validation_figures(net, held_out, config.seed, group)
        shown: Any = Subset(cast("Any", held_out), range(min(_SHOWN, len(held_out)))) if held_out else None
        pictured = load_pixels(shown, config.crop) if held_out else None
        return train(
            network, dataset, request.out, config, history, validate, request.resume, progress, pictured, group
        )

    def afterwards(group: ProcessGroup) -> None:
        if request.plain_loop and config.stage == "coarse":
            typer.echo("a plain loop's:    " + _plain_loop(network, dataset, config, group))

    run_in_processes(request, config.epochs, run, afterwards)


def _plain_loop(network: nn.Module, dataset: Dataset, config: TrainingConfig, group: ProcessGroup) -> str:
    """The seconds of a plain loop's epoch, to stand under those of the run; the run is over, whatever happens here."""
    import torch

    if group.device.type == "cpu":  # the threads of the others are free by now
        torch.set_num_threads(group.size * torch.get_num_threads())
    try:
        from activefreq.training.plain_loop import plain_epoch_seconds

        seconds = plain_epoch_seconds(network, dataset, config)
    except ImportError:
        return "not measured, it needs opencv-python-headless"
    except (RuntimeError, OSError, KeyboardInterrupt) as error:  # out of memory, say, where the run was in bfloat16
        return f"not measured ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
    count = torch.get_num_threads()
    threads = f", {count} thread{'s' if count > 1 else ''}" if group.device.type == "cpu" else ""
    return f"{seconds:.1f}, one process{threads}, image by image with PIL and cv2, float32; from a few steps"


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
