import torch

from activefreq.training.augmentation import augment
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
