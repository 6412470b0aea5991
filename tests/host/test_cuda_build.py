"""What can be checked of the CUDA build without a device: how the compiler's report is read, and that the Python side
and the bindings agree on arguments."""

import importlib
import runpy
from pathlib import Path

import pytest
import torch

import activefreq as af

REPORT = """
ptxas info    : Compiling entry function '_ZN2af4cuda6spreadILNS_4StepE9EEEvNS_4PlanE' for 'sm_90'
ptxas info    : Function properties for _ZN2af4cuda6spreadILNS_4StepE9EEEvNS_4PlanE
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 25 registers, used 0 barriers
ptxas info    : Compiling entry function '_ZN2af4cuda12_GLOBAL__N__1_cu_6a7e719310by_clusterENS_4PlanE' for 'sm_90'
ptxas info    : Function properties for _ZN2af4cuda12_GLOBAL__N__1_cu_6a7e719310by_clusterENS_4PlanE
    48 bytes stack frame, 68 bytes spill stores, 248 bytes spill loads
ptxas info    : Used 64 registers, used 1 barriers, 48 bytes cumulative stack size
"""


def test_spills_are_read_from_the_compilers_report():
    script = runpy.run_path(str(Path(__file__).parents[2] / "cmake" / "check_spills.py"))
    assert [kernel.registers for kernel in script["kernels"](REPORT)] == [25, 64]
    assert script["check"](REPORT, {"spread": 0, "by_cluster": 316}) == []
    assert script["check"](REPORT, {"by_cluster": 315}) == ["by_cluster spills 316 bytes on sm_90"]
    assert script["check"](REPORT, {"cluster": 999}) == ["cluster: not in the report; was the build complete?"]


@pytest.fixture
def cuda_kernel(monkeypatch):
    """`cuda_kernel("label")`: the operator's CUDA function, past the question whether there is a device."""
    module = pytest.importorskip("activefreq._cuda", reason="built without a CUDA compiler")
    if af.ops.backends()["cuda"] == "ready":
        pytest.skip("CUDA works here")

    def load(stem):
        operator = importlib.import_module(f"activefreq.ops.{stem}")
        monkeypatch.setattr(operator, "cuda", lambda: module)
        monkeypatch.setattr(operator, "launch_arguments", lambda tensor: (0, 0))
        return getattr(operator, f"_{stem}_cuda")

    return load


# A wrong number or type of arguments would be a TypeError.
NO_DEVICE = r"device guard: CUDA says: .+"


def test_arguments_fit_the_bindings(cuda_kernel):
    mask, prob = torch.ones(2, 5, 6, dtype=torch.bool), torch.zeros(2, 5, 6)
    seed, rule = torch.zeros(2, dtype=torch.int64), ("acselect", 0.5, 8, "literal", (0.35, 0.35, 0.3), 1e-6, 1)
    with pytest.raises(RuntimeError, match=NO_DEVICE):
        cuda_kernel("label")(mask, 8)
    with pytest.raises(RuntimeError, match=NO_DEVICE):
        cuda_kernel("squared_distance")(mask)
    for clicked in (None, mask):
        with pytest.raises(RuntimeError, match=NO_DEVICE):
            cuda_kernel("select_click")(prob, mask, clicked, seed, *rule, "distance_error")


def test_workspaces_stay_within_their_bounds():
    module = pytest.importorskip("activefreq._cuda", reason="built without a CUDA compiler")
    pixels = 1024 * 1024

    def bytes_per_pixel(reading, connectivity):
        return module.select_click_workspace(True, 1, 1024, 1024, 4, reading, connectivity) / pixels

    # as csrc/core/click_plan.h and select_click's docstring say
    assert bytes_per_pixel(0, 8) < 17
    assert bytes_per_pixel(0, 4) < 27
    assert bytes_per_pixel(2, 8) < 25
    assert bytes_per_pixel(2, 4) < 43
    huge = module.select_click_workspace(True, 300, 32767, 32767, 4, 2, 4)
    assert huge > 300 * 32767**2 * 40
    assert module.squared_distance_workspace(1024, 1024) == 4 * pixels + 8 * 1024
    assert module.label_workspace(1024, 1024) * 4 == pixels / 8 + 4 * 1024
