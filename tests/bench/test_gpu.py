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

    def half(seconds):
        yield {"what": "half of it"}
        raise ZeroDivisionError("division by zero")

    shares = []
    good, bad = ModuleType("bench.gpu_good"), ModuleType("bench.gpu_bad")
    good.rows = lambda seconds: shares.append(seconds) or [{"what": "good", "milliseconds": 2.0}]
    bad.rows = half
    for module in (good, bad):
        module.__spec__ = "present"
        monkeypatch.setitem(sys.modules, module.__name__, module)
    path = tmp_path / "results" / "gpu-card.json"
    states = gpu.measure(path, ("bad", "nowhere", "good"), 30.0, {"seed": gpu.SEED})
    assert states == {"bad": "failed: ZeroDivisionError: division by zero", "nowhere": "absent", "good": "measured"}
    assert 29 < shares[0] <= 30  # a part that ends early leaves its time to the others
    record = json.loads(path.read_text())
    assert record["rows"] == [
        {"part": "bad", "what": "half of it"},
        {"part": "good", "what": "good", "milliseconds": 2.0},
    ]
    assert record["summary"] == {"seed": 0, "parts": states}
    assert record["machine"]["torch"] == torch.__version__
    assert "good: measured" in capsys.readouterr().out

    handed = []

    def afresh(parts, seconds):
        handed.append((list(parts), seconds))
        gpu.measure(path, parts, seconds, {"seed": gpu.SEED}, add=True)

    again = gpu.measure(path, ("bad", "nowhere", "good"), 30.0, {"seed": gpu.SEED}, afresh)
    assert again == states
    assert [parts for parts, _ in handed] == [["nowhere", "good"]]
    assert json.loads(path.read_text())["rows"] == record["rows"]


def test_points_share_the_time_and_those_left_out_are_named(monkeypatch):
    from bench import gpu_timing

    clock = iter([0.0, 0.0, 4.0, 11.0])
    monkeypatch.setattr(gpu_timing.time, "monotonic", lambda: next(clock))
    rows = list(gpu_timing.within(10.0, ["a", "b", "c"], lambda point, share: {point: share}))
    assert rows == [{"a": 10 / 3}, {"b": 3.0}, {"left out for want of time": ["c"]}]


def test_a_peer_that_fails_leaves_the_others(monkeypatch):
    from bench import gpu_select_click

    monkeypatch.setattr(gpu_select_click.torch.cuda, "synchronize", lambda: None)
    called = []

    def broken():
        raise ImportError("no such module")

    peers = {"good": lambda: lambda: called.append(1), "broken": broken}
    fastest, single, failed = gpu_select_click.quickest(peers)
    assert (list(fastest), list(single), failed) == (["good"], ["good"], {"broken": "ImportError: no such module"})
    assert len(called) == 2  # one before the clock


def test_the_backward_pass_in_forward_passes():
    from bench.gpu_freq_mix import _backward_over_forward

    assert _backward_over_forward({"ours in a graph": 30.0}, {"ours in a graph": 10.0}) == {"backward over forward": 2}
    assert _backward_over_forward({"ours in a graph": 30.0}, {}) == {}


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


def test_layers_are_summed_and_compared():
    from bench.gpu_freq_mix import GROUPS, summed
    from bench.measure import summarise

    times = {"ours": 1.0, "eager": 6.0, "compiled": 5.0, "ours in a graph": 0.5, "eager in a graph": 4.0, "copy": 0.25}
    layers = [
        {"channels": 32, **{name: summarise([scale * value]) for name, value in times.items()}} for scale in (1, 3)
    ]
    row = summed(GROUPS[0], layers)
    assert (row["image"], row["batch"], row["dtype"], row["pass"]) == ("448", 32, "float32", "forward")
    assert {name: row[name] for name in times} == {name: 4 * value for name, value in times.items()}
    assert row["times a copy"] == 2
    assert row["times eager"] == 6
    assert row["times eager, both in graphs"] == 8
    assert row["times compiled"] == 5
    layers[1]["compiled failed"] = layers[1].pop("compiled")
    assert "times compiled" not in summed(GROUPS[0], layers)


def test_layers_that_do_not_fit_the_time_are_named(monkeypatch):
    from bench import gpu_freq_mix

    measured = []
    monkeypatch.setattr(gpu_freq_mix, "summed", lambda group, layers: {})

    def point(group, channels, size, seconds):
        measured.append(group)
        return {}

    clock = iter([0.0, 0.0, 5.0, 11.0])
    monkeypatch.setattr(gpu_freq_mix, "point", point)
    monkeypatch.setattr(gpu_freq_mix.time, "monotonic", lambda: next(clock))
    rows = list(gpu_freq_mix.rows(10.0))
    assert measured == [group for group in gpu_freq_mix.GROUPS[:2] for _ in range(4)]
    assert len(rows[-1]["left out for want of time"]) == len(gpu_freq_mix.GROUPS) - 2


def test_the_sibling_operators_beside_torch():
    from bench import band_split, gpu_siblings, rfft2

    for operator, shape in [("band_split", (1, 1, 20, 20, 4)), ("band_merge", (1, 2, 20, 20, 4))]:
        assert operator in band_split.SHAPES
        row = gpu_siblings._row(operator, shape, True, 0.0, "cpu")
        assert (row["pass"], row["faster"]) == ("forward+backward", min(("fftn", "fft2"), key=lambda n: row[n].median))
    for operation in rfft2.OPERATIONS:
        row = gpu_siblings._row(operation, (1, 2, 6, 6), False, 0.0, "cpu")
        assert row["ratio"].median > 0
        assert row["faster"] == "torch"
