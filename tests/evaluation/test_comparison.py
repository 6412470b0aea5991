import numpy as np
import pytest
from toy_objects import ToyDataset

import activefreq as af
from activefreq.evaluation.bootstrap import paired_difference
from activefreq.evaluation.comparison import clicks_needed
from activefreq.evaluation.nearest_click import NearestClick


def test_interval_is_that_of_the_normal_distribution_for_many_objects():
    generator = np.random.default_rng(1)
    baseline = generator.integers(1, 21, 2000)
    values = baseline + generator.normal(0.3, 1.0, 2000)
    found = paired_difference(values, baseline)
    difference = values - baseline
    error = difference.std() / np.sqrt(2000)
    assert found.mean == pytest.approx(difference.mean())
    assert found.low == pytest.approx(difference.mean() - 1.96 * error, abs=0.08 * error)
    assert found.high == pytest.approx(difference.mean() + 1.96 * error, abs=0.08 * error)
    assert found.decided
    wider = paired_difference(values, baseline, level=0.99)
    assert wider.low < found.low < found.high < wider.high


def test_pairing_takes_the_objects_own_difficulty_out():
    hard = np.random.default_rng(2).integers(1, 21, 100)
    always = paired_difference(hard - 1, hard)
    assert (always.mean, always.low, always.high) == (-1, -1, -1)
    assert str(always) == "-1.00 [-1.00, -1.00]"
    assert not paired_difference(hard, hard).decided
    # Against the same clicks on other objects, nothing can be told.
    assert not paired_difference(np.roll(hard, 1) - 1, hard).decided


def test_the_same_seed_gives_the_same_interval():
    values, baseline = np.random.default_rng(3).integers(1, 21, (2, 50))
    assert paired_difference(values, baseline) == paired_difference(values, baseline)
    assert paired_difference(values, baseline, seed=1) != paired_difference(values, baseline)
    assert paired_difference([3], [1]).high == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1]), r"must have one length \(N,\), got \(2,\) and \(1,\)"),
        (([], []), r"must have one length"),
        (([1], [1], 1.0), r"level must lie in \(0, 1\), got 1.0"),
        (([1], [1], 0.95, 0), r"resamples must be at least 1, got 0"),
    ],
)
def test_errors_teach(arguments, message):
    with pytest.raises(ValueError, match="paired_difference: .*" + message):
        paired_difference(*arguments)


def test_compare():
    data = ToyDataset(12)
    largest, drawn = (af.evaluate(NearestClick(), data, name, max_clicks=8) for name in ("largest", "random"))
    found = af.evaluation.compare(drawn, largest)
    assert (found.evaluation, found.baseline, found.objects) == ("random", "largest", 12)
    for key, threshold in ((80, 0.80), (85, 0.85), (90, 0.90)):
        assert found.noc[key].mean == pytest.approx(drawn.noc[key] - largest.noc[key])
        ours, theirs = clicks_needed(drawn, threshold), clicks_needed(largest, threshold)
        assert (found.fewer[key], found.more[key]) == ((ours < theirs).sum(), (ours > theirs).sum())
    assert found.more[90] > found.fewer[90]
    assert f"NoC@90  {found.noc[90]}" in found.table()


def test_compare_wants_the_same_objects():
    data = ToyDataset(4)
    one = af.evaluate(NearestClick(), data, "largest", max_clicks=3)
    with pytest.raises(ValueError, match=r"same objects in the same order, got 4 and 3 objects"):
        af.evaluation.compare(one, af.evaluate(NearestClick(), data.samples[:3], "largest", max_clicks=3))
    with pytest.raises(ValueError, match=r"max_clicks must be equal, got 3 and 2"):
        af.evaluation.compare(one, af.evaluate(NearestClick(), data, "largest", max_clicks=2))
    with pytest.raises(ValueError, match=r"no threshold in common, got \(0.8, 0.85, 0.9\) and \(0.5,\)"):
        af.evaluation.compare(one, af.evaluate(NearestClick(), data, max_clicks=3, thresholds=(0.5,)))
