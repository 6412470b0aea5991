"""`activefreq info`: what is installed and what runs here."""

from __future__ import annotations

import typer

__all__ = ["info"]


def info() -> None:
    """Say what runs on this machine: versions, backends, and the weights that are installed."""
    from activefreq.evaluation.provenance import machine, versions
    from activefreq.ops import backends
    from activefreq.predictor import available_weights

    rows = [*versions().items()]
    rows += [(name, str(value)) for name, value in machine().items() if name not in ("device", "instruction_set")]
    rows += [(f"operators on {name}", state) for name, state in backends().items()]
    rows.append(("weights", ", ".join(available_weights()) or "none"))
    width = max(len(name) for name, _ in rows)
    typer.echo("\n".join(f"{name.ljust(width)}  {value}" for name, value in rows))
