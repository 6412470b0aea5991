import pytest
import torch
from error_scenes import KINDS, SIZES, masks
from scipy import ndimage

import activefreq as af


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("connectivity", [4, 8])
def test_equals_reference(kind, connectivity, instruction_set):
    for seed, size in enumerate(SIZES):
        mask = masks(kind, 2, *size, seed)
        labels, counts = af.ops.label(mask, connectivity)
        expected = af.reference.label(mask, connectivity)
        assert labels.dtype == counts.dtype == torch.int32
        assert torch.equal(labels, expected[0]), size
        assert torch.equal(counts, expected[1]), size


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("connectivity", [4, 8])
def test_same_partition_as_scipy(kind, connectivity):
    mask = masks(kind, 3, 61, 67, 5)
    structure = ndimage.generate_binary_structure(2, 2 if connectivity == 8 else 1)
    labels, counts = af.ops.label(mask, connectivity)
    for image in range(3):
        expected, count = ndimage.label(mask[image].numpy(), structure)
        assert int(counts[image]) == count
        pairs = set(zip(labels[image].flatten().tolist(), expected.flatten().tolist(), strict=True))
        assert len(pairs) == count + bool((~mask[image]).any())
        numbers = labels[image][mask[image]].unique(sorted=False)
        first = [int((labels[image].flatten() == n).int().argmax()) for n in range(1, count + 1)]
        assert len(numbers) == count
        assert first == sorted(first)


@pytest.mark.parametrize("connectivity", [4, 8])
def test_threads_do_not_change_a_bit(connectivity, restore_threads, instruction_set):
    mask = torch.cat([masks(kind, 1, 170, 191, 6) for kind in KINDS])  # work for each thread, csrc/cpu/parallel.h
    expected = af.ops.label(mask, connectivity)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        for ours, theirs in zip(af.ops.label(mask, connectivity), expected, strict=True):
            assert torch.equal(ours, theirs), threads


def test_by_hand():
    mask = torch.tensor([[[0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 1, 0]], [[0] * 4] * 3], dtype=torch.bool)
    labels, counts = af.ops.label(mask, 4)
    assert labels[0].tolist() == [[0, 1, 0, 2], [3, 0, 0, 2], [0, 0, 4, 0]]
    assert counts.tolist() == [4, 0]
    labels, counts = af.ops.label(mask)
    assert labels[0].tolist() == [[0, 1, 0, 2], [1, 0, 0, 2], [0, 0, 2, 0]]
    assert counts.tolist() == [2, 0]


def test_any_layout_and_empty_input():
    mask = masks("noise", 2, 40, 90, 1)
    expected = af.ops.label(mask)[0]
    assert torch.equal(af.ops.label(mask.transpose(1, 2).contiguous().transpose(1, 2))[0], expected)
    wide = mask.repeat_interleave(2, dim=2)
    assert torch.equal(af.ops.label(wide[:, :, ::2])[0], expected)
    for shape in ((0, 4, 4), (2, 0, 4), (2, 4, 0)):
        labels, counts = af.ops.label(torch.zeros(shape, dtype=torch.bool))
        assert labels.shape == shape
        assert counts.tolist() == [0] * shape[0]


@pytest.mark.parametrize(
    ("mask", "connectivity", "message"),
    [
        (torch.zeros(4, 5, dtype=torch.bool), 8, r"label: mask must have shape \(B, H, W\), got \(4, 5\)"),
        (torch.zeros(1, 4, 5), 8, r"label: mask must be bool, got torch.float32"),
        (torch.zeros(1, 4, 5, dtype=torch.bool), 6, r"label: connectivity must be 4 or 8, got 6"),
        (
            torch.zeros(1, 1, 1, dtype=torch.bool).expand(1, 1, 40000),
            8,
            r"label: mask images may have at most 32767 rows and columns, got 1 × 40000",
        ),
    ],
)
def test_errors_teach(mask, connectivity, message):
    with pytest.raises(ValueError, match=message):
        af.ops.label(mask, connectivity)


def test_schema():
    torch.library.opcheck(torch.ops.activefreq.label.default, (masks("noise", 2, 9, 70, 2), 4))
