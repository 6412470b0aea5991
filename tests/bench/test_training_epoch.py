"""Every loop gets its times."""

from pathlib import Path

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
