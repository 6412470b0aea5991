"""freq_mix in plain torch: the specification."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.nn.grad import conv2d_input, conv2d_weight

from activefreq.reference.spectral_filter import spectral_filter, spectral_filter_backward

__all__ = ["freq_mix", "freq_mix_backward"]


def freq_mix(
    x: torch.Tensor,
    conv_weight: torch.Tensor,
    conv_bias: torch.Tensor | None = None,
    weight_hw: torch.Tensor | None = None,
    weight_hc: torch.Tensor | None = None,
    weight_wc: torch.Tensor | None = None,
) -> torch.Tensor:
    """As `activefreq.ops.freq_mix`: four quarters, a depth-wise convolution and three spectral filters."""
    quarter = x.shape[1] // 4
    real = x.to(torch.promote_types(x.dtype, torch.float32))
    x1, x2, x3, x4 = real.split(quarter, dim=1)
    bias = None if conv_bias is None else conv_bias.to(real.dtype)
    y1 = F.conv2d(x1, conv_weight.to(real.dtype), bias, padding=1, groups=quarter)  # Eq. 8
    y2 = x2 if weight_hw is None else spectral_filter(x2, weight_hw.unsqueeze(0), (2, 3))  # Eq. 9, 12, 13
    # Eq. 10: one spectrum (C/4, H/2 + 1) for all columns; Eq. 11: one (C/4, W/2 + 1) for all rows.
    y3 = x3 if weight_hc is None else spectral_filter(x3, weight_hc[None, :, :, None], (1, 2))
    y4 = x4 if weight_wc is None else spectral_filter(x4, weight_wc[None, :, None], (1, 3))
    return torch.cat([y1, y2, y3, y4], dim=1).to(x.dtype)


def freq_mix_backward(
    grad: torch.Tensor,
    x: torch.Tensor,
    conv_weight: torch.Tensor,
    weight_hw: torch.Tensor | None,
    weight_hc: torch.Tensor | None,
    weight_wc: torch.Tensor | None,
) -> tuple[torch.Tensor, ...]:
    """Gradients of x, of the convolution's weight and bias, and of the three spectra.

    All in float32, or float64 where x is; the gradient of x in the dtype of x. An absent spectrum's is empty.
    """
    quarter = x.shape[1] // 4
    real = x.to(torch.promote_types(x.dtype, torch.float32))
    x1, x2, x3, x4 = real.split(quarter, dim=1)
    g1, g2, g3, g4 = grad.to(real.dtype).split(quarter, dim=1)
    kernel = conv_weight.to(real.dtype)
    grad_x1 = conv2d_input(x1.shape, kernel, g1, padding=1, groups=quarter)
    grad_kernel = conv2d_weight(x1, kernel.shape, g1, padding=1, groups=quarter)

    def branch(
        g: torch.Tensor, x: torch.Tensor, weight: torch.Tensor | None, axes: tuple[int, int], shared: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if weight is None:
            return g, x.new_empty(0)
        grad_x, grad_weight = spectral_filter_backward(g, x, weight.to(x.dtype).unsqueeze(shared).unsqueeze(0), axes)
        return grad_x, grad_weight.view(weight.shape)

    grad_x2, grad_hw = (
        (g2, x.new_empty(0, dtype=real.dtype))
        if weight_hw is None
        else spectral_filter_backward(g2, x2, weight_hw.to(real.dtype)[None], (2, 3))
    )
    grad_x3, grad_hc = branch(g3, x3, weight_hc, (1, 2), shared=2)
    grad_x4, grad_wc = branch(g4, x4, weight_wc, (1, 3), shared=1)
    grad_x = torch.cat([grad_x1, grad_x2, grad_x3, grad_x4], dim=1).to(x.dtype)
    return (
        grad_x,
        grad_kernel,
        g1.sum((0, 2, 3)),
        grad_hw.view(-1) if weight_hw is None else grad_hw[0],
        grad_hc,
        grad_wc,
    )
