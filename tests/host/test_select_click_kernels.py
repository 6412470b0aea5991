"""The kernel bodies of select_click on the host: equal to the operator in every output, and in need of their syncs."""

import math

import pytest
import torch
from click_scenes import RULES, clicks_on_cpu, variant
from error_scenes import KINDS, scene
from host_kernels import GROUPS, run

from activefreq.reference.click_rule import PLACEMENTS, READINGS, STRATEGIES, ClickRule

SIZES = ((1, 1), (1, 77), (70, 1), (2, 2), (7, 33), (33, 65), (40, 130))


ENDLESS = 2**31 - 1
PATIENCE = (ENDLESS, -1, 3)
"""How much a team probes before a sweep takes over: all there is, nothing, a little."""


def on_host(kernels, prob, target, clicked, seed, rule, how, stepwise=False, patience=ENDLESS):
    batch = prob.shape[0]
    rule = ClickRule(**rule)
    integers = [torch.full((batch,), -7, dtype=torch.int32) for _ in range(3)]
    flags = [torch.zeros(batch, dtype=torch.bool) for _ in range(2)]
    score = torch.full((batch,), -7.0)
    numbers = torch.tensor([rule.threshold, rule.rgu_eps, *rule.weights], dtype=torch.float64)
    seeds = torch.full((batch,), seed, dtype=torch.int64)
    kernels(
        "select_click",
        *(prob, target, clicked, seeds, integers[0], integers[1], *flags, integers[2], score, *prob.shape),
        *(STRATEGIES.index(rule.strategy), READINGS.index(rule.reading), PLACEMENTS.index(rule.placement)),
        *(rule.connectivity, rule.min_area, numbers, how, stepwise, patience),
    )
    return [integers[0], integers[1], *flags, integers[2], score]


def assert_equals_cpu(kernels, images, seed, rule, how, stepwise=False, patience=ENDLESS):
    ours = on_host(kernels, *images, seed, rule, how, stepwise, patience)
    for field, (mine, theirs) in enumerate(zip(ours, clicks_on_cpu(*images, seed, rule), strict=True)):
        assert torch.equal(mine, theirs), (field, tuple(images[0].shape), rule, mine, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_equals_cpu_under_every_rule(host_kernels, kind):
    kernels = host_kernels("select_click")
    for index, rule in enumerate(RULES):
        for number, size in enumerate(SIZES):
            images = variant(*scene(kind, 2, *size, 100 * index + number), index + number)
            for patience in PATIENCE:
                assert_equals_cpu(kernels, images, 7 * index, rule, run(), patience=patience)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("group", GROUPS[1:], ids=str)
def test_equals_cpu_on_every_group(host_kernels, kind, group):
    kernels = host_kernels("select_click")
    for number, rule in enumerate(RULES[KINDS.index(kind) % 7 :: 7]):
        images = variant(*scene(kind, 1, *SIZES[-2 - number % 2], number), number)
        how = run(**group, seed=number)
        assert_equals_cpu(kernels, images, 5, rule, how, stepwise=number % 2, patience=PATIENCE[number % 3])


@pytest.mark.parametrize("kind", ["smooth", "noise", "blob", "dense", "spiral", "full"])
def test_equals_cpu_on_larger_images(host_kernels, kind):
    kernels = host_kernels("select_click")
    for number, rule in enumerate(RULES[::4]):
        images = variant(*scene(kind, 1, 230, 333, number), number)
        for patience in PATIENCE:
            assert_equals_cpu(kernels, images, 5, rule, run(), patience=patience)


def test_spans_of_1024_pixels_meet(host_kernels):
    prob, target = scene("dense", 1, 6, 2200, 3)
    for rule in RULES[::5]:
        assert_equals_cpu(host_kernels("select_click"), variant(prob, target, 0), 5, rule, run())
    everything = torch.ones(1, 5, 2200, dtype=torch.int8)
    images = (torch.full(everything.shape, 0.25), everything, None)
    assert_equals_cpu(host_kernels("select_click"), images, 5, {}, run("warps", 64))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_give_no_click(host_kernels, value):
    prob, target = scene("smooth", 3, 40, 70, 1)
    images = (prob, target.to(torch.int8), None)
    expected = clicks_on_cpu(*images, 0, {})
    prob = prob.clone()
    prob[1, 13, 69] = value
    y, x, positive, valid, area, score = on_host(
        host_kernels("select_click"), prob, images[1], None, 0, {}, run("warps", 64)
    )
    assert valid.tolist() == [True, False, True]
    assert (int(y[1]), int(x[1]), bool(positive[1]), int(area[1])) == (-1, -1, False, 0)
    assert math.isnan(score[1])
    for mine, theirs in zip((y, x, positive, area, score), (*expected[:3], *expected[4:]), strict=True):
        assert torch.equal(mine[[0, 2]], theirs[[0, 2]])


def test_no_race_among_threads(host_kernels):
    assert host_kernels("select_click").races(ranks=3) == ""


@pytest.mark.parametrize("group", GROUPS[1:3], ids=str)
@pytest.mark.parametrize("skipped", range(10))
def test_a_missing_sync_is_noticed(host_kernels, group, skipped):
    """In some order of the ranks: where the last ones meet, half of the orders are right by chance."""
    kernels = host_kernels("select_click")
    assert any(kernels.differs(run(**group, skipped=skipped, seed=seed)) for seed in range(12))


@pytest.mark.parametrize("skipped", [0, 2, 3, 4, 5, 6, 7, 8, 9])
def test_threads_without_a_sync_race(host_kernels, skipped):
    """Without sync 1 (join, number) every access is atomic: no data race, only the wrong answers that fibers show."""
    assert "exit status" in host_kernels("select_click").races(ranks=3, skipped=skipped)


def test_with_all_syncs_groups_agree(host_kernels):
    for group in GROUPS[1:]:
        assert not host_kernels("select_click").differs(run(**group))


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_everything_points_at_its_root_whatever_comes_between(host_kernels, group):
    """A pass that shortened other ranks' chains would write over what they have just settled."""
    kernels = host_kernels("select_click")
    for seed in range(20):
        assert kernels("loose_ends", run(**group, seed=seed)) == 0
