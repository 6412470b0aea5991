from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from toy_objects import ToyDataset

import activefreq as af
from activefreq.clicks import pad_clicks
from activefreq.evaluation.nearest_click import NearestClick
from activefreq.strategies import LookAhead, Situation
from activefreq.strategies.candidates import doubtful_pixels, error_pixels


@dataclass
class Discs:
    """Paints a disc of radius 5 in the click's label; keeps what it was asked."""

    asked: list = field(default_factory=list)

    def predict(self, images, clicks, previous):
        self.asked.append(clicks.clone())
        answer = previous.clone()
        rows, columns = torch.meshgrid(*(torch.arange(n) for n in previous.shape[1:]), indexing="ij")
        for plane, (y, x, label) in zip(answer, (history[-1].tolist() for history in clicks), strict=True):
            plane[(rows - y) ** 2 + (columns - x) ** 2 <= 25] = 0.05 + 0.9 * label
        return answer


def situation(predictor, seed=3):
    """A thin bar, whose pixels are the first regions' centres, and a disc of which a click gives everything."""
    target = torch.zeros(2, 50, 50, dtype=torch.int8)
    rows, columns = torch.meshgrid(torch.arange(50), torch.arange(50), indexing="ij")
    target[:, 2:6, :] = 1
    target[:, (rows - 30) ** 2 + (columns - 30) ** 2 <= 25] = 1
    target[1, 40:, :10] = -1
    prob = torch.full((2, 50, 50), 0.2)
    clicks = pad_clicks([[(48, 48, 0)], [(0, 0, 0), (49, 0, 0)]])
    clicked = torch.zeros(2, 50, 50, dtype=torch.bool)
    clicked[0, 48, 48] = clicked[1, 0, 0] = clicked[1, 49, 0] = True
    seeds = torch.tensor([seed, seed + 1])
    return Situation(predictor, torch.zeros(2, 3, 50, 50), clicks, prob, target, clicked, seeds)


def test_the_bound_keeps_the_click_of_highest_iou():
    now = situation(Discs())
    selection = LookAhead(gain="true").select_with(now)
    asked = now.predictor.asked
    assert [len(clicks) for clicks in asked] == [16, 16]  # one call per image
    assert [clicks.shape[1] for clicks in asked] == [2, 3]  # its own history and the click that is tried
    for image, clicks in enumerate(asked):
        truth, counted = now.target[image] == 1, now.target[image] != -1
        answers = Discs().predict(None, clicks, now.prob[image].expand(16, -1, -1))
        masks = (answers > 0.5) & counted
        ious = (masks & truth).sum(dim=(1, 2)) / (masks | truth).sum(dim=(1, 2))
        best = int(ious.argmax())
        assert [int(selection.y[image]), int(selection.x[image])] == clicks[best, -1, :2].tolist()
        assert float(selection.score[image]) == pytest.approx(float(ious[best]))  # from an empty mask
        assert ious.min() < ious[best]


def test_without_the_truth_only_the_candidates_know_it():
    """What the network expects is computed from its own answers; the truth picks the errors and labels them."""
    now = situation(Discs())
    selection = LookAhead().select_with(now)
    clicks = now.predictor.asked[0]
    answers = Discs().predict(None, clicks, now.prob[0].expand(16, -1, -1)).double()
    masks = answers > 0.5
    expected = (answers * masks).sum((1, 2)) / (masks.sum((1, 2)) + (answers * ~masks).sum((1, 2)))
    best = int(expected.argmax())
    assert [int(selection.y[0]), int(selection.x[0])] == clicks[best, -1, :2].tolist()
    assert bool(selection.positive[0])


def test_anywhere_tries_both_labels_and_weighs_them():
    now = situation(Discs())
    now.prob[:, 20:40, 10:40] = 0.4
    selection = LookAhead(among="anywhere", candidates=10).select_with(now)
    clicks = now.predictor.asked[0][:, -1]
    assert clicks[:5, :2].tolist() == clicks[5:, :2].tolist()
    assert clicks[:, 2].tolist() == [1] * 5 + [0] * 5
    answers = Discs().predict(None, now.predictor.asked[0], now.prob[0].expand(10, -1, -1)).double()

    def expected(masks):
        return (answers * masks).sum((1, 2)) / (masks.sum((1, 2)) + (answers * ~masks).sum((1, 2)))

    gains = expected(answers > 0.5) - expected(torch.zeros_like(answers, dtype=torch.bool))
    p = now.prob[0][clicks[:5, 0], clicks[:5, 1]].double()
    best = int((p * gains[:5] + (1 - p) * gains[5:]).argmax())
    y, x = clicks[best, :2].tolist()
    assert (int(selection.y[0]), int(selection.x[0])) == (y, x)
    assert bool(selection.positive[0]) == bool(now.target[0, y, x] == 1)  # the click that is made is true


def test_anywhere_leaves_out_ignored_pixels():
    now = situation(Discs())
    now.prob[:] = 0.4
    now.target[:, :, 10:] = -1
    selection = LookAhead(among="anywhere").select_with(now)
    assert bool((now.predictor.asked[0][:, -1, 1] < 10).all())
    assert int(selection.x[0]) < 10


def test_candidates_are_the_best_regions_then_a_draw():
    now = situation(Discs())
    prob, target, clicked = now.prob[0], now.target[0], now.clicked[0].clone()
    found = error_pixels(prob, target, clicked, 7, 16, 0.5)
    assert len(set(found.tolist())) == 16
    assert bool((target.flatten()[found] == 1).all())
    first = af.ops.select_click(prob[None], target[None])
    assert found[0] == first.y * 50 + first.x
    assert found[1] == 30 * 50 + 30  # the centre of the other region
    assert error_pixels(prob, target, clicked, 8, 16, 0.5)[2:].tolist() != found[2:].tolist()
    clicked[:, :] = True
    clicked[30, 29:31] = False
    assert sorted(error_pixels(prob, target, clicked, 7, 16, 0.5).tolist()) == [30 * 50 + 29, 30 * 50 + 30]
    clicked[:, :] = True
    assert len(error_pixels(prob, target, clicked, 7, 16, 0.5)) == 0


def test_doubtful_pixels_are_drawn_by_their_doubt():
    prob = torch.zeros(2, 100)
    prob[0, :50], prob[1, :50] = 0.5, 0.9
    drawn = torch.cat([doubtful_pixels(prob, prob > 2, prob > 2, seed, 1) for seed in range(600)])
    assert bool(((drawn % 100) < 50).all())  # where the network is sure, nothing is drawn
    assert int((drawn < 100).sum()) == pytest.approx(500, abs=46)  # .5 against .1; five standard deviations
    assert len(doubtful_pixels(prob, prob > 0.6, prob > 2, 0, 80)) == 50


def test_nothing_to_click():
    now = situation(Discs())
    now.clicked[0] = True
    assert LookAhead().select_with(now).valid.tolist() == [False, True]


@pytest.mark.parametrize("name", ["grouped", "look-ahead", "look-ahead-bound"])
def test_batch_size_changes_nothing(name):
    first, *others = (
        af.evaluate(NearestClick(), ToyDataset(9), name, max_clicks=4, batch_size=size) for size in (1, 4, 32)
    )
    assert first.strategy == name
    for other in others:
        assert other.clicks == first.clicks
        np.testing.assert_array_equal(other.ious, first.ious)


def test_the_bound_is_below_and_says_so():
    data = ToyDataset(12)
    bound, plain = (af.evaluate(NearestClick(), data, name, max_clicks=8) for name in ("look-ahead-bound", "acselect"))
    assert bound.noc[90] < plain.noc[90]
    assert "look-ahead-bound (a bound: uses the truth)" in bound.table()
    assert "uses the truth" in af.evaluation.compare(bound, plain).table()
    assert "truth" not in plain.table()


def test_a_strategy_of_ones_own_may_ask_the_network():
    class Second:
        def select_with(self, now):
            assert not torch.is_grad_enabled()
            assert now.clicks.shape == (len(now.prob), int(now.clicked.flatten(1).sum(1).max()), 3)
            assert torch.equal(now.predictor.predict(now.images, now.clicks, now.prob), now.prob)
            return af.ops.select_click(now.prob, now.target, now.clicked, "largest")

    data = ToyDataset(6)
    own, largest = (af.evaluate(NearestClick(), data, strategy, max_clicks=4) for strategy in (Second(), "largest"))
    assert own.strategy == "Second"
    assert own.clicks == largest.clicks


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gain": "best"}, "gain must be one of expected, true, got 'best'"),
        ({"among": "all"}, "among must be one of errors, anywhere, got 'all'"),
        ({"gain": "true", "among": "anywhere"}, "gain 'true' goes with among 'errors'"),
        ({"candidates": 1}, "candidates must be a whole number of at least 2, got 1"),
    ],
)
def test_errors_teach(options, message):
    with pytest.raises(ValueError, match="look-ahead: " + message):
        LookAhead(**options)


def test_options_by_name():
    with pytest.raises(TypeError, match=r"unknown option gain; there are candidates, threshold"):
        af.acselect.make_strategy("look-ahead-bound", gain="expected")
    with pytest.raises(TypeError, match=r"an object with select_with takes no options, got reach"):
        af.acselect.make_strategy(LookAhead(), reach=1)
    assert af.acselect.make_strategy("look-ahead", candidates=4) == LookAhead(candidates=4)
