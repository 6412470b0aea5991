import pytest
import torch

from activefreq.clicks import Click, ClickHistory, pad_clicks


def test_history_keeps_order_and_marks_pixels():
    history = ClickHistory((3, 4))
    assert history.add(2, 1, 1) == Click(2, 1, 1)
    history.add(0, 3, 0)
    assert list(history) == [(2, 1, 1), (0, 3, 0)]
    expected = torch.zeros(3, 4, dtype=torch.bool)
    expected[2, 1] = expected[0, 3] = True
    assert torch.equal(history.mask(), expected)


def test_undo_takes_back_the_newest():
    history = ClickHistory((3, 4), [Click(1, 1, 1), Click(2, 2, 0)])
    assert history.undo() == (2, 2, 0)
    assert len(history) == 1
    assert not history.mask()[2, 2]
    history.undo()
    with pytest.raises(IndexError, match="no click to take back"):
        history.undo()


@pytest.mark.parametrize(("y", "x"), [(-1, 0), (0, -1), (3, 0), (0, 4)])
def test_a_click_outside_is_refused(y, x):
    with pytest.raises(ValueError, match=r"click \(-?\d, -?\d\) lies outside the image of size \(3, 4\)"):
        ClickHistory((3, 4)).add(y, x, 1)


def test_a_label_other_than_0_and_1_is_refused():
    with pytest.raises(ValueError, match=r"label must be 1 \(positive\) or 0 \(negative\), got -1"):
        ClickHistory((3, 4), [Click(0, 0, -1)])


def test_padding():
    short, long = ClickHistory((9, 9), [Click(1, 2, 1)]), [Click(3, 4, 0), Click(5, 6, 1)]
    padded = pad_clicks([short, long, []])
    assert padded.dtype == torch.int64
    assert padded.tolist() == [
        [[1, 2, 1], [-1, -1, -1]],
        [[3, 4, 0], [5, 6, 1]],
        [[-1, -1, -1], [-1, -1, -1]],
    ]
    assert pad_clicks([]).shape == (0, 0, 3)
    assert pad_clicks([ClickHistory((2, 2))] * 2).shape == (2, 0, 3)


def test_clicks_stay_on_the_cpu_whatever_the_default_device():
    history = ClickHistory((4, 5), [Click(1, 2, 1)])
    with torch.device("meta"):
        clicked, padded = history.mask(), pad_clicks([history])
    assert clicked.nonzero().tolist() == [[1, 2]]
    assert padded.tolist() == [[[1, 2, 1]]]
