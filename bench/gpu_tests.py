"""The tests of a folder, each file in a process of its own, a few at a time: for `make gpu`.

An error on the device stays with the process that met it: with one process for all files, every test after the first
such error would fail with its message. Tests that fill the memory come last, with nobody beside.

    python -m bench.gpu_tests tests/cuda --require-cuda
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

AT_ONCE = 4
ALONE = "beyond_32_bits"
"""In the names of tests that need most of the device's memory."""
NOTHING_COLLECTED = 5
"""pytest's exit code for a file in which it found no test."""


def run(place: Path, options: list[str]) -> tuple[int, str]:
    """Exit code and output of the tests of one file, or folder."""
    command = [sys.executable, "-P", "-m", "pytest", "-q", str(place), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout


def main(arguments: list[str] | None = None) -> int:
    """Run the tests of every file in a folder; further arguments are pytest's. 0 where all passed."""
    folder, *options = sys.argv[1:] if arguments is None else arguments
    files = sorted(Path(folder).glob("test_*.py"))
    if not files:
        raise SystemExit(f"gpu_tests: {folder} holds no test_*.py")
    failed: list[str] = []

    def note(name: str, code: int, output: str) -> None:
        print(f"--- {name}\n{output}", end="", flush=True)
        if code not in (0, NOTHING_COLLECTED):
            failed.append(name)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {pool.submit(run, file, [*options, "-k", f"not {ALONE}"]): file.name for file in files}
        for future in as_completed(running):
            note(running[future], *future.result())
    note(ALONE, *run(Path(folder), [*options, "-k", ALONE]))
    runs = len(files) + 1
    print(f"{runs - len(failed)} of {runs} runs passed" + (f"; not {', '.join(failed)}" if failed else ""))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
