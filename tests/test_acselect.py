import inspect
import math

import pytest
import torch

import activefreq as af

# Two false negatives (a pair and a single pixel) and one false positive of three pixels; the corner is ignored.
PROB = torch.tensor([[[0.1, 0.4, 0.9, 0.9], [0.9, 0.9, 0.1, 0.1], [0.2, 0.1, 0.7, 0.8], [0.1, 0.1, 0.6, 0.9]]])
TARGET = torch.tensor([[[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1]]])
REGIONS = {(0, 0): ([0.1, 0.4], 1), (2, 0): ([0.2], 1), (2, 2): ([0.7, 0.8, 0.6], 0)}


def entropy(p):
    return -(p * math.log(p) + (1 - p) * math.log(1 - p))


def score_by_hand(p, g, strategy, reading):
    information = [entropy(value) for value in p]
    mean = sum(p) / len(p)
    if strategy == "entropy":
        return sum(information) / len(p)
    if strategy == "least-confidence":
        return sum(1 - max(value, 1 - value) for value in p) / len(p)
    if reading == "error_sum":
        return sum(abs(value - g) for value in p)
    if reading == "entropy_sum":
        return sum(information)
    extreme = min(p) if g else max(p)
    gap = abs(extreme - (1 if reading == "class_sum" else mean))
    group = 1 - gap if reading == "bounded" else 1 - math.log(max(gap, 1e-6))
    return 0.35 * max(information) + 0.35 * sum(information) / len(p) + 0.30 * group


@pytest.mark.parametrize(
    ("strategy", "reading"),
    [("entropy", "literal"), ("least-confidence", "literal"), *(("acselect", name) for name in af.acselect.READINGS)],
)
def test_scores_by_hand(strategy, reading):
    options = {"strategy": strategy, "reading": reading, "connectivity": 4}
    (regions,) = af.acselect.region_scores(PROB, TARGET, **options)
    assert [(r.y, r.x) for r in regions] == list(REGIONS)
    expected = {}
    for region in regions:
        p, g = REGIONS[region.y, region.x]
        expected[region.y, region.x] = score_by_hand(p, g, strategy, reading)
        assert region.positive == (g == 1)
        assert region.area == region.unclicked == len(p)
        assert region.max_entropy == pytest.approx(max(map(entropy, p)), rel=1e-5)
        assert region.mean_entropy == pytest.approx(sum(map(entropy, p)) / len(p), rel=1e-5)
        assert region.mean_probability == pytest.approx(sum(p) / len(p), rel=1e-5)
        assert region.extreme_probability == pytest.approx(min(p) if g else max(p), rel=1e-5)
        # A gap of a rounding error decides the logarithm of a one-pixel region: it is floored, and exactly.
        assert region.score == pytest.approx(expected[region.y, region.x], rel=1e-5)
    best = max(expected, key=expected.get)
    selection = af.ops.select_click(PROB, TARGET, **options)
    assert bool(selection.valid)
    assert int(selection.area) == len(REGIONS[best][0])
    assert float(selection.score) == max(region.score for region in regions)


def test_random_is_uniform_and_depends_on_the_seed_alone():
    seeds = torch.arange(3000)
    prob, target = PROB.expand(3000, -1, -1), TARGET.expand(3000, -1, -1)
    random = af.acselect.make_strategy("random", connectivity=4)
    selection = random(prob, target, None, seeds)
    counts = torch.bincount(selection.area.long(), minlength=4)
    assert counts[0] == 0
    assert bool(((counts[1:] - 1000).abs() < 130).all())  # five standard deviations
    alone = random(PROB, TARGET, None, 1234)
    assert int(alone.y) == int(selection.y[1234])
    assert int(alone.x) == int(selection.x[1234])


def test_make_strategy():
    for name in af.acselect.STRATEGIES:
        selection = af.acselect.make_strategy(name, threshold=0.65)(PROB, TARGET, None, 3)
        expected = af.ops.select_click(PROB, TARGET, None, name, threshold=0.65, seed=3)
        assert all(torch.equal(getattr(selection, field), getattr(expected, field)) for field in vars(expected))

    def own(prob, target, clicked):
        assert clicked is None
        return af.ops.select_click(prob, target, strategy="largest")

    assert isinstance(af.acselect.make_strategy(own)(PROB, TARGET, None, 0), af.ops.Selection)
    with pytest.raises(ValueError, match=r"strategy must be one of largest, random, entropy, .*, got 'best'"):
        af.acselect.make_strategy("best")
    with pytest.raises(ValueError, match=r"rgu_eps must be a finite number > 0, got 0"):
        af.acselect.make_strategy("acselect", rgu_eps=0)
    with pytest.raises(TypeError, match=r"unknown option speed; there are connectivity, min_area, "):
        af.acselect.make_strategy("acselect", speed=1)
    with pytest.raises(TypeError, match=r"a function takes no options, got threshold"):
        af.acselect.make_strategy(own, threshold=0.5)

    def broken(prob, target, clicked):
        return None

    with pytest.raises(TypeError, match=r"broken must return an activefreq.ops.Selection, got NoneType"):
        af.acselect.make_strategy(broken)(PROB, TARGET, None, 0)


def test_defaults_are_the_published_ones():
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(af.ops.select_click).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    assert defaults == {
        "clicked": None,
        "strategy": "acselect",
        "threshold": 0.5,
        "connectivity": 8,
        "reading": "error_sum",
        "weights": (0.35, 0.35, 0.30),
        "rgu_eps": 1e-6,
        "min_area": 1,
        "placement": "by_strategy",
        "seed": 0,
    }
