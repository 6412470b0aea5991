"""The filter over a cluster of blocks on the host: in need of each of its syncs, within a block and of all blocks."""

import pytest
from host_kernels import GROUPS, run

SYNCS = range(7)
"""Roots, first stage, exchange, rows, middle, exchange, columns."""


def test_with_all_syncs_nothing_differs(host_kernels):
    for group in GROUPS:
        assert not host_kernels("cluster_filter").differs(run(**group))


@pytest.mark.parametrize("skipped", SYNCS)
def test_a_missing_sync_is_noticed(host_kernels, skipped):
    """Of 7 ranks each would keep to lines of its own: a block has 14."""
    assert host_kernels("cluster_filter").differs(run(kind="fibers", ranks=5, skipped=skipped))


def test_no_race_among_threads(host_kernels):
    assert host_kernels("cluster_filter").races(ranks=3) == ""


@pytest.mark.parametrize("skipped", SYNCS)
def test_a_missing_sync_is_a_race(host_kernels, skipped):
    assert "data race" in host_kernels("cluster_filter").races(ranks=3, skipped=skipped)
