"""Reads ptxas' report (-Xptxas=-v) in a build's output, prints registers and spills, fails where hot kernels spill.

    cmake --build build/cuda-all | tee report.txt; python cmake/check_spills.py report.txt

Every instance of a kernel, on every architecture, is held to the limit of its name in `MAY_SPILL`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

MAY_SPILL = {
    "by_cluster": 0,
    "spread": 0,
    "rows": 0,
    "columns": 0,
    "envelopes": 0,
    "small_batch_kernel": 0,
    # 28 points in the registers of one thread spill some ten of them, which leaves room for a third block.
    "layer_kernel": 180,
}
"""The __global__ functions that decide the speed, and the bytes that each may store and load for want of registers."""


class Kernel(NamedTuple):
    """One entry function on one architecture."""

    symbol: str
    architecture: str
    spilled: int  # bytes stored and loaded
    registers: int


REPORT = re.compile(
    r"Compiling entry function '(?P<symbol>\w+)' for '(?P<architecture>\w+)'"
    r".*?(?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads"
    r".*?Used (?P<registers>\d+) registers",
    re.DOTALL,
)


def kernels(report: str) -> list[Kernel]:
    """Every entry function that the report speaks of."""
    return [
        Kernel(
            found["symbol"], found["architecture"], int(found["stores"]) + int(found["loads"]), int(found["registers"])
        )
        for found in REPORT.finditer(report)
    ]


def is_instance(symbol: str, name: str) -> bool:
    """Whether a mangled name is that of `name`, a template instance of it included: 6spreadILN... of spread."""
    return re.search(rf"{len(name)}{name}(?![a-z_])", symbol) is not None


def check(report: str, may_spill: dict[str, int]) -> list[str]:
    """What is wrong: a kernel that spills more bytes than it may, or that the report does not mention."""
    found = kernels(report)
    problems = []
    for name, allowed in may_spill.items():
        instances = [kernel for kernel in found if is_instance(kernel.symbol, name)]
        if not instances:
            problems.append(f"{name}: not in the report; was the build complete?")
        for kernel in instances:
            figures = f"{kernel.registers:4} registers {kernel.spilled:5} bytes spilled"
            print(f"{kernel.architecture:8} {figures}  {kernel.symbol}")
            if kernel.spilled > allowed:
                problems.append(f"{name} spills {kernel.spilled} bytes on {kernel.architecture}")
    return problems


def main() -> None:
    """Check the report that the command line names."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    problems = check(Path(sys.argv[1]).read_text(encoding="utf-8"), MAY_SPILL)
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
