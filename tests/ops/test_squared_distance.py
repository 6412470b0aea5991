import pytest
import torch
from error_scenes import KINDS, SIZES, masks, random_mask
from scipy import ndimage

import activefreq as af


def by_brute_force(mask):
    """Every pixel against every background pixel, those one pixel around the image included."""
    height, width = mask.shape
    wide = torch.nn.functional.pad(mask, (1, 1, 1, 1))
    zeros = (~wide).nonzero() - 1
    pixels = torch.cartesian_prod(torch.arange(height), torch.arange(width))
    squared = ((pixels[:, None] - zeros[None]) ** 2).sum(dim=2).min(dim=1).values
    return squared.view(height, width).to(torch.int32)


@pytest.mark.parametrize("kind", KINDS)
def test_equals_reference(kind, instruction_set):
    for seed, size in enumerate(SIZES):
        mask = masks(kind, 2, *size, seed)
        distance = af.ops.squared_distance(mask)
        assert distance.dtype == torch.int32
        assert torch.equal(distance, af.reference.squared_distance(mask)), size


@pytest.mark.parametrize("kind", KINDS)
def test_equals_brute_force(kind):
    for seed, size in enumerate(((1, 1), (1, 40), (37, 1), (19, 45))):
        mask = masks(kind, 1, *size, seed)
        assert torch.equal(af.ops.squared_distance(mask)[0], by_brute_force(mask[0])), size


def by_scipy(mask):
    padded = torch.nn.functional.pad(mask, (1, 1, 1, 1)).numpy()
    exact = torch.from_numpy(ndimage.distance_transform_edt(padded)[1:-1, 1:-1]) ** 2
    return exact.round().to(torch.int32)


@pytest.mark.parametrize("density", [0.5, 0.99, 0.9999, 1.0])
@pytest.mark.parametrize("size", [(150, 190), (300, 64)])
def test_equals_scipy(density, size, instruction_set):
    mask = random_mask((2, *size), density, 3)
    distance = af.ops.squared_distance(mask)
    for image in range(2):
        assert torch.equal(distance[image], by_scipy(mask[image]))


def test_far_pixels_in_runs_that_change_from_row_to_row(instruction_set):
    """A row begins with the run of a pixel that was far in the row before, whatever became of it since."""
    mask = random_mask((3, 420, 700), 0.9999, 5)
    mask[0, :, 130] = False  # a wall: far on both sides of it
    mask[0, 200:, 250::7] = False  # the far pixels of the rows above are near or gone
    mask[1, 100:300, 300:400] = False
    mask[1, 150:250, 340:360] = True
    mask[2, ::2, ::11] = False
    for image in (mask, mask[:, :, :333], mask.transpose(1, 2)):  # narrower ones after wider ones
        expected = torch.stack([by_scipy(one) for one in image])
        assert torch.equal(af.ops.squared_distance(image), expected)


def test_threads_do_not_change_a_bit(restore_threads, instruction_set):
    mask = torch.cat([masks(kind, 1, 170, 191, 6) for kind in KINDS])  # work for each thread, csrc/cpu/parallel.h
    expected = af.ops.squared_distance(mask)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        assert torch.equal(af.ops.squared_distance(mask), expected), threads


def test_any_layout_and_empty_input():
    mask = masks("dense", 2, 40, 90, 1)
    expected = af.ops.squared_distance(mask)
    transposed = af.ops.squared_distance(mask.transpose(1, 2))
    assert torch.equal(transposed.transpose(1, 2), expected)
    assert torch.equal(af.ops.squared_distance(mask.flip(2)).flip(2), expected)
    for shape in ((0, 4, 4), (2, 0, 4), (2, 4, 0)):
        assert af.ops.squared_distance(torch.zeros(shape, dtype=torch.bool)).shape == shape


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.zeros(4, dtype=torch.bool), r"squared_distance: mask must have shape \(B, H, W\), got \(4,\)"),
        (torch.zeros(1, 4, 5, dtype=torch.uint8), r"squared_distance: mask must be bool, got torch.uint8"),
    ],
)
def test_errors_teach(mask, message):
    with pytest.raises(ValueError, match=message):
        af.ops.squared_distance(mask)


def test_schema():
    torch.library.opcheck(torch.ops.activefreq.squared_distance.default, (masks("dense", 2, 9, 70, 2),))
