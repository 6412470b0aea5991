"""The kernel bodies of label on the host: equal to the operator, and in need of their syncs."""

import pytest
import torch
from error_scenes import KINDS, masks, random_mask
from host_kernels import GROUPS, run

import activefreq as af

SIZES = ((1, 1), (1, 77), (70, 1), (2, 2), (7, 33), (33, 65), (40, 130))


def on_host(kernels, mask, connectivity, how):
    labels = torch.full(mask.shape, -1, dtype=torch.int32)
    counts = torch.full((mask.shape[0],), -1, dtype=torch.int32)
    kernels("label", mask, labels, counts, *mask.shape, connectivity, how)
    return labels, counts


def assert_equals_cpu(kernels, mask, connectivity, how):
    labels, counts = on_host(kernels, mask, connectivity, how)
    expected = af.ops.label(mask, connectivity)
    assert torch.equal(counts, expected[1])
    assert torch.equal(labels, expected[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_equals_cpu(host_kernels, kind, group):
    kernels = host_kernels("label")
    for seed, size in enumerate(SIZES):
        mask = masks(kind, 2, *size, seed)
        assert_equals_cpu(kernels, mask, 8 if (seed + KINDS.index(kind)) % 2 else 4, run(**group, seed=seed))


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("density", [0.4, 0.593, 0.9])
def test_equals_cpu_on_larger_images(host_kernels, density, connectivity):
    kernels = host_kernels("label")
    assert_equals_cpu(kernels, random_mask((1, 230, 333), density, 3), connectivity, run())
    mask = random_mask((1, 97, 140), density, 4)
    assert_equals_cpu(kernels, mask, connectivity, run("warps", 256, seed=1))


def test_no_race_among_threads(host_kernels):
    assert host_kernels("label").races(ranks=3) == ""


@pytest.mark.parametrize("skipped", range(4))
def test_a_missing_sync_is_noticed(host_kernels, skipped):
    kernels = host_kernels("label")
    for group in ({"kind": "fibers", "ranks": 5}, {"kind": "warps", "ranks": 64}):
        assert not kernels.differs(run(**group))
        assert kernels.differs(run(**group, skipped=skipped))
    assert "exit status" in kernels.races(ranks=3, skipped=skipped)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_everything_points_at_its_root_whatever_comes_between(host_kernels, group):
    """A pass that shortened other ranks' chains would write over what they have just settled."""
    kernels = host_kernels("label")
    for seed in range(20):
        assert kernels("loose_ends", run(**group, seed=seed)) == 0
