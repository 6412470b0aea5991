"""Properties over random sizes, scenes and rules: 200 examples each, and 2000 with `-m long`."""

import numpy as np
import pytest
import torch
from error_scenes import KINDS, masks, random_mask, scene, with_ignored
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import activefreq as af
from activefreq.acselect import PLACEMENTS, READINGS, STRATEGIES
from activefreq.reference.click_rule import ClickRule

SIDES = st.integers(1, 70) | st.sampled_from([1, 63, 64, 65, 127, 128, 129, 192])
SEEDS = st.integers(0, 2**20)


def examples(count):
    """The test's `examples` argument: `count`, and ten times as many in the long run."""
    return pytest.mark.parametrize("examples", [count, pytest.param(10 * count, marks=pytest.mark.long)])


def check(property_, count):
    settings(max_examples=count, deadline=None, derandomize=True, database=None)(property_)()


@examples(200)
def test_label(examples):
    @given(st.sampled_from(KINDS), SIDES, SIDES, st.sampled_from([4, 8]), SEEDS)
    def property_(kind, height, width, connectivity, seed):
        mask = masks(kind, 2, height, width, seed)
        labels, counts = af.ops.label(mask, connectivity)
        for image in range(2):
            structure = ndimage.generate_binary_structure(2, 2 if connectivity == 8 else 1)
            expected, count = ndimage.label(mask[image].numpy(), structure)
            ours = labels[image].numpy()
            assert counts[image] == count
            assert ours.max() == count
            pairs = np.unique(np.stack([ours.ravel(), expected.ravel()]), axis=1)
            assert pairs.shape[1] == len(np.unique(ours)) == len(np.unique(expected))
            _, first = np.unique(ours[ours > 0], return_index=True)
            assert (np.diff(first) > 0).all()  # raster order of the first pixels

    check(property_, examples)


@examples(200)
def test_squared_distance(examples):
    @given(st.sampled_from(KINDS), SIDES, SIDES, st.floats(0.9, 1.0), SEEDS)
    def property_(kind, height, width, density, seed):
        mask = masks(kind, 2, height, width, seed)
        mask[1] = random_mask((height, width), density, seed)
        distance = af.ops.squared_distance(mask).numpy()
        for image in range(2):
            exact = ndimage.distance_transform_edt(np.pad(mask[image].numpy(), 1))[1:-1, 1:-1] ** 2
            assert (distance[image] == np.rint(exact)).all()

    check(property_, examples)


RULES = st.builds(
    ClickRule,
    strategy=st.sampled_from(STRATEGIES),
    threshold=st.sampled_from([0.5, 0.49, 0.1, 0.9, 0.0, 1.0, -0.1]),
    connectivity=st.sampled_from([4, 8]),
    reading=st.sampled_from(READINGS),
    weights=st.tuples(*[st.floats(-2, 2)] * 3),
    rgu_eps=st.sampled_from([1e-6, 0.1, 1e-45, 3.0]),
    min_area=st.sampled_from([1, 2, 16, 500]),
    placement=st.sampled_from(PLACEMENTS),
)


@examples(200)
def test_select_click(examples):
    @given(st.sampled_from(KINDS), SIDES, SIDES, RULES, st.floats(0, 1), st.floats(0, 1), SEEDS)
    def property_(kind, height, width, rule, ignored, open_, seed):
        prob, target = scene(kind, 2, height, width, seed)
        target = with_ignored(target, ignored**3, seed)
        clicked = None if seed % 3 == 0 else random_mask(prob.shape, 1 - open_, seed)
        seeds = torch.tensor([seed, -seed])
        selection = af.ops.select_click(prob, target, clicked, seed=seeds, **vars(rule))
        expected = af.reference.select_click(prob, target, clicked, seeds, rule)
        for name, theirs in zip(vars(selection), expected, strict=True):
            assert torch.equal(getattr(selection, name), theirs), name
        for image in range(2):
            if not selection.valid[image]:
                continue
            y, x = int(selection.y[image]), int(selection.x[image])
            assert clicked is None or not clicked[image, y, x]
            assert bool(selection.positive[image]) == (int(target[image, y, x]) == 1)
            assert bool(prob[image, y, x] > rule.threshold) != (int(target[image, y, x]) == 1)

    check(property_, examples)


def by_scipy(mask, connectivity):
    """Labels, their number, and squared distances to the edge of a mask (H, W)."""
    labels, count = ndimage.label(mask, ndimage.generate_binary_structure(2, 2 if connectivity == 8 else 1))
    return labels, count, np.rint(ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] ** 2)


@examples(200)
def test_select_click_against_scipy(examples):
    """The region with the largest sum of error, and the field's rule, from labels and distances of scipy's."""

    @given(st.sampled_from(KINDS), SIDES, SIDES, st.sampled_from([4, 8]), SEEDS)
    def property_(kind, height, width, connectivity, seed):
        prob, target = scene(kind, 1, height, width, seed)
        p, g = prob[0].numpy().astype(np.float64), target[0].numpy()
        wrong = {True: g & (p <= 0.5), False: ~g & (p > 0.5)}
        parts = {positive: by_scipy(mask, connectivity) for positive, mask in wrong.items()}
        rule = {"connectivity": connectivity, "placement": "distance"}
        largest = af.ops.select_click(prob, target, strategy="largest", **rule)
        summed = af.ops.select_click(prob, target, reading="error_sum", **rule)
        assert bool(largest.valid) == bool(summed.valid) == bool(wrong[True].any() or wrong[False].any())
        if not largest.valid:
            return
        y, x, positive = int(largest.y), int(largest.x), bool(largest.positive)
        assert parts[positive][2][y, x] == max(distance.max() for _, _, distance in parts.values())

        sums = [ndimage.sum(abs(p - g), of, range(1, count + 1)) for of, count, _ in parts.values() if count]
        if not p.any() or np.ptp(np.concatenate(sums)) < 1e-4:  # scores decide nothing: the field's rule does
            return
        y, x, positive = int(summed.y), int(summed.x), bool(summed.positive)
        labels, _, distance = parts[positive]
        region = labels == labels[y, x]
        assert labels[y, x] > 0
        assert int(summed.area) == region.sum()
        assert (y, x) == np.unravel_index(np.where(region, distance, -1).argmax(), region.shape)
        assert abs(p - g)[region].sum() >= max(total.max() for total in sums) * (1 - 1e-6)

    check(property_, examples)
