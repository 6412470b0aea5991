"""`activefreq bench`: hands over to the benchmarks of a source checkout."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import typer

__all__ = ["bench"]


def bench(context: typer.Context) -> None:
    """Measure what one click costs, stage by stage, beside the best alternative.

    Needs a source checkout (bench/ is not installed) and its packages: pip install '.[bench]'.

    \b
    Examples:
      activefreq bench
      activefreq bench --size 448 --batch 1 --json click.json
    """  # noqa: D301
    _checkout()
    try:
        importlib.import_module("bench.click").main(context.args)
    except ImportError as error:
        missing = (error.name or str(error)).partition(".")[0]
        package = {"cv2": "opencv", "skimage": "scikit-image"}.get(missing, missing)
        raise ValueError(f"bench: needs {package}, which does not import ({error}): pip install '.[bench]'") from error


def _checkout() -> None:
    """Make `bench` importable from the current folder or from the tree this package is in."""
    for root in (Path.cwd(), Path(__file__).parents[2]):
        if (root / "bench" / "click.py").is_file():
            sys.path.insert(0, str(root))
            return
    raise ValueError("bench: run this in a source checkout of activefreq; its bench/ folder is not installed")
