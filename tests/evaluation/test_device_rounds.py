"""Rounds that run on the device, here on the CPU: what they give is what the host's rounds give, object by object."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from toy_objects import ToyDataset, ToySample

from activefreq.acselect import STRATEGIES, make_strategy
from activefreq.evaluation.device_group import ClickRules, DeviceGroup
from activefreq.evaluation.evaluator import _rounds
from activefreq.evaluation.loop import ClickLoop
from activefreq.evaluation.nearest_click import NearestClick
from activefreq.evaluation.objects import click_seed, open_object
from activefreq.models import FreqFormer
from activefreq.predictor import FreqFormerPredictor

CPU = torch.device("cpu")


def run(rounds, dataset, strategy="acselect", predictor=None, stop_at=0.9, batch_size=5, max_clicks=7, **options):
    loop = ClickLoop(
        predictor=predictor or NearestClick(),
        dataset=dataset,
        strategy=make_strategy(strategy, **options),
        strategy_name=strategy,
        first_click=make_strategy("largest"),
        max_clicks=max_clicks,
        stop_at=stop_at,
        batch_size=batch_size,
        threshold=0.5,
        seed=3,
        device=CPU,
        rounds=rounds,
    )
    return loop, sorted(loop.run(range(len(dataset))), key=lambda result: result.index)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("stop_at", [0.9, math.inf])
def test_equal_the_rounds_of_the_host(strategy, stop_at):
    """Sizes are mixed, slots are taken over as objects finish, the last batches are not full."""
    dataset = ToyDataset(23)
    host, expected = run("host", dataset, strategy, stop_at=stop_at)
    device, found = run("device", dataset, strategy, stop_at=stop_at)
    assert found == expected
    assert device.clicks == host.clicks
    reasons = Counter(result.stop_reason for result in found)
    assert len(reasons) == 2
    assert len({len(result.clicks) for result in found}) > 1


@pytest.mark.parametrize(
    "options",
    [
        {"placement": "distance_error"},
        {"placement": "distance_entropy", "reading": "literal"},
        {"connectivity": 4, "min_area": 6, "reading": "bounded"},
    ],
)
def test_first_clicks_are_those_of_largest_whatever_the_options(options):
    dataset = ToyDataset(12)
    assert run("device", dataset, **options)[1] == run("host", dataset, **options)[1]


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_the_batch_changes_nothing(batch_size):
    dataset = ToyDataset(13, sizes=((24, 36), (21, 31)))
    expected = run("host", dataset, "random", batch_size=3)[1]
    assert run("device", dataset, "random", batch_size=batch_size)[1] == expected


def test_nothing_left_to_click():
    """A predictor that never answers runs out of pixels; one that is right at once runs out of errors."""

    class Deaf:
        def predict(self, images, clicks, previous):
            return torch.zeros_like(previous)

    samples = ToyDataset(4, sizes=((24, 36),)).samples
    for index, sample in enumerate(samples):
        sample.mask[:] = 0
        sample.mask[5, : index + 1] = 1
    host, expected = run("host", samples, predictor=Deaf(), max_clicks=3, batch_size=2)
    device, found = run("device", samples, predictor=Deaf(), max_clicks=3, batch_size=2)
    assert found == expected
    assert [len(result.clicks) for result in found] == [1, 2, 3, 3]
    assert [result.stop_reason for result in found] == ["nothing_to_click"] * 2 + ["max_clicks"] * 2
    assert device.clicks == host.clicks == 9


def test_freqformer_one_by_one():
    """Batch 1, so that a network that rounds by its batch answers the same."""
    torch.manual_seed(0)
    small = FreqFormer(input_size=32, widths=(8, 16, 16, 32), heads=(1, 2, 2, 4), depths=(1, 1, 1, 1), decoder_width=16)
    dataset, predictor = ToyDataset(3), FreqFormerPredictor(small)
    expected = run("host", dataset, predictor=predictor, batch_size=1, max_clicks=3)[1]
    assert run("device", dataset, predictor=predictor, batch_size=1, max_clicks=3)[1] == expected
    assert sum(len(result.clicks) for result in expected) == 9


@pytest.mark.parametrize(
    ("value", "found"), [(math.nan, "NaN"), (1.5, "values from 0 to 1.5"), (-0.5, "values from -0.5 to 0")]
)
@pytest.mark.parametrize("rounds", ["host", "device"])
def test_bad_answers_name_the_object(rounds, value, found):
    class Wrong:
        name = "wrong"

        def predict(self, images, clicks, previous):
            answer = torch.zeros_like(previous)
            if (clicks[1, :, 2] >= 0).sum() == 2:
                answer[1, 2, 3] = value
            return answer

    dataset = ToyDataset(2, sizes=((24, 36),))
    with pytest.raises(ValueError, match=f"predictor wrong must .* got {found} for object 'object-1' at click 2"):
        run(rounds, dataset, predictor=Wrong(), batch_size=2)


@pytest.mark.parametrize("rounds", ["host", "device"])
def test_a_predictor_must_not_write_into_its_arguments(rounds):
    class Writing:
        def predict(self, images, clicks, previous):
            return previous.add_(0.25)

    with pytest.raises(ValueError, match="predictor Writing wrote into its arguments"):
        run(rounds, ToyDataset(2), predictor=Writing())


def test_slots_keep_what_the_host_knows():
    rules = ClickRules(NearestClick(), make_strategy("random"), torch.tensor(0.5), max_clicks=4, seed=9, record=False)
    group = DeviceGroup((24, 36), CPU, 4, rules)
    samples = ToyDataset(4, sizes=((24, 36),)).samples
    for index in range(3):
        group.add(*open_object(samples[index], index))

    def click():
        group.click()
        for active, outcome in zip(group.objects, group.outcomes(), strict=True):
            assert outcome.valid
            active.history.add(outcome.y, outcome.x, int(outcome.positive))

    click()
    group.remove([0])
    group.add(*open_object(samples[3], 3))
    click()
    assert [active.name for active in group.objects] == ["object-2", "object-1", "object-3"]
    assert [len(active.history) for active in group.objects] == [2, 2, 1]
    for slot, active in enumerate(group.objects):
        made = [tuple(click) for click in group._slabs["clicks"][slot].tolist()]
        assert made == [*active.history.clicks, *[(-1, -1, -1)] * (4 - len(active.history))]
        assert torch.equal(group.clicked[slot], active.history.mask())
        assert group._slabs["seeds"][slot].tolist() == [click_seed(9, active.name, k) for k in (1, 2, 3, 4)]
    group.remove([1])
    before = group._slabs["clicks"][2].clone()
    group.click()
    assert group.slots == 4
    assert len(group.outcomes()) == 2
    assert torch.equal(group._slabs["clicks"][2], before)  # a free slot makes no click
    assert group._slabs["previous"][2:].sum() == 0


def test_the_next_objects_are_opened_while_the_device_is_at_work(monkeypatch):
    """A device that is done only when asked the third time leaves room for two objects per round."""

    class Slow:
        def __init__(self, device):
            self.asked = 0

        def reached(self):
            self.asked += 1
            return self.asked > 2

        def seconds_since(self, earlier):
            return 0.5

    dataset = ToyDataset(9, sizes=((24, 36),))
    expected = run("host", ToyDataset(9, sizes=((24, 36),)))[1]
    monkeypatch.setattr("activefreq.evaluation.loop.Mark", Slow)
    seen = []
    monkeypatch.setattr(DeviceGroup, "outcomes", _noting(seen, dataset, DeviceGroup.outcomes))
    loop, found = run("device", dataset, batch_size=3)
    assert found == expected
    assert seen[:2] == [5, 6]  # a batch and two more, then never more than a batch ahead
    assert dataset.decoded == [1] * 9
    timing = loop.clock.timing()
    assert timing.stages["click"] * timing.clicks == pytest.approx(0.5 * (len(seen) - 1))
    assert list(timing.stages) == ["click", "record", "bookkeeping"]


def _noting(seen, dataset, outcomes):
    def noting(group):
        seen.append(sum(dataset.decoded))
        return outcomes(group)

    return noting


def test_which_rounds_are_recorded():
    class Plain:
        def predict(self, images, clicks, previous):
            return previous

    cuda = torch.device("cuda")
    assert _rounds(NearestClick(), "acselect", cuda) == "graph"
    assert _rounds(NearestClick(), "acselect", CPU) == "host"
    assert _rounds(Plain(), "acselect", cuda) == "host"
    assert _rounds(NearestClick(), lambda prob, target, clicked: None, cuda) == "host"
    predictor = FreqFormerPredictor(
        FreqFormer(input_size=32, widths=(8, 8, 8, 8), heads=(1, 1, 1, 1), depths=(1, 1, 1, 1), decoder_width=8)
    )
    assert _rounds(predictor, "random", cuda) == "graph"
    predictor.capturable = False
    assert _rounds(predictor, "random", cuda) == "host"


def test_an_object_that_is_one_pixel():
    mask = np.zeros((24, 36), np.int8)
    mask[4, 9] = 1
    sample = ToySample("pixel", np.zeros((24, 36, 3), np.uint8), mask)
    assert run("device", [sample])[1] == run("host", [sample])[1]
