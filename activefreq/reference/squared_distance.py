"""squared_distance in plain torch: the specification."""

from __future__ import annotations

import torch

__all__ = ["squared_distance"]


def squared_distance(mask: torch.Tensor) -> torch.Tensor:
    """As `activefreq.ops.squared_distance`, first along the columns, then over every horizontal offset.

    With c(y, x) the distance to the nearest background pixel of the same column, the rows above and below the image
    included, d²(y, x) = min over x' of c(y, x')² + (x - x')², where c is 0 one pixel left and right of the image.
    """
    _, height, width = mask.shape
    if mask.numel() == 0:
        return mask.new_zeros(mask.shape, dtype=torch.int32)
    row = torch.arange(height, device=mask.device).view(1, height, 1)
    above = torch.where(mask, -1, row).cummax(dim=1).values
    below = torch.where(mask, height, row).flip(1).cummin(dim=1).values.flip(1)
    column = torch.minimum(row - above, below - row)
    squared = torch.nn.functional.pad(column * column, (1, 1))
    best = squared[:, :, 1:-1].clone()
    for offset in range(1, width + 1):
        if offset * offset >= int(best.max()):
            break
        reach = squared + offset * offset
        first, last = (
            max(0, offset - 1),
            min(width, width + 1 - offset),
        )  # columns with a partner at x - offset, x + offset
        best[:, :, first:] = torch.minimum(best[:, :, first:], reach[:, :, first + 1 - offset : width + 1 - offset])
        best[:, :, :last] = torch.minimum(best[:, :, :last], reach[:, :, 1 + offset : last + 1 + offset])
    return best.to(torch.int32)
