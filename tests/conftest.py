import pytest
import torch

from activefreq import _cpu


@pytest.fixture(params=_cpu.instruction_sets())
def instruction_set(request):
    """Run the test once per instruction set that this processor has."""
    chosen = _cpu.instruction_set()
    _cpu.select_instruction_set(request.param)
    yield request.param
    _cpu.select_instruction_set(chosen)


@pytest.fixture
def restore_threads():
    """Put torch's thread count back after a test that changes it."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
