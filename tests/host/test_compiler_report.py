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
    layers, small_batches = [], []
    for name, spilled, registers in report("layer_kernels.cu", tmp_path):
        kernel, *shape = re.search(r"(layer|small_batch)_kernelILi(\d+)ELi(\d+)E", name).groups()
        (layers if kernel == "layer" else small_batches).append((tuple(map(int, shape)), spilled, registers))
    assert (len(layers), len(small_batches)) == (8, 3)
    for shape, spilled, registers in layers:
        assert spilled <= ALLOWED.get(shape, 0), (shape, spilled)
        assert registers <= 168, (shape, registers)
    for shape, spilled, registers in small_batches:  # a block has a processor to itself
        assert spilled == 0, shape
        assert registers <= 255, (shape, registers)
