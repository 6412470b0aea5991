import pytest
import torch

from activefreq.editing import monotone, progressive_merge


def maps(*boxes, value=0.9):
    probability = torch.full((1, 12, 16), 0.2)
    for y0, x0, y1, x1 in boxes:
        probability[:, y0:y1, x0:x1] = value
    return probability


def clicks(*rows):
    return torch.tensor(rows).view(1, -1, 3)


GIVEN = maps((2, 2, 8, 8), value=0.8)


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.7])
def test_a_click_changes_area_in_its_own_direction_only(threshold):
    previous, answer = torch.rand(2, 4, 9, 7, generator=torch.Generator().manual_seed(0))
    newest = [[[0, 0, 0], [1, 1, 1]], [[0, 0, 1], [1, 1, 0]], [[0, 0, 1], [-1, -1, -1]], [[-1, -1, -1]] * 2]
    bounded = monotone(previous, answer, torch.tensor(newest))
    before, wanted, after = (p > threshold for p in (previous, answer, bounded))
    assert torch.equal(after[[0, 2]], (before | wanted)[[0, 2]])  # positive: all of both
    assert torch.equal(after[1], (before & wanted)[1])  # negative: only what both have
    assert torch.equal(bounded[3], answer[3])  # no click


def test_a_positive_click_adds_its_own_region_only():
    answer = maps((2, 5, 8, 12), (10, 14, 12, 16))  # grew to the right, lost its left half, and a new spot
    merged = progressive_merge(GIVEN, answer, clicks((0, 0, 0), (5, 10, 1)))
    assert torch.equal(merged > 0.5, maps((2, 2, 8, 12)) > 0.5)
    assert merged[0, 5, 10] == 0.9
    assert merged[0, 5, 3] == 0.8  # what was there keeps its probability


def test_a_negative_click_removes_its_own_region_only():
    answer = maps((2, 2, 8, 4), (2, 6, 5, 8), (10, 14, 12, 16))  # a middle strip and a corner went, a spot came
    merged = progressive_merge(GIVEN, answer, clicks((3, 5, 0)))
    assert torch.equal(merged > 0.5, maps((2, 2, 8, 4), (2, 6, 5, 8)) > 0.5)


@pytest.mark.parametrize(
    ("answer", "click"),
    [
        (maps((2, 2, 8, 8)), (10, 12, 1)),  # positive, refused: the answer has no object there
        (maps((2, 2, 8, 8)), (4, 4, 0)),  # negative, refused
        (maps((2, 9, 8, 14)), (4, 4, 1)),  # positive on the object, which the answer flipped the wrong way
        (maps((0, 0, 12, 16)), (10, 12, 0)),  # negative on the background, flipped the wrong way
        (maps(), (4, 4, 1)),
    ],
)
def test_the_mask_survives_a_click_that_flips_nothing(answer, click):
    """The field's form takes the component of unchanged background there and loses the whole mask."""
    assert torch.equal(progressive_merge(GIVEN, answer, clicks(click)), GIVEN)


def test_a_refused_click_may_set_a_disk():
    merged = progressive_merge(GIVEN, GIVEN, clicks((10, 12, 1)), radius=1.0)
    disk = (merged > 0.5) ^ (GIVEN > 0.5)
    assert sorted(disk[0].nonzero().tolist()) == [[9, 12], [10, 11], [10, 12], [10, 13], [11, 12]]
    assert torch.equal(progressive_merge(GIVEN, GIVEN, clicks((4, 4, 1)), radius=1.0), GIVEN)  # it was right already
    removed = progressive_merge(GIVEN, GIVEN, clicks((2, 2, 0)), radius=1.0)
    assert sorted(((removed > 0.5) ^ (GIVEN > 0.5))[0].nonzero().tolist()) == [[2, 2], [2, 3], [3, 2]]


def test_without_a_mask_or_a_click_the_answer_is_taken():
    answer = maps((2, 2, 4, 4), (8, 8, 9, 9))
    assert torch.equal(progressive_merge(torch.zeros(1, 12, 16), answer, clicks((2, 2, 1))), answer)
    assert torch.equal(progressive_merge(GIVEN, answer, clicks((-1, -1, -1))), answer)
