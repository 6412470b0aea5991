import numpy as np
import pytest

from activefreq.evaluation.metrics import clicks_to_reach, failures, mean_iou, number_of_clicks, percent

NAN = np.nan
IOUS = np.array(
    [
        [0.50, 0.90, NAN, NAN],  # reaches .9 at click 2
        [0.10, 0.85, 0.70, 0.90],  # at the last click
        [0.00, 0.20, 0.30, 0.40],  # never
        [0.95, NAN, NAN, NAN],  # at once
    ]
)


def test_number_of_clicks():
    assert clicks_to_reach(IOUS, 0.9).tolist() == [2, 4, 0, 1]
    assert number_of_clicks(IOUS, 0.9) == (2 + 4 + 4 + 1) / 4
    assert number_of_clicks(IOUS, 0.85) == (2 + 2 + 4 + 1) / 4  # the first time counts, also when IoU falls again


def test_failures_with_and_without_the_last_click():
    assert failures(IOUS, 0.9) == 1
    assert failures(IOUS, 0.9, at_last_click=True) == 2
    assert failures(IOUS, 0.85, at_last_click=True) == 1


def test_mean_iou_keeps_the_last_value():
    expected = [
        (0.50 + 0.10 + 0.00 + 0.95) / 4,
        (0.90 + 0.85 + 0.20 + 0.95) / 4,
        (0.90 + 0.70 + 0.30 + 0.95) / 4,
        (0.90 + 0.90 + 0.40 + 0.95) / 4,
    ]
    np.testing.assert_allclose(mean_iou(IOUS), expected, rtol=1e-15)
    assert np.isnan(IOUS).sum() == 5  # the argument stays as it was


def test_a_threshold_is_reached_when_it_is_met_exactly():
    for numerator, denominator in [(4, 5), (17, 20), (9, 10)]:
        assert clicks_to_reach(np.array([[numerator / denominator]]), numerator / denominator).tolist() == [1]


@pytest.mark.parametrize(
    ("threshold", "key"), [(0.8, 80), (0.85, 85), (0.9, 90), (0.875, 87.5), (1.0, 100), (0.29, 29)]
)
def test_percent(threshold, key):
    assert percent(threshold) == key
    assert type(percent(threshold)) is type(key)
