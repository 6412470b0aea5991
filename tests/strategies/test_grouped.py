import pytest
import torch

import activefreq as af
from activefreq.strategies import Grouped

FIELDS = ("y", "x", "positive", "valid", "area", "score")


def three_regions(gap=4, size=(40, 60)):
    """A false negative of 36 pixels on the left; two of 25 on the right, `gap` columns apart; nothing is predicted."""
    target = torch.zeros(1, *size, dtype=torch.int8)
    target[0, 5:11, 3:9] = 1
    target[0, 20:25, 30:35] = target[0, 20:25, 35 + gap : 40 + gap] = 1
    return torch.full((1, *size), 0.1), target


@pytest.mark.parametrize(("gap", "together"), [(4, True), (12, False)])
def test_two_regions_outweigh_a_larger_one_where_they_are_near(gap, together):
    prob, target = three_regions(gap)
    assert int(af.ops.select_click(prob, target).area) == 36
    selection = Grouped(reach=5 / (40 * 60) ** 0.5)(prob, target)
    assert int(selection.area) == (25 if together else 36)
    assert (int(selection.y), int(selection.x)) == ((22, 32) if together else (7, 5))
    assert bool(selection.positive)


@pytest.mark.parametrize("gap", [3, 4, 5])
def test_reach_is_the_largest_gap(gap):
    prob, target = three_regions(gap)
    grouped = Grouped(reach=(4 + 1e-6) / (40 * 60) ** 0.5)
    assert int(grouped(prob, target).area) == (25 if gap <= 4 else 36)


def test_signs_are_not_mixed():
    prob, target = three_regions()
    prob[0, 20:25, 39:44] = 0.9
    target[0, 20:25, 39:44] = 0  # the right one is a false positive now
    assert int(Grouped(reach=0.2)(prob, target).area) == 36


def test_reach_zero_is_acselect():
    generator = torch.Generator().manual_seed(0)
    prob = torch.rand(4, 31, 45, generator=generator)
    target = torch.randint(-1, 2, (4, 31, 45), generator=generator).to(torch.int8)
    clicked = torch.rand(4, 31, 45, generator=generator) < 0.3
    for arguments in ((prob, target, None), (prob, target, clicked)):
        ours, plain = Grouped(reach=0)(*arguments), af.ops.select_click(*arguments)
        for field in FIELDS:
            assert torch.equal(getattr(ours, field), getattr(plain, field)), field


def test_the_border_of_the_image_joins_nothing():
    target = torch.zeros(1, 30, 30, dtype=torch.int8)
    target[0, 0:4, 0:4] = target[0, 26:30, 26:30] = 1  # both at the border, far apart
    target[0, 12:17, 12:17] = 1
    selection = Grouped(reach=0.2)(torch.full((1, 30, 30), 0.1), target)
    assert int(selection.area) == 25


def test_a_clicked_group_is_passed_over():
    prob, target = three_regions()
    clicked = (target == 1) & (torch.arange(60) >= 20)
    assert int(Grouped(reach=0.2)(prob, target, clicked).area) == 36
    everything = torch.ones_like(clicked)
    assert not bool(Grouped(reach=0.2)(prob, target, everything).valid)
    assert not bool(Grouped()(prob, torch.zeros_like(target)).valid)


def test_images_of_a_batch_do_not_meet():
    scenes = [three_regions(gap) for gap in (2, 4, 12)]
    prob, target = (torch.cat(parts) for parts in zip(*scenes, strict=True))
    grouped = Grouped(reach=0.12)
    together = grouped(prob, target)
    for image, scene in enumerate(scenes):
        alone = grouped(*scene)
        for field in FIELDS:
            assert getattr(together, field)[image] == getattr(alone, field)[0]
    assert grouped(prob[:0], target[:0]).y.shape == (0,)


def test_errors_teach():
    with pytest.raises(ValueError, match=r"grouped: reach must lie in \[0, 1\], got 2"):
        Grouped(reach=2)
    with pytest.raises(ValueError, match=r"placement must be one of"):
        af.acselect.make_strategy("grouped", placement="centre")
    with pytest.raises(TypeError, match=r"unknown option reading; there are placement, reach, threshold"):
        af.acselect.make_strategy("grouped", reading="literal")
