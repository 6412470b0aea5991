"""What a network costs: parameters and multiply-accumulates, counted, not estimated from a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.hooks import RemovableHandle

from activefreq.nn.freq_module import FreqModule
from activefreq.nn.refine_layer import RefineLayer

__all__ = ["Cost", "freq_module_macs", "network_cost", "refine_macs"]


@dataclass(frozen=True)
class Cost:
    """Cost of one forward pass for one image."""

    parameters: int
    """Learnable numbers; a complex weight counts as two."""
    macs: float
    """Multiply-accumulates: half the floating-point operations."""
    parts: dict[str, tuple[int, float]]
    """The same two figures for each direct child."""


def freq_module_macs(module: FreqModule, height: int, width: int) -> float:
    """MACs of a FreqModule on one (C, height, width) map.

    A real FFT of N points counts 2.5 N log2 N operations, there and back; the multiply with a half spectrum 3 N.
    The depth-wise convolution has 9 MACs a pixel. weight="scalar" computes no transform.
    """
    quarter = module.channels // 4
    plane = quarter * height * width
    total = 9.0 * plane
    if module.pointwise is not None:
        total += quarter * plane
    if module.scale is not None:
        return total + len(module.axes) * plane
    if module.transform == "haar":
        return total + len(module.axes) * 9 / 2 * plane
    if module.transform == "dft3":
        points = 3 * quarter * height * width
        return total + (5 * points * math.log2(max(2, points)) + 3 * points) / 2
    lengths = {"hw": height * width, "hc": height * quarter, "wc": width * quarter}
    return total + sum((5 * plane * math.log2(max(2, lengths[pair])) + 3 * plane) / 2 for pair in module.axes)


def network_cost(network: nn.Module, size: tuple[int, int], channels: int = 6) -> Cost:
    """Count a forward pass of one image of `size` through `network`, in eval mode.

    Matrix products and convolutions are counted as they run (torch's counter); FreqModules by `freq_module_macs`,
    whatever computes them. Attention runs as the matrix products it stands for, since the counter does not see into
    torch's fused attention on a CPU. Normalisation, activations and resizing are left out, as is the custom.
    """
    device = next(network.parameters()).device
    parts = {name: (_parameters(child), 0.0) for name, child in network.named_children()}
    counter = FlopCounterMode(display=False)
    extra = 0.0  # what the formula adds for FreqModules
    entered: list[float] = []

    def now() -> float:
        return counter.get_total_flops() / 2 + extra

    def enter(*_: object) -> None:
        entered.append(now())

    def leave(part: str) -> Callable[..., None]:
        def hook(*_: object) -> None:
            parameters, macs = parts[part]
            parts[part] = (parameters, macs + now() - entered.pop())

        return hook

    def by_formula(module: FreqModule) -> Callable[[torch.Tensor], torch.Tensor]:
        def forward(x: torch.Tensor) -> torch.Tensor:
            nonlocal extra
            extra += freq_module_macs(module, *x.shape[-2:])
            return x

        return forward

    spectral = [module for module in network.modules() if isinstance(module, FreqModule)]
    hooks: list[RemovableHandle] = []
    for name, child in network.named_children():
        for unit in child if isinstance(child, nn.ModuleList) else [child]:
            hooks += [unit.register_forward_pre_hook(enter), unit.register_forward_hook(leave(name))]
    training = [part for part in network.modules() if part.training]
    try:
        for module in spectral:
            module.forward = by_formula(module)  # type: ignore[method-assign,assignment]
        with counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            network.eval()(torch.zeros(1, channels, *size, device=device))
    finally:
        for module in spectral:
            del module.forward
        for handle in hooks:
            handle.remove()
        for part in training:
            part.training = True
    return Cost(_parameters(network), now(), parts)


def refine_macs(layer: RefineLayer, features: int, side: int) -> float:
    """Multiply-accumulates of a refine layer on one crop of side × side with `features` channels at a quarter of it."""
    place = next(layer.parameters())
    quarter = -(-side // 4)
    training = layer.training
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer.eval()(
            place.new_zeros(1, 6, side, side),
            place.new_zeros(1, features, quarter, quarter),
            place.new_zeros(1, 1, side, side),
        )
    layer.train(training)
    return counter.get_total_flops() / 2


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
