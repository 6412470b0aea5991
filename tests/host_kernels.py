"""Kernel bodies on the host: `csrc/host/<stem>.cpp` as a library for ctypes and as a program for ThreadSanitizer.

Both are kept under build/host by a hash of everything that goes into them, so an unchanged source is compiled once.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "csrc"
# As cmake/cpu.cmake: what decides a click is computed without contraction.
FLAGS = ("-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-fno-math-errno", "-pthread")
DEFINITIONS = ("-DAF_ISA=host", "-DAF_TURN_BEFORE_ACCESS", f"-I{SOURCES}")

KINDS = ("alone", "fibers", "warps", "threads", "turns")
GROUPS = (
    {},
    {"kind": "fibers", "ranks": 7},
    {"kind": "warps", "ranks": 64},
    {"kind": "threads", "ranks": 3},
    {"kind": "turns", "ranks": 7},
)
"""Keywords of `run`: one of each kind of group."""


class Run(ctypes.Structure):
    """Mirrors Run of csrc/host/groups.h: how a group is put together, and the sync that every rank walks past."""

    _fields_ = [
        ("kind", ctypes.c_int32),
        ("ranks", ctypes.c_int32),
        ("seed", ctypes.c_uint32),
        ("skipped", ctypes.c_int32),
    ]


def run(kind="alone", ranks=1, seed=0, skipped=-1):
    """How to run a body: on what kind of group, of how many ranks, in which random order, without which sync."""
    return Run(KINDS.index(kind), ranks, seed, skipped)


def compiled(stem, name, *flags):
    """Path of csrc/host/<stem>.cpp compiled with `flags`."""
    compiler = os.environ.get("CXX") or next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        pytest.fail("no C++ compiler: set CXX, or install one")
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    sources = [path for folder in ("core", "host") for path in sorted((SOURCES / folder).iterdir())]
    sources += [path for path in sorted((SOURCES / "cuda").glob(f"{stem}.*")) if path.suffix != ".cu"]
    texts = [path.read_bytes() for path in sources]
    digest = hashlib.sha256(b"\0".join([version, repr((FLAGS, flags)).encode(), *texts])).hexdigest()[:16]
    target = ROOT / "build" / "host" / f"{stem}-{digest}-{name}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(f".{os.getpid()}")
        source = SOURCES / "host" / f"{stem}.cpp"
        command = [compiler, *FLAGS, *DEFINITIONS, *flags, str(source), "-o", str(draft)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        draft.rename(target)
    return target


class HostKernels:
    """The kernel bodies of one operator on the host."""

    def __init__(self, stem):
        self.stem = stem
        self.usual = {}
        self.path = compiled(stem, "library", "-fPIC", "-shared")
        self.library = ctypes.CDLL(str(self.path))

    def __call__(self, function, *arguments):
        """Call a function of the library: tensors and None as pointers, numbers as int64 or double."""
        return getattr(self.library, function)(*map(_argument, arguments))

    def differs(self, how):
        """Whether `how` gives other results than a group of one.

        In a process of its own: a body without one of its syncs may do anything, even not end.
        """
        limit = None if how.skipped < 0 else 5 + 10 * self.usual_seconds(how)
        code = (
            "import ctypes, sys\n"
            "library = ctypes.CDLL(sys.argv[1])\n"
            "run = (ctypes.c_int32 * 4)(*map(int, sys.argv[2:]))\n"
            "sys.exit(library.differences(run) != 0)\n"
        )
        values = (how.kind, how.ranks, how.seed, how.skipped)
        command = [sys.executable, "-I", "-S", "-c", code, str(self.path), *map(str, values)]
        try:
            return subprocess.run(command, capture_output=True, timeout=limit, check=False).returncode != 0
        except subprocess.TimeoutExpired:
            return True

    def usual_seconds(self, how):
        """How long such a group takes with all its syncs, which has to agree with a group of one."""
        key = (how.kind, how.ranks)
        if key not in self.usual:
            start = time.monotonic()
            assert not self.differs(Run(how.kind, how.ranks, how.seed, -1))
            self.usual[key] = time.monotonic() - start
        return self.usual[key]

    def races(self, ranks, skipped=-1):
        """What ThreadSanitizer says of a team of threads: "" where it is content and the results are right."""
        program = compiled(self.stem, "threads", "-fsanitize=thread", "-g1")
        options = {**os.environ, "TSAN_OPTIONS": "halt_on_error=1 exitcode=66"}
        command = [str(program), str(ranks), str(skipped)]
        done = subprocess.run(command, capture_output=True, text=True, env=options, check=False)
        if "unexpected memory mapping" in done.stderr:  # an older runtime on a kernel that randomises more bits
            command = ["setarch", "--addr-no-randomize", *command]
            done = subprocess.run(command, capture_output=True, text=True, env=options, check=False)
        return "" if done.returncode == 0 else f"exit status {done.returncode}\n{done.stderr}"


def _argument(value):
    if value is None or isinstance(value, torch.Tensor):
        return ctypes.c_void_p(None if value is None else value.data_ptr())
    if isinstance(value, ctypes.Structure):
        return ctypes.byref(value)
    return ctypes.c_double(value) if isinstance(value, float) else ctypes.c_int64(value)
