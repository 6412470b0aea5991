"""`activefreq info`: what is installed, what runs here, and what a model costs."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["info"]

PAPER = ("the paper's FreqFormer, its Table 3", "9.20", "", "2.67")
LARGE = 448


def info(
    model: Annotated[str | None, typer.Option(help="also show this model's cost: a name or path")] = None,
) -> None:
    """Say what runs on this machine: versions, backends, and the weights that are installed.

    \b
    Examples:
      activefreq info
      activefreq info --model freqformer-isic2017
    """  # noqa: D301
    from activefreq.evaluation.provenance import machine, versions
    from activefreq.ops import backends
    from activefreq.predictor import available_weights

    rows = [*versions().items()]
    rows += [(name, str(value)) for name, value in machine().items() if name not in ("device", "instruction_set")]
    rows += [(f"operators on {name}", state) for name, state in backends().items()]
    rows.append(("weights", ", ".join(available_weights()) or "none"))
    width = max(len(name) for name, _ in rows)
    typer.echo("\n".join(f"{name.ljust(width)}  {value}" for name, value in rows))
    if model is not None:
        typer.echo("\n" + _cost_table(model))


def _cost_table(model: str) -> str:
    """Parameters of each part; with clicks also multiply-accumulates, and FreqFormer's beside the paper's figures."""
    from activefreq.evaluation.tables import aligned
    from activefreq.models.catalogue import takes_clicks
    from activefreq.models.checkpoint import load_network
    from activefreq.models.cost import network_cost
    from activefreq.models.freqformer import FreqFormer
    from activefreq.predictor import find_weights, load

    path, name = find_weights(model)
    network, _ = load_network(path)
    if not takes_clicks(network):  # what it takes is its task's to know: images, phrases, volumes or clips
        counts = {part: sum(p.numel() for p in child.parameters()) for part, child in network.named_children()}
        counts[name] = sum(p.numel() for p in network.parameters())
        return aligned([("part", "M parameters"), *((part, f"{n / 1e6:.2f}") for part, n in counts.items() if n)])
    predictor = load(model)
    side = predictor.input_size
    own, large = (network_cost(predictor.network, (n, n)) for n in (side, LARGE))
    rows = [("part", "M parameters", f"GMAC at {side}", f"at {LARGE}")]
    rows += [
        (
            name,
            f"{own.parts[name][0] / 1e6:.2f}",
            f"{own.parts[name][1] / 1e9:.2f}",
            f"{large.parts[name][1] / 1e9:.2f}",
        )
        for name in own.parts
    ]
    rows.append((predictor.name, f"{own.parameters / 1e6:.2f}", f"{own.macs / 1e9:.2f}", f"{large.macs / 1e9:.2f}"))
    if isinstance(predictor.network, FreqFormer):
        rows.append(PAPER)
    return aligned(rows)
