import csv
import json
import math

import numpy as np
import pytest
import torch
from tiny_system import Squares, SquaresTask, Tiny

from activefreq.evaluation.click_free import ScoredNetwork, score
from activefreq.evaluation.provenance import model_description
from activefreq.tasks import Answer
from activefreq.training.click_free import mean_dice


class TwoClasses(SquaresTask):
    """Answers that are known: the square itself, and a class that is missed and invented in turn."""

    classes = ("square", "other")

    def answers(self, network, item):
        name, _, mask = item
        number = int(name[-1])
        other = torch.zeros_like(mask)
        other[:, :4, :4] = True
        prediction = torch.cat([mask, other if number % 2 else ~mask & mask])
        target = torch.cat([mask, ~mask & mask if number % 2 else other])
        yield Answer(name, prediction, target, (0.5, 0.5), {"parity": str(number % 2), "name": name, "same": "x"})


@pytest.fixture
def scores():
    return score(Tiny(), TwoClasses(), Squares("test", 5))


def test_means_and_errors(scores):
    diagonal = 7.5 * math.sqrt(2)
    assert scores.values.shape == (5, 2, 5)
    assert scores.mean("dice", "square") == (1.0, 0.0)
    assert scores.mean("dice", "other") == (0.0, 0.0)
    assert scores.mean("dice") == (0.5, 0.0)
    assert scores.mean("hausdorff95")[0] == pytest.approx(diagonal / 2)
    found = scores.to_dict()["classes"]["other"]
    assert (found["missed"], found["invented"]) == (3, 2)


def test_the_standard_error_is_that_of_the_answers():
    torch.manual_seed(0)
    scores = score(Tiny(), SquaresTask(), Squares("test", 4), measures=("dice", "iou"))
    dice = scores.values[:, 0, 0]
    assert len(set(dice)) > 1
    assert scores.mean("dice") == pytest.approx((dice.mean(), np.std(dice, ddof=1) / 2))
    assert math.isnan(score(Tiny(), SquaresTask(), Squares("test", 1), measures=("dice",)).mean("dice")[1])


def test_validation_and_scoring_have_one_dice():
    torch.manual_seed(0)
    network = Tiny().eval()
    scores = score(network, SquaresTask(), Squares("test"), measures=("dice",))
    assert mean_dice(network, SquaresTask(), Squares("test")) == (pytest.approx(scores.mean("dice")[0]), 6)
    assert mean_dice(network, TwoClasses(), Squares("test")) == (0.5, 6)


def test_breakdown_leaves_out_what_divides_nothing(scores):
    parts = scores.breakdown()
    assert list(parts) == ["parity"]
    assert {value: part["answers"] for value, part in parts["parity"].items()} == {"0": 3, "1": 2}
    assert parts["parity"]["1"]["dice"] == 0.5


def test_files_and_table(scores, tmp_path):
    scores.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"metrics.json", "objects.csv"}
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["mean"]["dice"] == {"mean": 0.5, "standard_error": 0.0}
    assert (metrics["answers"], metrics["unit"]) == (5, "px")
    assert metrics["seconds_per_answer"] > 0
    rows = list(csv.DictReader((tmp_path / "objects.csv").read_text().splitlines()))
    assert len(rows) == 10
    told = [rows[1][key] for key in ("name", "class", "dice", "empty_prediction", "empty_target", "parity")]
    assert told == ["test0", "other", "0.000000", "1", "0", "0"]
    header, *lines = scores.table().splitlines()
    assert header.split()[:4] == ["class", "Dice", "IoU", "Hausdorff,"]
    assert [line.split()[0] for line in lines] == ["square", "other", "mean"]
    assert lines[0].split()[1:4] == ["1.0000", "±", "0.0000"]
    assert len({len(line) for line in (header, *lines)}) == 1


def test_the_network_is_left_as_it_was():
    network = Tiny().train()
    done = []
    score(network, SquaresTask(), Squares("test", 2), lambda *step: done.append(step), measures=("dice",))
    assert network.training
    assert done == [(1, 2), (2, 2)]


def test_what_cannot_be_scored_teaches():
    class Twice(SquaresTask):
        def answers(self, network, item):
            yield from [*super().answers(network, item)] * 2

    class Silent(SquaresTask):
        def answers(self, network, item):
            return iter(())

    class Many(SquaresTask):
        classes = ("a", "b")

    with pytest.raises(ValueError, match="score: two answers are called 'test0'"):
        score(Tiny(), Twice(), Squares("test"), measures=("dice",))
    with pytest.raises(ValueError, match="score: squares, split test, gave nothing to score"):
        score(Tiny(), Silent(), Squares("test"))
    with pytest.raises(ValueError, match="score: test0 has 1 masks for the 2 classes a, b"):
        score(Tiny(), Many(), Squares("test"), measures=("dice",))


def test_records_say_what_was_scored(tiny_system):
    described = model_description(ScoredNetwork("mine", Tiny(), {"data": "squares"}))
    assert (described["name"], described["network"], described["history"]) == ("mine", "tiny", {"data": "squares"})
    assert described["parameters"] == sum(p.numel() for p in Tiny().parameters())
    assert described["weights_digest"] != model_description(ScoredNetwork("mine", Tiny()))["weights_digest"]


def test_every_part_gets_its_mode_back():
    network = Tiny().train()
    network.dropout.eval()
    score(network, SquaresTask(), Squares("test", 2), measures=("dice",))
    assert network.training
    assert network.first.training
    assert not network.dropout.training
