import functools

import pytest
from host_kernels import HostKernels

_compiled = functools.cache(HostKernels)


@pytest.fixture
def host_kernels():
    """`host_kernels("label")`: the kernel bodies of an operator on the host, compiled once."""
    return _compiled
