import math

import pytest
import torch

from activefreq.training.augmentation import _recoloured, augment
from activefreq.training.chance import Chance


def chance(seed, batch):
    return Chance(torch.Generator().manual_seed(seed), batch)


def test_image_and_mask_move_together():
    """Where the image is the mask, both must still agree after the transform, but for brightness and edges."""
    mask = torch.zeros(8, 64, 64, dtype=torch.int8)
    mask[:, 10:30, 20:50] = 1
    images = mask.unsqueeze(1).repeat(1, 3, 1, 1).float()
    moved, moved_masks = augment(images, mask, chance(0, 8), brightness=0.0)
    assert moved.shape == images.shape
    assert moved_masks.shape == mask.shape
    sharp = (moved[:, 0] < 0.1) | (moved[:, 0] > 0.9)
    assert torch.equal((moved[:, 0] > 0.5)[sharp], (moved_masks == 1)[sharp])
    assert not torch.equal(moved_masks, mask)
    assert len({m.sum().item() for m in moved_masks}) > 4  # scales differ


def test_range_ignore_and_repeatability():
    images, masks = torch.rand(4, 3, 32, 32), torch.randint(-1, 2, (4, 32, 32), dtype=torch.int8)
    moved, moved_masks = augment(images, masks, chance(3, 4))
    again, _ = augment(images, masks, chance(3, 4))
    assert torch.equal(moved, again)
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert set(moved_masks.unique().tolist()) == {-1, 0, 1}


def test_zoom_frames_the_object():
    """A small object fills 1 / 2 to 1 / 1.1 of its window's side, up to the rotation of its box; empty masks pass."""
    mask = torch.zeros(16, 96, 96, dtype=torch.int8)
    mask[:-1, 60:84, 8:24] = 1
    images = torch.rand(16, 3, 96, 96)
    _, moved = augment(images, mask, chance(0, len(mask)), zoom=1.0, rotation=0.0)
    found = moved[:-1] == 1
    heights = found.any(dim=2).sum(dim=1)
    assert (heights >= 0.4 * 96).all()
    assert (heights <= 0.95 * 96).all()
    assert (moved[-1] == 0).all()


class Drawn:
    """Chance whose draws are given: of saturation, of hue, of the channels' gains."""

    def __init__(self, *draws):
        self.draws = iter(draws)

    def uniform(self, low, high, *shape):
        return torch.tensor(next(self.draws)).view(1, *shape)


ONE = [[1.0], [1.0], [1.0]]


@pytest.mark.parametrize(
    ("saturation", "hue", "gain", "expected"),
    [
        (1.0, 0.0, ONE, lambda x: x),
        (1.0, 2 * math.pi / 3, ONE, lambda x: x.roll(1, dims=1)),  # a third of a turn takes red to green to blue
        (0.0, 0.3, ONE, lambda x: x.mean(1, keepdim=True).expand_as(x)),
        (0.5, 0.0, ONE, lambda x: (x + x.mean(1, keepdim=True)) / 2),
        (1.0, 0.0, [[0.5], [1.0], [2.0]], lambda x: x * torch.tensor([0.5, 1, 2]).view(1, 3, 1, 1)),
    ],
)
def test_colours(saturation, hue, gain, expected):
    images = torch.rand(1, 3, 5, 7)
    moved = _recoloured(images, Drawn([[saturation]], [[hue]], gain), 1.0)
    torch.testing.assert_close(moved, expected(images), atol=1e-6, rtol=0)


def test_colour_changes_images_and_not_masks():
    images, masks = torch.rand(4, 3, 32, 32), torch.randint(-1, 2, (4, 32, 32), dtype=torch.int8)
    plain, plain_masks = augment(images, masks, chance(3, 4))
    moved, moved_masks = augment(images, masks, chance(3, 4), colour=0.4)
    assert torch.equal(moved_masks, plain_masks)
    assert not torch.equal(moved, plain)
    assert moved.min() >= 0
    assert moved.max() <= 1
