"""Parameters and multiply-accumulates: `python -m bench.cost --json bench/results/cost.json`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from activefreq.evaluation.provenance import versions
from activefreq.models import FreqFormer
from activefreq.models.cost import network_cost

VARIANTS: dict[str, dict[str, Any]] = {
    "FreqFormer": {},
    "scalar weights (the paper read literally)": {"weight": "scalar"},
    "low-rank spectra": {"weight": "low-rank"},
    "generated spectra": {"weight": "generated"},
    "generated spectra, MEW-UNet's feed-forward": {"weight": "generated", "feed_forward": "inverted-depthwise"},
}
SIZES = (224, 256, 448)


def main() -> None:
    """Count, print and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the counts here")
    path = parser.parse_args().json
    networks = []
    for name, options in VARIANTS.items():
        network = FreqFormer(**options)
        costs = {str(size): network_cost(network, (size, size)) for size in SIZES}
        networks.append(
            {
                "name": name,
                "parameters": costs["224"].parameters,
                "macs": {size: cost.macs for size, cost in costs.items()},
                "parts": {part: list(figures) for part, figures in costs["224"].parts.items()},
            }
        )
        macs = "  ".join(f"{cost.macs / 1e9:5.2f} GMAC at {size}" for size, cost in costs.items())
        print(f"{name:45} {costs['224'].parameters / 1e6:5.2f} M   {macs}")
    if path:
        command = f"python -m bench.cost --json {path}"
        path.write_text(json.dumps({"command": command, "versions": versions(), "networks": networks}, indent=2) + "\n")


if __name__ == "__main__":
    main()
