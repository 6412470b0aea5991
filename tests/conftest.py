import pytest
import torch

from activefreq import _cpu
from activefreq.ops import backends

# Small tensors run fastest on one thread; tests of threading set their own number.
torch.set_num_threads(1)


def pytest_addoption(parser):
    parser.addoption("--require-cuda", action="store_true", help="fail, instead of skip, where CUDA cannot be used")


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


@pytest.fixture
def cuda(request):
    """The CUDA device. Skips with the reason where there is none; with --require-cuda that is a failure."""
    reason = backends()["cuda"]
    if reason == "ready" and torch.cuda.is_available():
        return torch.device("cuda")
    message = f"no CUDA: {reason if reason != 'ready' else 'this torch has none'}"
    if request.config.getoption("--require-cuda"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def tiny_system(monkeypatch):
    """Make the network and the task of `tiny_system.py` known under the name "tiny"."""
    from activefreq.models.catalogue import NETWORKS
    from activefreq.tasks import TASKS

    monkeypatch.setitem(NETWORKS, "tiny", "tiny_system:Tiny")
    monkeypatch.setitem(TASKS, "tiny", "tiny_system:SquaresTask")
