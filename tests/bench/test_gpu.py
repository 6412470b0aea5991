"""The GPU benchmark's collecting and its click part, on the CPU with a small network. How fast it is, is not tested."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from activefreq.models import FreqFormer
from activefreq.predictor import FreqFormerPredictor

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _in_checkout(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def predictor():
    torch.manual_seed(0)
    shape = {"widths": (8, 16, 16, 32), "heads": (1, 2, 2, 4), "depths": (1, 1, 1, 1), "decoder_width": 16}
    return FreqFormerPredictor(FreqFormer(input_size=32, **shape))


@pytest.fixture
def samples():
    from activefreq.data.phantom import Phantom

    dataset = Phantom("test", (32, 32), limit=3)
    return [dataset[index] for index in range(3)]


def test_parts_share_the_time_and_fail_alone(tmp_path, monkeypatch, capsys):
    from bench import gpu

    shares = []
    good, bad = ModuleType("bench.gpu_good"), ModuleType("bench.gpu_bad")
    good.rows = lambda seconds: shares.append(seconds) or [{"what": "good", "milliseconds": 2.0}]
    bad.rows = lambda seconds: 1 / 0
    for module in (good, bad):
        module.__spec__ = "present"
        monkeypatch.setitem(sys.modules, module.__name__, module)
    path = tmp_path / "results" / "gpu-card.json"
    states = gpu.measure(path, ("bad", "nowhere", "good"), 30.0, {"seed": gpu.SEED})
    assert states == {"bad": "failed: ZeroDivisionError: division by zero", "nowhere": "absent", "good": "measured"}
    assert 29 < shares[0] <= 30  # a part that ends early leaves its time to the others
    record = json.loads(path.read_text())
    assert record["rows"] == [{"part": "good", "what": "good", "milliseconds": 2.0}]
    assert record["summary"] == {"seed": 0, "parts": states}
    assert record["machine"]["torch"] == torch.__version__
    assert "good: measured" in capsys.readouterr().out


def test_every_part_is_there_or_can_be_left_out():
    from bench import gpu

    assert {"click", "click_maps"} <= {part for part in gpu.PARTS if (ROOT / "bench" / f"gpu_{part}.py").exists()}


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA works here")
def test_without_a_gpu_it_says_so(tmp_path):
    from bench import gpu

    with pytest.raises(SystemExit, match=r"no GPU: ."):
        gpu.main(["--results", str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_one_click(predictor, samples):
    from bench.gpu_click import one_click

    row = one_click(predictor, samples[0], 0.0, rounds=1)
    assert (row["size"], row["batch"], row["unit"]) == (32, 1, "milliseconds")
    assert row["eager"].count == row["graph"].count == 20
    assert row["eager"].minimum > 0


def test_an_evaluation_beside_one_image_at_a_time(predictor, samples, monkeypatch):
    from bench.gpu_click import evaluation

    monkeypatch.setattr("bench.gpu_click.MAX_CLICKS", 3)
    row = evaluation(predictor, samples, "largest", 1, 0.0, runs=1)
    assert (row["objects"], row["same_number_of_clicks"]) == (6, 1)
    assert 6 <= row["clicks"] <= 18
    assert row["ours"].median > 0
    assert row["ratio"] == row["ours"].median / row["one_at_a_time"]
    assert "ratio" not in evaluation(predictor, samples, "acselect", 2, 0.0, runs=1)


def test_the_loop_of_one_image_makes_the_evaluators_clicks(predictor, samples, monkeypatch):
    import activefreq as af
    from bench.gpu_click import _distance, field_clicks

    monkeypatch.setattr("bench.gpu_click.MAX_CLICKS", 6)
    found = af.evaluate(predictor, samples, "largest", batch_size=1, thresholds=(0.90,), max_clicks=6)
    assert [field_clicks(predictor, sample, _distance()) for sample in samples] == found.clicks
