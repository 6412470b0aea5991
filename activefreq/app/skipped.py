"""What was left out of an evaluation, said on standard error."""

from __future__ import annotations

import os
from collections.abc import Mapping

import typer

__all__ = ["say_skipped"]

_SHOWN = 5


def say_skipped(skipped: Mapping[str, str], what: str = "objects") -> None:
    """How many, and why the first few; nothing where none was. `skipped`: name → reason.

    Of the processes that torch's launcher started the first one says it.
    """
    if skipped and os.environ.get("RANK", "0") == "0":
        listed = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:_SHOWN])
        typer.echo(f"skipped {len(skipped)} {what} ({listed}{'; …' if len(skipped) > _SHOWN else ''})", err=True)
