"""Benchmarks run from a checkout, whether the package is built there or installed."""

import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

INIT = Path(__file__).parents[2] / "bench" / "__init__.py"


@pytest.mark.parametrize("built", [False, True])
def test_the_package_that_has_an_extension_is_used(tmp_path, built):
    files = {
        "checkout/bench/__init__.py": INIT.read_text(),
        "checkout/bench/where.py": "import activefreq, bench\nprint(activefreq.PLACE)",
        "checkout/activefreq/__init__.py": "PLACE = 'checkout'",
        "checkout/activefreq/_cpu.pyi": "",
        "site/activefreq/__init__.py": "PLACE = 'installed'",
        **({f"checkout/activefreq/_cpu{EXTENSION_SUFFIXES[0]}": ""} if built else {}),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "bench.where"],
        cwd=tmp_path / "checkout",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["checkout" if built else "installed"]
