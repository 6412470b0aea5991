"""The objects being clicked: one slab of tensors per image size, slot i of which belongs to objects[i]."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from activefreq.evaluation.objects import ActiveObject

__all__ = ["Group", "Pool"]


class Group:
    """Active objects of one image size.

    A removed object's slot is taken by the last one, so that the slots in use are always the first `len(objects)`
    and a round passes views of the slabs to the predictor: nothing is stacked anew per click. Objects that have
    not been clicked yet are the last ones, because a round clicks the whole group.
    """

    def __init__(self, size: tuple[int, int], device: torch.device, capacity: int) -> None:
        self.size = size
        self.device = device
        self.capacity = capacity
        self.objects: list[ActiveObject] = []
        self._images = self._slab((3,), torch.float32, 1)
        self._targets = self._slab((), torch.int8, 1)
        self._previous = self._slab((), torch.float32, 1)
        self._clicked = self._slab((), torch.bool, 1)

    def _slab(self, channels: tuple[int, ...], dtype: torch.dtype, slots: int) -> torch.Tensor:
        return torch.empty((slots, *channels, *self.size), dtype=dtype, device=self.device)

    def __len__(self) -> int:
        return len(self.objects)

    @property
    def full(self) -> bool:
        """Whether the group makes a whole batch."""
        return len(self.objects) >= self.capacity

    @property
    def images(self) -> torch.Tensor:
        """(n, 3, H, W) float32 in [0, 1]."""
        return self._images[: len(self)]

    @property
    def targets(self) -> torch.Tensor:
        """(n, H, W) int8: 1 object, 0 background, -1 ignore."""
        return self._targets[: len(self)]

    @property
    def previous(self) -> torch.Tensor:
        """(n, H, W) float32: the last probabilities, 0 before the first click."""
        return self._previous[: len(self)]

    @property
    def clicked(self) -> torch.Tensor:
        """(n, H, W) bool: the pixels already clicked."""
        return self._clicked[: len(self)]

    @property
    def unclicked(self) -> int:
        """How many objects have no click yet; they are the last ones."""
        return sum(len(active.history) == 0 for active in self.objects)

    def add(self, active: ActiveObject, image: torch.Tensor, target: torch.Tensor) -> None:
        """Give an object the next slot, growing the slabs by doubling."""
        slot = len(self.objects)
        if slot == len(self._images):
            slots = min(2 * slot, self.capacity)
            for name in ("_images", "_targets", "_previous", "_clicked"):
                old = getattr(self, name)
                grown = torch.empty((slots, *old.shape[1:]), dtype=old.dtype, device=old.device)
                grown[:slot] = old
                setattr(self, name, grown)
        self.objects.append(active)
        self._images[slot] = image
        self._targets[slot] = target
        self._previous[slot] = 0
        self._clicked[slot] = False

    def remove(self, slots: list[int]) -> None:
        """Take objects out; the last ones move into their slots."""
        for slot in sorted(slots, reverse=True):
            last = len(self.objects) - 1
            if slot != last:
                for slab in (self._images, self._targets, self._previous, self._clicked):
                    slab[slot] = slab[last]
                self.objects[slot] = self.objects[last]
            self.objects.pop()


class Pool:
    """Groups by image size, filled until one makes a whole batch or `limit` objects are held.

    Data sets of one size hold one batch; with many sizes the pool reaches further ahead to find objects that can go
    together, `limit` of them at most.
    """

    def __init__(self, batch_size: int, device: torch.device, limit: int) -> None:
        self.batch_size = batch_size
        self.device = device
        self.limit = limit
        self.groups: dict[tuple[int, int], Group] = {}

    def __len__(self) -> int:
        return sum(len(group) for group in self.groups.values())

    def fill(self, source: Iterator[tuple[ActiveObject, torch.Tensor, torch.Tensor]]) -> None:
        """Draw objects from `source` while there is room."""
        while len(self) < self.limit and not any(group.full for group in self.groups.values()):
            entry = next(source, None)
            if entry is None:
                return
            size = entry[0].history.size
            if size not in self.groups:
                self.groups[size] = Group(size, self.device, self.batch_size)
            self.groups[size].add(*entry)

    def next_group(self) -> Group | None:
        """The largest group, the oldest of those that tie; None where the pool is empty."""
        for size in [size for size, group in self.groups.items() if not group.objects]:
            del self.groups[size]
        return max(self.groups.values(), key=len, default=None)
