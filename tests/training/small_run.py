"""A run small enough for tests, and the script that trains it in a process of its own: `small_run.py OUT [hang]`."""

import sys
import time
from pathlib import Path

import torch

from activefreq.data import Phantom
from activefreq.models import FreqFormer
from activefreq.models.checkpoint import write_tensors
from activefreq.training.configuration import TrainingConfig
from activefreq.training.loop import train
from activefreq.training.process_group import launched_processes

CONFIG = TrainingConfig(
    epochs=2, batch_size=4, learning_rate=1e-3, schedule="cosine", crop=32, most_clicks=3, iterations=1, average=0.9
)


def network():
    """Without what depends on the other images of its share: batch statistics and stochastic depth."""
    torch.manual_seed(0)
    shape = {"widths": (8, 16, 16, 32), "heads": (1, 2, 2, 4), "depths": (1, 1, 1, 1)}
    small = FreqFormer(input_size=32, decoder_width=8, drop_path=0.0, **shape)
    small.norm = torch.nn.GroupNorm(1, 8)
    return small


def samples():
    return Phantom("train", size=(40, 48), limit=9)


def hang(epoch, step, steps, loss):
    if epoch == 1:
        (Path(sys.argv[1]) / "hangs").touch()
        time.sleep(60)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with launched_processes() as group:
        trained = network()
        progress = hang if sys.argv[2:] == ["hang"] else None
        train(trained, samples(), sys.argv[1], CONFIG, progress=progress, group=group)
        if group.size > 1:
            write_tensors(Path(sys.argv[1]) / f"rank{group.rank}.safetensors", trained.state_dict(), {})
