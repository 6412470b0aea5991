import math
import sys

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import cdist

from activefreq.evaluation.overlap import MEASURES, overlap
from activefreq.tasks import Answer


def answer(prediction, target, spacing=None):
    prediction, target = (torch.as_tensor(np.array(masks), dtype=torch.bool) for masks in (prediction, target))
    return Answer("a", prediction, target, spacing or (1.0,) * (prediction.dim() - 1))


def blobs(shape, seed):
    """Two masks that overlap: the halves above the mean of smooth noise and of the same noise, disturbed."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, *(max(2, n // 4) for n in shape), generator=generator)
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    smooth = torch.nn.functional.interpolate(coarse, size=shape, mode=mode)[0, 0]
    disturbed = smooth + 0.2 * torch.rand(shape, generator=generator)
    return (smooth > smooth.mean()).numpy(), (disturbed > disturbed.mean()).numpy()


def by_definition(prediction, target, spacing, band):
    """The docstring's formulas, by the distances of all pairs of points."""
    both, either = (prediction & target).sum(), (prediction | target).sum()
    outlines = [np.argwhere(mask & ~binary_erosion(mask)) for mask in (prediction, target)]
    distances = cdist(*(points * np.array(spacing) for points in outlines))
    there, back = distances.min(1), distances.min(0)
    grid = np.argwhere(np.ones_like(target))
    near = [cdist(grid, points).min(1) <= band for points in outlines]
    return {
        "dice": 2 * both / (prediction.sum() + target.sum()),
        "iou": both / either,
        "hausdorff": max(there.max(), back.max()),
        "hausdorff95": max(np.percentile(there, 95), np.percentile(back, 95)),
        "boundary_dice": 2 * (near[0] & near[1]).sum() / (near[0].sum() + near[1].sum()),
    }


@pytest.mark.parametrize(
    ("shape", "spacing", "band"), [((20, 26), (1.0, 1.0), 2.0), ((20, 26), (0.5, 2.0), 1.0), ((8, 9, 10), (1, 2, 3), 2)]
)
def test_equal_the_definitions(shape, spacing, band):
    first, second = blobs(shape, 1), blobs(shape, 2)
    measured = overlap(answer([first[0], second[0]], [first[1], second[1]], spacing), band=band)
    for number, masks in enumerate((first, second)):
        expected = by_definition(*masks, spacing, band)
        for name in MEASURES:
            assert measured[name].dtype == torch.float64
            assert measured[name][number].item() == pytest.approx(expected[name], rel=1e-5), name


def test_empty_masks():
    """The table of the module: empty and empty, missed, invented; beside a class that is there."""
    some, none = np.zeros((11, 21), bool), np.zeros((11, 21), bool)
    some[3:6, 4:8] = True
    measured = overlap(answer([none, none, some, some], [none, some, none, some], (2.0, 1.0)))
    diagonal = math.hypot(20, 20)
    for name in ("dice", "iou", "boundary_dice"):
        assert measured[name].tolist() == [1, 0, 0, 1]
    for name in ("hausdorff", "hausdorff95"):
        assert measured[name].tolist() == pytest.approx([0, diagonal, diagonal, 0])


def test_only_what_is_asked_for():
    mask = np.ones((1, 4, 4), bool)
    assert list(overlap(answer(mask, mask), ("iou", "dice"))) == ["iou", "dice"]
    with pytest.raises(ValueError, match=r"overlap: measures must be some of dice, iou, .* got 'accuracy'"):
        overlap(answer(mask, mask), ("accuracy",))


def test_without_monai_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "monai.metrics", None)
    mask = np.ones((1, 4, 4), bool)
    with pytest.raises(ImportError, match=r"pip install 'activefreq\[medical\]'"):
        overlap(answer(mask, mask))
