import pytest
import torch

from activefreq import _cpu
from activefreq.ops import backends

# Small tensors run fastest on one thread; tests of threading set their own number.
torch.set_num_threads(1)


def pytest_addoption(parser):
    parser.addoption("--require-cuda", action="store_true", help="fail, instead of skip, where CUDA cannot be used")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """With --require-cuda a test in tests/cuda that is skipped, for whatever reason, has failed."""
    report = yield
    if report.skipped and item.path.parent.name == "cuda" and item.config.getoption("--require-cuda"):
        report.outcome = "failed"
        report.longrepr = f"--require-cuda, but {report.longrepr[2]}"
    return report


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
def cuda():
    """The CUDA device. Skips with the reason where there is none."""
    reason = backends()["cuda"]
    if reason == "ready" and torch.cuda.is_available():
        return torch.device("cuda")
    pytest.skip(f"no CUDA: {reason if reason != 'ready' else 'this torch has none'}")
