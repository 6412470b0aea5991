"""The kernel bodies of squared_distance on the host: equal to the operator, and in need of their syncs."""

import pytest
import torch
from error_scenes import KINDS, masks, random_mask
from host_kernels import GROUPS, run

import activefreq as af

SIZES = ((1, 1), (1, 77), (70, 1), (2, 2), (7, 33), (33, 65), (40, 130))


def on_host(kernels, mask, how):
    squared = torch.full(mask.shape, -1, dtype=torch.int32)
    kernels("squared_distance", mask, squared, *mask.shape, how)
    return squared


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_equals_cpu(host_kernels, kind, group):
    kernels = host_kernels("squared_distance")
    for seed, size in enumerate(SIZES):
        mask = masks(kind, 2, *size, seed)
        assert torch.equal(on_host(kernels, mask, run(**group, seed=seed)), af.ops.squared_distance(mask)), size


@pytest.mark.parametrize("density", [0.5, 0.99, 0.9999, 1.0])
def test_equals_cpu_where_distances_are_long(host_kernels, density):
    mask = random_mask((1, 230, 333), density, 3)
    assert torch.equal(on_host(host_kernels("squared_distance"), mask, run()), af.ops.squared_distance(mask))


def test_no_race_among_threads(host_kernels):
    assert host_kernels("squared_distance").races(ranks=3) == ""


def test_a_missing_sync_is_noticed(host_kernels):
    kernels = host_kernels("squared_distance")
    for group in ({"kind": "fibers", "ranks": 7}, {"kind": "warps", "ranks": 64}):
        assert not kernels.differs(run(**group))
        for skipped in (0, 1):
            assert any(kernels.differs(run(**group, skipped=skipped, seed=seed)) for seed in range(8))
    assert "data race" in kernels.races(ranks=3, skipped=0)
    assert "data race" in kernels.races(ranks=3, skipped=1)
