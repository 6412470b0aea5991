"""Where the chance of a training step comes from: the same numbers on every device and for any number of processes."""

from __future__ import annotations

import torch

__all__ = ["Chance"]


class Chance:
    """Random numbers of one step, drawn on the CPU for the whole batch; each process gets those of its own images.

    So neither the device nor the number of processes changes what an image meets.

    Args:
        generator: on the CPU, in the same state in every process.
        batch: images of the step, in all processes together.
        rows: which of them are this process's; None: all.
        device: where the numbers are wanted.
    """

    def __init__(
        self,
        generator: torch.Generator,
        batch: int,
        rows: slice | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self._generator = generator
        self._batch = batch
        self._rows = slice(None) if rows is None else rows
        self._device = device

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        """(B, *shape) float32 from low to high, one draw for each image of this process."""
        numbers = torch.rand(self._batch, *shape, generator=self._generator)
        return (numbers[self._rows] * (high - low) + low).to(self._device, non_blocking=True)

    def integer(self, low: int, high: int) -> int:
        """One integer from low to high, both included, the same in every process."""
        return int(torch.randint(low, high + 1, (), generator=self._generator))
