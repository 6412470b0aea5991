"""The plain loop that training is compared with does the same work."""

import numpy as np
import pytest
import torch

from activefreq.data import Phantom
from activefreq.models import FreqFormer
from activefreq.training.configuration import TrainingConfig

pytest.importorskip("cv2")
from activefreq.training import plain_loop

SHAPE = {"widths": (8, 16, 16, 32), "heads": (1, 2, 2, 4), "depths": (1, 1, 1, 1), "decoder_width": 8}


def test_the_plain_loop_clicks_where_ours_does():
    """The candidates of the two rules agree: every click of one is a candidate of the other."""
    mask = np.zeros((40, 40), np.int8)
    mask[5:30, 8:33] = 1
    answer = mask.astype(np.float32)
    answer[5:16, 8:33] = 0  # missed
    answer[34:38, 2:38] = 1  # extra, and less deep
    generator = np.random.default_rng(0)
    clicks = {plain_loop._corrective_click(answer, mask, generator)[0] for _ in range(300)}
    assert {label for *_, label in clicks} == {1}
    depth = np.minimum.reduce([np.indices((40, 40))[0] - 4, 16 - np.indices((40, 40))[0]])
    depth = np.minimum.reduce([depth, np.indices((40, 40))[1] - 7, 33 - np.indices((40, 40))[1]])
    deep = {(int(y), int(x), 1) for y, x in np.argwhere(depth > depth.max() / 2)}
    assert clicks <= deep
    assert len(clicks) > 0.6 * len(deep)
    assert plain_loop._corrective_click(mask.astype(np.float32), mask, generator) == []


def test_seconds_of_an_epoch(monkeypatch):
    """Four steps that count, of 0 to 3 passes, and as many in an epoch as fit; the network itself stays as it was."""
    now = iter(float(2**n) for n in range(20))
    monkeypatch.setattr(plain_loop.time, "perf_counter", lambda: next(now))
    made = []
    steps = plain_loop.plain_step

    def counted(*given):
        step = steps(*given)
        return lambda indices, passes: made.append((len(set(indices)), passes)) or step(indices, passes)

    monkeypatch.setattr(plain_loop, "plain_step", counted)
    network = FreqFormer(input_size=32, **SHAPE).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    config = TrainingConfig(batch_size=2, crop=32, most_clicks=3)
    seconds = plain_loop.plain_epoch_seconds(network, Phantom("train", size=(40, 48), limit=7), config)
    assert made == [(2, 0), (2, 0), (2, 1), (2, 2), (2, 3)]
    assert seconds == 3 * (4 + 16 + 64 + 256) / 4
    assert not network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
