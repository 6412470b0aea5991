"""What the device compiler says of the kernels that have to be fast: registers and spills. Needs nvcc, no GPU."""

import re
import shutil
import subprocess

import pytest
from host_kernels import SOURCES

# Bytes that a thread's registers may spill, over a whole kernel: butterflies of 28 points go a little beyond 168.
ALLOWED = {(16, 28): 256, (32, 28): 256}


def report(source, tmp_path):
    """(mangled name, bytes of spill stores and loads, registers) of every kernel in a source, for sm_90."""
    command = ["nvcc", "-std=c++17", "--expt-relaxed-constexpr", "-O3", "-arch=sm_90", "-DAF_ISA=device"]
    command += [f"-I{SOURCES}", "-Xptxas=-v", "-c", str(SOURCES / "cuda" / source), "-o", str(tmp_path / "object.o")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    pattern = (
        r"Compiling entry function '(\w+)'.*?(\d+) bytes spill stores, (\d+) bytes spill loads.*?Used (\d+) registers"
    )
    found = re.findall(pattern, said, re.DOTALL)
    return [(name, int(stores) + int(loads), int(registers)) for name, stores, loads, registers in found]


@pytest.mark.long
@pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc")
def test_layer_kernels_do_not_spill(tmp_path):
    kernels = report("layer_kernels.cu", tmp_path)
    assert len(kernels) == 8
    for name, spilled, registers in kernels:
        shape = tuple(map(int, re.search(r"layer_kernelILi(\d+)ELi(\d+)E", name).groups()))
        assert spilled <= ALLOWED.get(shape, 0), (shape, spilled)
        assert registers <= 168, (shape, registers)
