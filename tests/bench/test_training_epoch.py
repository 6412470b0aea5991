"""The plain loop that training is compared with does the same work, and every loop gets its times."""

from pathlib import Path

import numpy as np
import pytest

from activefreq.data import Phantom
from activefreq.training.configuration import TrainingConfig

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(monkeypatch):
    pytest.importorskip("cv2")
    monkeypatch.syspath_prepend(str(ROOT))
    from bench import training_epoch

    return training_epoch


def test_every_loop_is_timed(bench):
    config = TrainingConfig(batch_size=2, crop=32, most_clicks=3)
    shape = {"widths": (8, 16, 16, 32), "heads": (1, 2, 2, 4), "depths": (1, 1, 1, 1), "decoder_width": 8}
    times = bench.measure(Phantom("train", size=(40, 48), limit=3), config, rounds=2, input_size=32, **shape)
    assert list(times) == ["activefreq, float32", "activefreq, bfloat16", "plain loop, float32"]
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in times.values())


def test_the_plain_loop_clicks_where_ours_does(bench):
    """The candidates of the two rules agree: every click of one is a candidate of the other."""
    mask = np.zeros((40, 40), np.int8)
    mask[5:30, 8:33] = 1
    answer = mask.astype(np.float32)
    answer[5:16, 8:33] = 0  # missed
    answer[34:38, 2:38] = 1  # extra, and less deep
    generator = np.random.default_rng(0)
    clicks = {bench._plain_corrective_click(answer, mask, generator)[0] for _ in range(300)}
    assert {label for *_, label in clicks} == {1}
    depth = np.minimum.reduce([np.indices((40, 40))[0] - 4, 16 - np.indices((40, 40))[0]])
    depth = np.minimum.reduce([depth, np.indices((40, 40))[1] - 7, 33 - np.indices((40, 40))[1]])
    deep = {(int(y), int(x), 1) for y, x in np.argwhere(depth > depth.max() / 2)}
    assert clicks <= deep
    assert len(clicks) > 0.6 * len(deep)
    assert bench._plain_corrective_click(mask.astype(np.float32), mask, generator) == []
