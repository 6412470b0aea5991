"""The block of MEW-UNet (Ruan et al. 2022), which the Freq block of ActiveFreq comes from."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from activefreq import ops
from activefreq.nn.inverted_depthwise import InvertedDepthwise
from activefreq.nn.prepared_spectra import PreparedSpectra

__all__ = ["MEWBlock", "MultiAxisExternalWeights"]

_STORED = 16  # frequencies that each learnable spectrum has per axis
_GROUPS = 4


class MultiAxisExternalWeights(nn.Module):
    """Filter three quarters of the channels, each over one axis pair, and convolve the last: (B, C, H, W) → same.

    The quarters are filtered over (W, C/4), (H, C/4) and (H, W), in this order; W, H and W are the half axes. A
    spectrum is a small learnable one, interpolated to the frequencies of x (linearly, first on first and last on
    last) and sent through three inverted depth-wise convolutions, real and imaginary part as a batch of two.

    Without gradients the spectra are made once per resolution and kept until a parameter changes, which is seen
    as in `FreqModule.spectra_for`.

    Args:
        channels: C, a multiple of 16 (four quarters, four groups in each norm).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels < 1 or channels % (4 * _GROUPS):
            raise ValueError(f"MEWBlock: channels must be a positive multiple of {4 * _GROUPS}, got {channels}")
        self.channels = channels
        quarter = channels // 4
        # Named as in MEW-UNet, whose checkpoints also hold the sizes, as these five buffers.
        for name, value in (("dim", channels), ("a", _STORED), ("b", _STORED), ("c_h", _STORED), ("c_w", _STORED)):
            self.register_buffer(name, torch.tensor(value))
        self.a_weight = nn.Parameter(torch.ones(2, 1, quarter, _STORED))
        self.b_weight = nn.Parameter(torch.ones(2, 1, quarter, _STORED))
        self.c_weight = nn.Parameter(torch.ones(2, quarter, _STORED, _STORED))
        self.dw_conv = InvertedDepthwise(quarter, quarter, groups=_GROUPS)
        self.wg_a, self.wg_b, self.wg_c = (_generator(quarter, dimensions) for dimensions in (1, 1, 2))
        self._prepared = PreparedSpectra()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Filter (B, C, H, W); see the class."""
        if x.dim() != 4 or x.shape[1] != self.channels:
            raise ValueError(f"MEWBlock: x must have shape (B, {self.channels}, H, W), got {tuple(x.shape)}")
        spectra = self._prepared.get(x.shape[2], x.shape[3], self._sources(), self._make_spectra)
        x1, x2, x3, x4 = x.chunk(4, dim=1)
        return torch.cat(
            [
                ops.spectral_filter(x1, spectra["wc"][None, :, None], (1, 3)),
                ops.spectral_filter(x2, spectra["hc"][None, :, :, None], (1, 2)),
                ops.spectral_filter(x3, spectra["hw"][None], (2, 3)),
                self.dw_conv(x4),
            ],
            dim=1,
        )

    def _sources(self) -> list[nn.Parameter]:
        """What the spectra are made of."""
        generators = (self.wg_a, self.wg_b, self.wg_c)
        return [self.a_weight, self.b_weight, self.c_weight, *(p for g in generators for p in g.parameters())]

    def _make_spectra(self, height: int, width: int) -> dict[str, torch.Tensor]:
        """{"wc": (C/4, W//2+1, 2), "hc": (C/4, H//2+1, 2), "hw": (C/4, H, W//2+1, 2)}."""
        rows, columns = height // 2 + 1, width // 2 + 1
        wc = F.interpolate(self.a_weight.squeeze(1), size=columns, mode="linear", align_corners=True)
        hc = F.interpolate(self.b_weight.squeeze(1), size=rows, mode="linear", align_corners=True)
        hw = F.interpolate(self.c_weight, size=(height, columns), mode="bilinear", align_corners=True)
        generated = {"wc": self.wg_a(wc), "hc": self.wg_b(hc), "hw": self.wg_c(hw)}
        return {pair: spectrum.movedim(0, -1).contiguous() for pair, spectrum in generated.items()}


def _generator(quarter: int, dimensions: int) -> nn.Sequential:
    widths = [quarter, 2 * quarter, 2 * quarter, quarter]
    return nn.Sequential(*(InvertedDepthwise(a, b, dimensions, groups=_GROUPS) for a, b in pairwise(widths)))


class _FeedForward(nn.Module):
    """Two inverted depth-wise convolutions through `expand` times the channels, then GELU."""

    def __init__(self, channels: int, expand: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            InvertedDepthwise(channels, expand * channels, groups=_GROUPS),
            InvertedDepthwise(expand * channels, channels, groups=_GROUPS),
            nn.GELU(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → same."""
        out: torch.Tensor = self.mlp(x)
        return out


class _Normalised(nn.Module):
    """`fn` of the group-normalised input."""

    def __init__(self, channels: int, fn: nn.Module) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, channels)
        self.fn = fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → same."""
        out: torch.Tensor = self.fn(self.norm(x))
        return out


class MEWBlock(nn.Module):
    """`depth` times: GN → `MultiAxisExternalWeights` → residual → GN → feed-forward → residual.

    Loads the tensors that MEW-UNet publishes for its MEWB modules and gives their outputs. Where nothing is loaded,
    inverted depth-wise convolutions with a residual start as the identity here, and at random there.

    Args:
        channels: C, a multiple of 16.
        depth: number of layers.
        expand: width of the feed-forward network, in multiples of C.

    Shape:
        x (B, C, H, W) → same, any H and W.

    Raises:
        ValueError: channels not a multiple of 16, or a wrong input shape.

    Example:
        >>> block = MEWBlock(64, depth=1)
        >>> start = "e1.1."  # the block of the first encoder stage
        >>> # Stands for torch.load("mewunet.pth", weights_only=True), whose names are these:
        >>> published = {start + name: torch.randn_like(t.float()) for name, t in block.state_dict().items()}
        >>> tensors = {k.removeprefix(start): t for k, t in published.items() if k.startswith(start)}
        >>> block.load_state_dict(tensors)
        <All keys matched successfully>
        >>> block(torch.randn(2, 64, 28, 28)).shape
        torch.Size([2, 64, 28, 28])
    """

    def __init__(self, channels: int, depth: int = 1, expand: int = 4) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    _Normalised(channels, MultiAxisExternalWeights(channels)),
                    _Normalised(channels, _FeedForward(channels, expand)),
                ]
            )
            for _ in range(depth)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        for layer in self.layers:
            for part in layer.children():
                x = x + part(x)
        return x
