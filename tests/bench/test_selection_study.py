import importlib
import json
import sys
from pathlib import Path

import pytest
import torch
from toy_objects import ToyDataset

import activefreq as af
from activefreq.evaluation.nearest_click import NearestClick

ROOT = Path(__file__).parents[2]


def scene(seed, count=3):
    """Smooth probabilities and objects, (count, 40, 60); no two pixels have the same probability."""
    noise = torch.randn(2, count, 60, 80, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.avg_pool2d(noise, 11, 1)[:, :, :40, :60] * 12
    return smooth[0].sigmoid(), (smooth[1] > 0).to(torch.int8)


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module


@pytest.mark.parametrize("power", [0, 1])
def test_trials_choose_as_the_operator_where_it_has_the_same_rule(bench, power):
    trials = bench("bench.selection_trials")
    prob, target = scene(3, 8)
    clicked = torch.rand(prob.shape, generator=torch.Generator().manual_seed(1)) < 0.2
    clicked[7] = True
    selection = trials.error_power(power)(prob, target, clicked)
    expected = af.ops.select_click(prob, target, clicked, placement=("distance", "distance_error")[power])
    for field in ("y", "x", "positive", "valid", "area"):
        assert torch.equal(getattr(selection, field), getattr(expected, field)), field
    assert selection.valid.tolist() == [True] * 7 + [False]


def test_every_trial_clicks_an_error(bench):
    study = bench("bench.selection_study")
    prob, target = scene(4)
    clicked = torch.zeros(prob.shape, dtype=torch.bool)
    found = set()
    for row in study.ROWS:
        if callable(row.strategy):
            selection = row.strategy(prob, target, clicked)
            y, x = selection.y.long(), selection.x.long()
            every = torch.arange(3)
            assert torch.equal(selection.positive, target[every, y, x] == 1), row.name
            assert bool(((prob[every, y, x] > 0.5) != target[every, y, x]).all()), row.name
            found.add(tuple(zip(y.tolist(), x.tolist(), strict=True)))
    assert len(found) > 5  # the trials are not all the same click


def test_memory_answers_as_the_predictor(bench):
    study = bench("bench.selection_study")

    class Counting(NearestClick):
        device = torch.device("cpu")
        asked = 0

        def predict(self, images, clicks, previous):
            self.asked += len(images)
            return super().predict(images, clicks, previous)

    counting = Counting()
    remembering = study.Remembering(counting)
    plain = af.evaluate(NearestClick(), ToyDataset(9), "acselect", max_clicks=4)
    for _ in range(2):
        found = af.evaluate(remembering, ToyDataset(9), "acselect", max_clicks=4)
        assert found.clicks == plain.clicks
        assert [result.ious for result in found.results] == [result.ious for result in plain.results]
    assert counting.asked == sum(len(clicks) for clicks in plain.clicks)


@pytest.fixture
def record(bench, tmp_path, monkeypatch):
    """A study of a toy on the command line, and its JSON."""
    study = bench("bench.selection_study")
    toy = NearestClick()
    toy.device = torch.device("cpu")
    data = ToyDataset(8)
    data.names = [sample.name for sample in data.samples]
    monkeypatch.setattr(study.af, "load", lambda _: toy, raising=False)
    monkeypatch.setattr(study, "open_dataset", lambda *_, **__: data)
    path = tmp_path / "study.json"
    arguments = ["study", "--data", "toy", "--max-clicks", "4", "--json", str(path), "--rows"]
    monkeypatch.setattr(sys, "argv", [*arguments, "random; acselect"])
    study.main()
    first = json.loads(path.read_text())
    monkeypatch.setattr(sys, "argv", [*arguments, "random;acselect;look-ahead-bound", "--resume"])
    study.main()
    return first, json.loads(path.read_text())


def test_study_keeps_every_object_and_resumes(bench, record, capsys):
    first, second = record
    assert [row["name"] for row in second["rows"]] == ["largest", "random", "acselect", "look-ahead-bound"]
    assert second["rows"][:3] == first["rows"]
    for row in second["rows"]:
        assert [len(clicks) for clicks in row["clicks"].values()] == [8, 8, 8]
        assert row["noc"]["90"] == sum(row["clicks"]["90"]) / 8
    assert len(second["objects"]["name"]) == 8
    assert [len(entry["clicks"]) for entry in second["examples"]["objects"]] == [
        len(entry["ious"]) for entry in second["examples"]["objects"]
    ]
    table = bench("bench.selection_study").table(second).splitlines()
    assert len({len(line) for line in table}) == 1  # aligned
    assert "look-ahead-bound (a bound: uses the truth)" in table[-1]
    random, baseline = second["rows"][1], second["rows"][0]
    assert str(af.evaluation.bootstrap.paired_difference(random["clicks"]["90"], baseline["clicks"]["90"])) in table[2]


def test_rows_are_chosen_by_name_or_group(bench):
    study = bench("bench.selection_study")
    assert [row.name for row in study.chosen_rows("random;together")] == [
        "largest",
        "random",
        *(row.name for row in study.ROWS if row.group == "together"),
    ]
    assert study.chosen_rows(None) == list(study.ROWS)
    assert len({row.name for row in study.ROWS}) == len(study.ROWS)
    with pytest.raises(SystemExit, match=r"--rows: there is no loudest; there are "):
        study.chosen_rows("loudest")


def test_tables_and_curves_come_from_the_json(bench, record, tmp_path, monkeypatch):
    tables, figures = bench("bench.selection_tables"), bench("bench.selection_figures")
    record[1]["model"]["weights_digest"] = "0123456789"
    for row in record[1]["rows"]:
        row["group"] = "strategies"
    monkeypatch.setattr(tables, "stored", lambda _: record[1])
    text = tables.study("val", "strategies")
    assert text.count("\n| ") == 5
    assert "look-ahead-bound (a bound: uses the truth)" in text
    assert "8 objects" in text
    record[1]["rows"][2]["name"] = "acselect, literal"
    metrics = tables.metrics("val").splitlines()
    assert metrics[2].startswith("| none (random) | ")
    assert metrics[3].startswith("| MPE + APE + RGU | ")
    assert metrics[3].endswith("| -0.82 | -1.37 |")  # the paper's 2.21 and 3.74 less its 3.03 and 5.11
    figures.curves(record[1], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 5000
