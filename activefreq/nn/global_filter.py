"""The global filter layer of GFNet (Rao et al. 2021)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from activefreq import ops
from activefreq.nn.spectrum import Resample, resample_spectrum

__all__ = ["GlobalFilter"]


class GlobalFilter(nn.Module):
    """x' = IDFT(W · DFT(x)) over height and width, with a learnable complex W per channel and frequency.

    Loads the tensors that GFNet publishes, `complex_weight` (H, W//2 + 1, C, 2), and gives its outputs. GFNet's
    orthonormal transforms and the plain ones give the same y, since the two scales cancel.

    Args:
        channels: C.
        size: (H, W) that the spectrum is made for. Other sizes work: it is resampled (`resample`).
        resample: see `activefreq.nn.spectrum.resample_spectrum`.

    Shape:
        Tokens (B, N, C) in raster order, as in GFNet, or a map (B, C, H, W); any real floating dtype. The output has
        the shape and dtype of x (GFNet turns it to float32).

    Attributes:
        complex_weight: (H, W//2 + 1, C, 2), real and imaginary part; normal with deviation 0.02 at the start.

    Raises:
        ValueError: a wrong shape, or a number of tokens that is not H · W.

    Example:
        >>> layer = GlobalFilter(384, size=(14, 14))
        >>> published = {"complex_weight": torch.randn(14, 8, 384, 2)}  # block.filter of a GFNet checkpoint
        >>> layer.load_state_dict(published)
        <All keys matched successfully>
        >>> layer(torch.randn(2, 196, 384)).shape
        torch.Size([2, 196, 384])
    """

    def __init__(
        self, channels: int, size: tuple[int, int] = (14, 14), resample: Resample = "cycles-per-pixel"
    ) -> None:
        super().__init__()
        if channels < 1:
            raise ValueError(f"GlobalFilter: channels must be positive, got {channels}")
        if len(size) != 2 or min(size) < 1:
            raise ValueError(f"GlobalFilter: size must be (H, W) with H, W >= 1, got {tuple(size)}")
        self.channels, self.size, self.resample = channels, tuple(size), resample
        self.complex_weight = nn.Parameter(0.02 * torch.randn(size[0], size[1] // 2 + 1, channels, 2))

    def extra_repr(self) -> str:
        """What `print(module)` shows."""
        return f"{self.channels}, size={self.size}"

    def forward(self, x: torch.Tensor, spatial_size: Sequence[int] | None = None) -> torch.Tensor:
        """Filter x; see the class. `spatial_size` = (H, W) of the tokens; without it they are a square."""
        if x.dim() == 4 and x.shape[1] == self.channels:
            weight = self._spectrum(x.shape[2], x.shape[3]).permute(2, 0, 1, 3)
            return ops.spectral_filter(x, weight.unsqueeze(0), (2, 3))
        if x.dim() != 3 or x.shape[2] != self.channels:
            raise ValueError(
                f"GlobalFilter: x must have shape (B, N, {self.channels}) or (B, {self.channels}, H, W), "
                f"got {tuple(x.shape)}"
            )
        batch, tokens, channels = x.shape
        height, width = spatial_size if spatial_size is not None else [math.isqrt(tokens)] * 2
        if height * width != tokens:
            raise ValueError(
                f"GlobalFilter: spatial_size must be (H, W) with H · W = {tokens} tokens, got {(height, width)}"
                + ("" if spatial_size is not None else ", the square that is assumed without it")
            )
        plane = x.reshape(batch, height, width, channels)
        y = ops.spectral_filter(plane, self._spectrum(height, width).unsqueeze(0), (1, 2))
        return y.reshape(batch, tokens, channels)

    def _spectrum(self, height: int, width: int) -> torch.Tensor:
        """(H, W//2 + 1, C, 2) at a resolution."""
        old, new = (*self.size, self.channels), (height, width, self.channels)
        return resample_spectrum(self.complex_weight, ("full", "half", "channel"), old, new, self.resample)
