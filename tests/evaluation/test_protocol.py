"""The batched evaluator against the field's loop, written out one image at a time."""

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage
from toy_objects import ToyDataset

import activefreq as af
from activefreq.acselect import STRATEGIES
from activefreq.evaluation.nearest_click import NearestClick


def squared_distance(mask):
    """Exact squared distance to the nearest pixel outside the mask; the image's border counts as outside."""
    padded = np.pad(mask, 1)
    nearest = ndimage.distance_transform_edt(padded, return_distances=False, return_indices=True)
    away = nearest - np.indices(padded.shape)
    return (away.astype(np.int64) ** 2).sum(axis=0)[1:-1, 1:-1]


def next_click(prediction, mask, clicked):
    """The field's rule on exact distances: (y, x, label) and the squared distance there."""
    truth, valid = mask == 1, mask != -1
    missed = squared_distance(truth & ~prediction & valid) * ~clicked
    wrong = squared_distance(~truth & prediction & valid) * ~clicked
    positive = missed.max() > wrong.max()
    distance = missed if positive else wrong
    y, x = np.unravel_index(distance.argmax(), distance.shape)
    return (int(y), int(x), int(positive)), int(distance.max())


def next_click_cv2(prediction, mask, clicked):
    """The same with cv2's float32 transform, as the field's code bases have it."""
    truth, valid = mask == 1, mask != -1
    errors = [truth & ~prediction & valid, ~truth & prediction & valid]
    missed, wrong = (
        cv2.distanceTransform(np.pad(error, 1).astype(np.uint8), cv2.DIST_L2, 0)[1:-1, 1:-1] * ~clicked
        for error in errors
    )
    positive = missed.max() > wrong.max()
    distance = missed if positive else wrong
    y, x = np.unravel_index(distance.argmax(), distance.shape)
    return int(y), int(x), int(positive)


def field_loop(predictor, sample, max_clicks, target):
    """Clicks and IoUs of one object, one click and one image at a time."""
    mask = sample.mask
    image = torch.from_numpy(sample.image).permute(2, 0, 1)[None].float() / 255
    probability = torch.zeros(1, *mask.shape)
    clicked = np.zeros(mask.shape, bool)
    clicks, ious = [], []
    while len(clicks) < max_clicks:
        prediction = probability[0].numpy() > np.float32(0.5)
        click, distance = next_click(prediction, mask, clicked)
        if distance == 0:
            break
        y, x, label = next_click_cv2(prediction, mask, clicked)
        error = (mask != -1) & ((mask == 1) & ~prediction if label else (mask != 1) & prediction)
        assert squared_distance(error)[y, x] == distance  # cv2 may break a tie otherwise, never choose a nearer pixel
        clicks.append(click)
        clicked[click[:2]] = True
        probability = predictor.predict(image, torch.tensor([clicks]), probability)
        prediction = probability[0].numpy() > np.float32(0.5)
        valid = mask != -1
        both = ((mask == 1) & prediction & valid).sum()
        either = (((mask == 1) | prediction) & valid).sum()
        ious.append(both / either)
        if ious[-1] >= target:
            break
    return clicks, ious


@pytest.mark.parametrize("full_curve", [False, True])
def test_largest_is_the_loop_of_the_field(full_curve):
    dataset = ToyDataset(24)
    found = af.evaluate(NearestClick(), dataset, "largest", max_clicks=9, batch_size=5, full_curve=full_curve)
    target = 2.0 if full_curve else 0.90
    expected = [field_loop(NearestClick(), sample, 9, target) for sample in dataset.samples]
    assert found.clicks == [clicks for clicks, _ in expected]
    assert [result.ious for result in found.results] == [ious for _, ious in expected]
    assert found.names == [sample.name for sample in dataset.samples]
    # The toy must be neither hopeless nor perfect, or little was compared.
    assert 0 < found.nof[90] < len(dataset)
    assert any(label == 0 for clicks in found.clicks for _, _, label in clicks)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_batch_size_changes_nothing(strategy):
    first, *others = (
        af.evaluate(NearestClick(), ToyDataset(20), strategy, max_clicks=6, batch_size=size) for size in (1, 7, 32)
    )
    for other in others:
        assert other.clicks == first.clicks
        assert other.stop_reasons == first.stop_reasons
        np.testing.assert_array_equal(other.ious, first.ious)
        assert (other.noc, other.nof, other.nof_field) == (first.noc, first.nof, first.nof_field)


def test_threads_change_nothing(restore_threads):
    torch.set_num_threads(1)
    one = af.evaluate(NearestClick(), ToyDataset(8), max_clicks=5)
    torch.set_num_threads(2)
    assert af.evaluate(NearestClick(), ToyDataset(8), max_clicks=5).clicks == one.clicks


def test_a_click_depends_on_the_object_not_on_its_neighbours():
    dataset = ToyDataset(12)
    together = af.evaluate(NearestClick(), dataset, "random", max_clicks=6)
    dataset.samples = dataset.samples[7:9]
    assert af.evaluate(NearestClick(), dataset, "random", max_clicks=6).clicks == together.clicks[7:9]


def test_the_seed_moves_random_clicks_but_not_the_first():
    one, two = (af.evaluate(NearestClick(), ToyDataset(12), "random", max_clicks=6, seed=seed) for seed in (0, 1))
    largest = af.evaluate(NearestClick(), ToyDataset(12), "largest", max_clicks=6)
    assert one.clicks != two.clicks
    first = [clicks[0] for clicks in largest.clicks]
    assert [clicks[0] for clicks in one.clicks] == [clicks[0] for clicks in two.clicks] == first
