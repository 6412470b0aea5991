"""Training in processes of its own: killed without warning, and two under torch's launcher."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_run import CONFIG, network, samples

import activefreq
from activefreq.models.checkpoint import read_tensors
from activefreq.training.loop import train
from activefreq.training.process_group import ProcessGroup

SCRIPT = str(Path(__file__).with_name("small_run.py"))
PACKAGE = str(Path(activefreq.__file__).parents[1])  # the one that is tested here, installed or not
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": PACKAGE}


def test_killed_in_mid_epoch(tmp_path):
    """SIGKILL while the second epoch runs; the resumed run ends with the bits of an unbroken one."""
    train(network(), samples(), tmp_path / "whole", CONFIG)
    broken = tmp_path / "broken"
    with subprocess.Popen([sys.executable, SCRIPT, broken, "hang"], env=ENVIRONMENT) as process:
        while not (broken / "hangs").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert read_tensors(broken / "last.safetensors")[1]["epoch"] == 1
    train(network(), samples(), broken, CONFIG, resume=True)
    whole, broken_tensors = (read_tensors(p / "last.safetensors")[0] for p in (tmp_path / "whole", broken))
    assert any(name.startswith("average.") for name in whole)
    assert whole.keys() == broken_tensors.keys()
    for name in whole:
        assert torch.equal(whole[name], broken_tensors[name]), name


def test_two_processes_equal_one_with_the_whole_batch(tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*launcher, SCRIPT, tmp_path / "two"], env=ENVIRONMENT, check=True, capture_output=True)
    train(network(), samples(), tmp_path / "one", CONFIG)
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == [
        "last.safetensors",
        "log.jsonl",
        "model.safetensors",
        "rank0.safetensors",
        "rank1.safetensors",
        "tensorboard",
    ]
    assert len(list((tmp_path / "two" / "tensorboard").iterdir())) == 1  # one process writes
    assert (tmp_path / "two" / "log.jsonl").read_text().count("\n") == CONFIG.epochs
    first, second = (load_file(tmp_path / "two" / f"rank{rank}.safetensors") for rank in (0, 1))
    one = read_tensors(tmp_path / "one" / "last.safetensors")[0]
    start = network().state_dict()
    for name in first:
        assert torch.equal(first[name], second[name]), name
        # Adam divides by gradients that may be next to nothing, so that rounding shows in a few steps' distance.
        moved = (one[f"network.{name}"] - start[name]).abs().max()
        assert (first[name] - one[f"network.{name}"]).abs().max() <= 0.002 * moved + 1e-7, name


def test_shares_of_a_batch(tmp_path):
    rows = [ProcessGroup(rank, 3).rows(12) for rank in range(3)]
    assert [list(range(12))[r] for r in rows] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    with pytest.raises(ValueError, match="train: batch_size 4 is no multiple of the 3 processes"):
        train(network(), samples(), tmp_path / "new", CONFIG, group=ProcessGroup(0, 3))
    assert not (tmp_path / "new").exists()
