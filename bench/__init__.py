"""Benchmarks (ours beside the best alternative, in the same run) and the tables made from their results."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

# `python -m bench.x` looks into the checkout first. Where `activefreq` is not built in place there, the installed one
# is meant: the checkout moves to the end.
_ROOT = Path(__file__).resolve().parents[1]
if not any((_ROOT / "activefreq" / f"_cpu{suffix}").exists() for suffix in EXTENSION_SUFFIXES):
    sys.path.sort(key=lambda place: Path(place or ".").resolve() == _ROOT)
