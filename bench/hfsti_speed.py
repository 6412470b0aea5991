"""What HFSTI-Net costs and how fast it streams: `python -m bench.hfsti_speed [--json FILE] [--networks …] …`.

Frames per second of a stream, one frame after the other, with our transforms and with torch.fft in their place, in
turn in one run; parameters and multiply-accumulates of a frame. Weights are random: speed does not depend on them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from activefreq import _cpu, ops
from activefreq.models.hfsti_net import HFSTINet, VideoStream
from activefreq.nn.recurrent_memory import Memory
from bench.measure import interleaved, ratio, summarise, write_json

NETWORKS: dict[str, Callable[..., HFSTINet]] = {"small": HFSTINet.small, "PVTv2-b2": HFSTINet}
VARIANTS: dict[str, dict[str, Any]] = {
    "HFSI and RMP": {},
    "RMP, 4 frames": {"memory": 4},
    "RMP": {"hfsi": False},
    "HFSI": {"rmp": False},
    "neither": {"hfsi": False, "rmp": False},
}
RESULT = Path(__file__).parent / "results" / "hfsti_speed.json"


def torch_irfft2(
    spectrum: torch.Tensor, size: Sequence[int], gate: torch.Tensor | None = None, norm: str = "backward"
) -> torch.Tensor:
    """What one writes without our operator."""
    return torch.fft.irfft2(spectrum if gate is None else spectrum * gate, s=tuple(size), norm=norm)


def torch_rfft2(x: torch.Tensor, norm: str = "backward") -> torch.Tensor:
    """As above."""
    return torch.fft.rfft2(x, norm=norm)


@contextmanager
def transforms(rfft2: Callable[..., torch.Tensor], irfft2: Callable[..., torch.Tensor]) -> Iterator[None]:
    """Networks compute with these meanwhile."""
    ours = ops.rfft2, ops.irfft2
    ops.rfft2, ops.irfft2 = rfft2, irfft2
    try:
        yield
    finally:
        ops.rfft2, ops.irfft2 = ours


def frame_macs(network: HFSTINet) -> float:
    """Multiply-accumulates of a frame that finds a full memory.

    Products and convolutions as torch counts them; transforms 1.25 N log2 N each, and N or 2 N for a gate, N = H W.
    """
    total = 0.0

    def forward(x: torch.Tensor, norm: str = "backward") -> torch.Tensor:
        nonlocal total
        total += 1.25 * x.numel() * math.log2(max(2, x.shape[-2] * x.shape[-1]))
        return torch_rfft2(x, norm)

    def inverse(
        spectrum: torch.Tensor, size: Sequence[int], gate: torch.Tensor | None = None, norm: str = "backward"
    ) -> torch.Tensor:
        nonlocal total
        y = torch_irfft2(spectrum, size, gate, norm)
        total += 1.25 * y.numel() * math.log2(max(2, y.shape[-2] * y.shape[-1]))
        total += 0 if gate is None else (2 if gate.is_complex() else 1) * y.numel()
        return y

    side = network.config.input_size
    frame = torch.zeros(1, 3, side, side)
    memory: Memory = ()
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):  # the fused attention of a CPU is not counted
        for _ in range(network.config.memory):
            _, memory = network.eval().step(frame, memory)
        with transforms(forward, inverse), FlopCounterMode(display=False) as counter:
            network.step(frame, memory)
    return counter.get_total_flops() / 2 + total


def with_torch(stream: VideoStream) -> Callable[[torch.Tensor], torch.Tensor]:
    """The stream's step with torch.fft in place of our transforms."""

    def step(frame: torch.Tensor) -> torch.Tensor:
        with transforms(torch_rfft2, torch_irfft2):
            return stream.step(frame)

    return step


def measure(name: str, variants: Sequence[str], seconds: float) -> list[dict[str, Any]]:
    """A row per variant of one network; all of them take turns."""
    networks, steps = {}, {}
    for variant in variants:
        torch.manual_seed(0)
        network = networks[variant] = NETWORKS[name](**VARIANTS[variant]).eval()
        side = network.config.input_size
        steps[variant, "ours"] = network.stream().step
        steps[variant, "torch"] = with_torch(network.stream())
        frame = torch.rand(3, side, side)
        for _ in range(network.config.memory):  # a full memory
            ours, theirs = (steps[variant, kind](frame) for kind in ("ours", "torch"))
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    times = interleaved(steps, [frame], seconds=seconds, rounds=5)
    return [
        {
            "network": name,
            "variant": variant,
            "side": side,
            "parameters": sum(p.numel() for p in network.parameters()),
            "macs": frame_macs(network),
            "seconds_per_frame": {kind: summarise(times[variant, kind]) for kind in ("ours", "torch")},
            "ratio": ratio(times[variant, "torch"], times[variant, "ours"]),
        }
        for variant, network in networks.items()
    ]


def show(rows: list[dict[str, Any]]) -> Table:
    """Cost and speed of every variant."""
    title = f"HFSTI-Net, {_cpu.instruction_set()}, {torch.get_num_threads()} thread(s)"
    table = Table("network", "side", "variant", "parameters", "GMACs", "frames/s", "torch.fft", "ratio", title=title)
    for row in rows:
        rates = (f"{1 / row['seconds_per_frame'][name].median:.2f}" for name in ("ours", "torch"))
        table.add_row(
            row["network"],
            str(row["side"]),
            row["variant"],
            f"{row['parameters'] / 1e6:.2f} M",
            f"{row['macs'] / 1e9:.2f}",
            *rates,
            f"{row['ratio'].median:.2f}",
        )
    return table


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="store rows and machine here")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0, help="per network")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = [row for name in arguments.networks for row in measure(name, arguments.variants, arguments.seconds)]
    if arguments.json:
        write_json(arguments.json, "hfsti_speed", rows, {"instruction_set": _cpu.instruction_set()})
    Console(width=120).print(show(rows))


if __name__ == "__main__":
    main()
