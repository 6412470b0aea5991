"""`make gpu`: build for the card found, test, measure, check memory. One command, under eight minutes.

The interpreter that runs this is used as it is where it has every package that is needed; nothing is fetched then.
Otherwise a virtual environment is made with pip, unless --offline forbids it. The package is installed beside, in
build/gpu/site, so that the interpreter's own packages stay as they are.

Every step has a time box and leaves its log in RESULTS/gpu-logs, also where it fails; steps.json says how all went.
The exit code is 0 where every step passed. compute-sanitizer counts by what it found in its time; that it did not get
through all tests, or is not there, is said and does not count.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

from bench.timed_steps import ROOT, Step, run, show

WORK = ROOT / "build" / "gpu"
SITE = WORK / "site"
TOOLKIT = Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")) / "bin"
BUDGET = 470.0  # seconds for everything but fetching packages, so that eight minutes hold
FETCHING = 1800.0
NEEDED = {
    "build": ("pip", "scikit_build_core", "pybind11"),
    "tests": ("torch", "numpy", "transformers", "safetensors", "huggingface_hub", "pytest"),
    "benchmarks": ("torch", "numpy", "transformers", "safetensors", "huggingface_hub", "PIL", "scipy", "rich"),
}
"""Modules without which a step cannot run."""
CHECKED = ROOT / "tests" / "cuda" / "test_memory_cuda.py"
"""What runs under compute-sanitizer: every kernel once, small. It records no CUDA graph, which torch refuses while its
memory cache is turned off."""
FOUND = r"^={9} (?!.*(COMPUTE-SANITIZER|SUMMARY: 0 ))"
"""What compute-sanitizer writes about an error, as soon as it finds one; pytest's own lines look much alike."""
UNSUPPORTED = r"Device not supported"
"""What it writes where it cannot work with the device or its driver."""


def card() -> tuple[str, str]:
    """Name of the first card and its architecture for CMake, such as 90-real; "native" where nobody can tell."""
    query = ["nvidia-smi", "--query-gpu=name,compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=True, timeout=30)
        name, capability = done.stdout.strip().splitlines()[0].rsplit(", ", 1)
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return "unknown", "native"
    return name, f"{capability.replace('.', '')}-real"


def missing(step: str, find: Callable[[str], object] = importlib.util.find_spec) -> list[str]:
    """Modules that this interpreter lacks for a step."""
    return [module for module in NEEDED[step] if find(module) is None]


def plan(python: str, architecture: str, results: Path, lacking: dict[str, list[str]]) -> list[Step]:
    """The steps once the packages are there.

    Args:
        python: the interpreter.
        architecture: for CMAKE_CUDA_ARCHITECTURES.
        results: folder of the figures.
        lacking: modules that a step misses, by its name in `NEEDED`.
    """
    places = [str(SITE), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    paths = {"PYTHONPATH": os.pathsep.join(places), "PYTHONUNBUFFERED": "1"}
    module = [python, "-P", "-m"]  # -P: the checkout's own package holds no built extension and must not come first
    # Warnings of whatever package versions this machine has are shown and break nothing.
    options = ["--require-cuda", "-p", "no:cacheprovider", "-W", "default"]
    tests = [*module, "bench.gpu_tests", str(ROOT / "tests" / "cuda"), *options]
    measure = [*module, "bench.gpu", "--results", str(results), "--seconds", "{seconds}"]
    why = {step: f"not installed: {', '.join(names)}" for step, names in lacking.items() if names}
    checker = _tool("compute-sanitizer")
    unchecked = None if checker else "compute-sanitizer is not installed: NO MEMORY CHECK WAS MADE"

    def check(tool: str, **environment: str) -> Step:
        command = [checker or "", "--tool", tool, "--error-exitcode", "99", "--report-api-errors", "no"]
        command += [*module, "pytest", str(CHECKED), *options]
        needed = {**paths, **environment}
        return Step(tool, command, 70, 20, needed, "build", unchecked, why.get("tests"), FOUND, UNSUPPORTED)

    return [
        Step("build", _install(python, architecture), BUDGET, 60, _compiler(), impossible=why.get("build")),
        Step("tests", tests, 180, 60, paths, "build", impossible=why.get("tests")),
        Step("benchmarks", measure, 240, 150, paths, "build", impossible=why.get("benchmarks")),
        check("memcheck", PYTORCH_NO_CUDA_MEMORY_CACHING="1"),  # so that each tensor's own end is seen
        check("racecheck"),
    ]


def _install(python: str, architecture: str) -> list[str]:
    """Build and install without network and without touching the interpreter's own packages."""
    options = {
        "cmake.define.ACTIVEFREQ_CUDA": "ON",
        "cmake.define.CMAKE_CUDA_ARCHITECTURES": architecture,
        "build-dir": str(WORK / "cmake"),
    }
    flags = ["--verbose", "--no-build-isolation", "--no-deps", "--no-index", "--upgrade", "--disable-pip-version-check"]
    settings = [f"--config-settings={key}={value}" for key, value in options.items()]
    return [python, "-m", "pip", "install", *flags, *settings, "--target", str(SITE), str(ROOT)]


def _compiler() -> dict[str, str]:
    nvcc = os.environ.get("CUDACXX") or _tool("nvcc")
    return {"CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count() or 1)} | ({"CUDACXX": nvcc} if nvcc else {})


def packages(python: Path) -> list[Step]:
    """Steps that make a virtual environment with everything the plan needs; for machines with network."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = content["project"]
    tests = [need for need in project["optional-dependencies"]["test"] if not need.startswith(project["name"])]
    wanted = [*content["build-system"]["requires"], *project["dependencies"], *tests, "cmake", "ninja"]
    install = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), *wanted]
    return [
        Step("environment", [sys.executable, "-m", "venv", str(python.parent.parent)], 120, 10),
        Step("packages", install, FETCHING, 60, needs="environment"),
    ]


def _tool(name: str) -> str | None:
    """A program of the CUDA toolkit, on PATH or where the toolkit usually is."""
    return shutil.which(name) or shutil.which(name, path=str(TOOLKIT))


def main(arguments: list[str] | None = None) -> int:
    """Run everything; 0 where every step passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results", help="folder for JSON and logs")
    parser.add_argument("--offline", action="store_true", help="fetch nothing; what is missing is a failure")
    given = parser.parse_args(arguments)
    started, results = time.monotonic(), given.results.resolve()
    logs = results / "gpu-logs"
    lacking = {step: missing(step) for step in NEEDED}
    python, outcomes = sys.executable, []
    if any(lacking.values()) and not given.offline:
        own = WORK / "venv" / "bin" / "python"
        outcomes = run(packages(own), logs, FETCHING, show)
        started = time.monotonic()
        if all(outcome.state == "passed" for outcome in outcomes):
            python, lacking = str(own), {step: [] for step in NEEDED}
    name, architecture = card()
    print(f"card: {name}, built for {architecture}", flush=True)
    steps = plan(python, architecture, results, lacking)
    outcomes += run(steps, logs, BUDGET - (time.monotonic() - started), show)
    well = all(outcome.well for outcome in outcomes)
    record = {
        "card": name,
        "architecture": architecture,
        "python": sys.version.split()[0],
        "passed": well,
        "seconds": round(time.monotonic() - started, 1),
        "steps": [dataclasses.asdict(outcome) for outcome in outcomes],
    }
    (logs / "steps.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for outcome in outcomes:
        log = logs / f"{outcome.name}.log"
        if outcome.state in ("failed", "out of time") and log.exists():
            print(f"--- the end of {log.name}\n{''.join(log.read_text(errors='replace').splitlines(True)[-30:])}")
    print(f"{'passed' if well else 'FAILED'} in {record['seconds']} s; logs and steps.json in {logs}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
