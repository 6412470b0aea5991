import pytest
import torch

import activefreq as af


def random_clicks(generator, batch, count, size, fractional):
    height, width = size
    y = torch.rand(batch, count, generator=generator) * (height + 8) - 4  # some centres lie outside
    x = torch.rand(batch, count, generator=generator) * (width + 8) - 4
    if not fractional:
        y, x = y.round(), x.round()
    label = torch.randint(-1, 2, (batch, count), generator=generator).float()
    return torch.stack([y, x, label], dim=-1)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 5), (33, 64)])
@pytest.mark.parametrize("radius", [0.0, 1.0, 2.5, 5.0, 100.0])
@pytest.mark.parametrize("fractional", [False, True])
def test_equals_reference(size, radius, fractional, instruction_set):
    clicks = random_clicks(torch.Generator().manual_seed(3), 4, 6, size, fractional)
    maps = af.ops.click_maps(clicks, size, radius)
    assert maps.shape == (4, 2, *size)
    torch.testing.assert_close(maps, af.reference.click_maps(clicks, size, radius), rtol=0, atol=0)


def test_threads_do_not_change_a_bit(restore_threads, instruction_set):
    size = (170, 191)  # work for each thread, csrc/cpu/parallel.h
    clicks = random_clicks(torch.Generator().manual_seed(4), 13, 20, size, fractional=True)
    expected = af.ops.click_maps(clicks, size)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        assert torch.equal(af.ops.click_maps(clicks, size), expected), threads


def test_one_disk_by_hand():
    clicks = torch.tensor([[[1, 2, 1], [0, 0, -1]], [[0, 0, 0], [2, 4, 1]]])
    maps = af.ops.click_maps(clicks, (3, 5), 1.0).to(torch.int)
    plus = [[0, 0, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0]]
    corner = [[1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    far = [[0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 1, 1]]
    nothing = [[0] * 5] * 3
    assert maps.tolist() == [[plus, nothing], [far, corner]]


def test_empty_and_hostile_input():
    assert af.ops.click_maps(torch.zeros(2, 0, 3), (4, 4)).sum() == 0
    assert af.ops.click_maps(torch.zeros(0, 3, 3), (4, 4)).shape == (0, 2, 4, 4)
    nowhere = torch.tensor([[[float("nan"), 1.0, 1.0], [float("inf"), 1.0, 0.0], [1e30, -1e30, 1.0]]])
    assert af.ops.click_maps(nowhere, (4, 4)).sum() == 0


@pytest.mark.parametrize(
    ("clicks", "size", "radius", "message"),
    [
        (torch.zeros(4, 3), (4, 4), 5.0, r"click_maps: clicks must have shape \(B, K, 3\), got \(4, 3\)"),
        (torch.zeros(1, 4, 2), (4, 4), 5.0, r"click_maps: clicks must have shape \(B, K, 3\), got \(1, 4, 2\)"),
        (torch.zeros(1, 4, 3), (-1, 4), 5.0, r"click_maps: size must not be negative, got \(-1, 4\)"),
        (torch.zeros(1, 4, 3), (4, 4), -1.0, r"click_maps: radius must be finite and >= 0, got -1.0"),
        (torch.zeros(1, 4, 3), (4, 4), float("nan"), r"click_maps: radius must be finite and >= 0, got nan"),
    ],
)
def test_errors_teach(clicks, size, radius, message):
    with pytest.raises(ValueError, match=message):
        af.ops.click_maps(clicks, size, radius)


def test_schema():
    torch.library.opcheck(torch.ops.activefreq.click_maps.default, (torch.zeros(2, 3, 3), 8, 9, 2.0))
