"""The objects being clicked: one slab of tensors per image size, slot i of which belongs to objects[i]."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import torch

from activefreq.evaluation.objects import ActiveObject

__all__ = ["Ahead", "Entry", "Group", "Pool"]

Entry = tuple[ActiveObject, torch.Tensor, torch.Tensor, torch.Tensor]
"""An object with its image, its target and the mask it starts from, see `objects.open_object`."""


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
        self._slabs = {
            "images": self._slab((3, *size), torch.float32),
            "targets": self._slab(size, torch.int8),
            "previous": self._slab(size, torch.float32),
            "clicked": self._slab(size, torch.bool),
        }

    def _slab(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        return torch.zeros((1, *shape), dtype=dtype, device=self.device)

    def __len__(self) -> int:
        return len(self.objects)

    @property
    def slots(self) -> int:
        """Rows of the slabs, in use or not."""
        return len(self._slabs["images"])

    @property
    def full(self) -> bool:
        """Whether the group makes a whole batch."""
        return len(self.objects) >= self.capacity

    @property
    def images(self) -> torch.Tensor:
        """(n, 3, H, W) float32 in [0, 1]."""
        return self._slabs["images"][: len(self)]

    @property
    def targets(self) -> torch.Tensor:
        """(n, H, W) int8: 1 object, 0 background, -1 ignore."""
        return self._slabs["targets"][: len(self)]

    @property
    def previous(self) -> torch.Tensor:
        """(n, H, W) float32: the last probabilities; before the first click 0, or the mask that was given."""
        return self._slabs["previous"][: len(self)]

    @property
    def clicked(self) -> torch.Tensor:
        """(n, H, W) bool: the pixels already clicked."""
        return self._slabs["clicked"][: len(self)]

    @property
    def empty(self) -> int:
        """How many objects have neither a click nor a given mask; they are the last ones."""
        return sum(not active.edits and len(active.history) == 0 for active in self.objects)

    def add(self, active: ActiveObject, image: torch.Tensor, target: torch.Tensor, start: torch.Tensor) -> None:
        """Give an object the next slot, growing the slabs by doubling."""
        slot = len(self.objects)
        if slot == self.slots:
            self._grow(min(2 * slot, self.capacity))
        self.objects.append(active)
        self._set(slot, images=image, targets=target, previous=start, clicked=False)

    def _set(self, slot: int, **values: torch.Tensor | int | bool) -> None:
        for name, value in values.items():
            self._slabs[name][slot] = value

    def _grow(self, slots: int) -> None:
        for name, old in self._slabs.items():
            grown = old.new_zeros((slots, *old.shape[1:]))
            grown[: len(old)] = old
            self._slabs[name] = grown

    def remove(self, slots: list[int]) -> None:
        """Take objects out; the last ones move into their slots."""
        gone, kept = set(slots), len(self) - len(slots)
        free = [slot for slot in range(kept) if slot in gone]
        moved = [slot for slot in reversed(range(kept, len(self))) if slot not in gone]
        if free:
            target, source = torch.tensor([free, moved], dtype=torch.int64, device=self.device)
            for slab in self._slabs.values():
                slab[target] = slab[source]
            for slot, last in zip(free, moved, strict=True):
                self.objects[slot] = self.objects[last]
        del self.objects[kept:]


class Ahead:
    """An iterator that can be drawn from before its items are wanted."""

    def __init__(self, source: Iterator[Entry]) -> None:
        self._source = source
        self._drawn: deque[Entry] = deque()

    def __iter__(self) -> Iterator[Entry]:
        return self

    def __next__(self) -> Entry:
        return self._drawn.popleft() if self._drawn else next(self._source)

    def __len__(self) -> int:
        return len(self._drawn)

    def draw(self) -> bool:
        """Draw one item now; False where there is none."""
        entry = next(self._source, None)
        if entry is not None:
            self._drawn.append(entry)
        return entry is not None


class Pool:
    """Groups by image size, filled until one makes a whole batch or `limit` objects are held.

    Data sets of one size hold one batch; with many sizes the pool reaches further ahead to find objects that can go
    together, `limit` of them at most.

    Args:
        limit: objects in all groups.
        make_group: makes the group of an image size.
    """

    def __init__(self, limit: int, make_group: Callable[[tuple[int, int]], Group]) -> None:
        self.limit = limit
        self.make_group = make_group
        self.groups: dict[tuple[int, int], Group] = {}

    def __len__(self) -> int:
        return sum(len(group) for group in self.groups.values())

    def fill(self, source: Iterator[Entry]) -> None:
        """Draw objects from `source` while there is room."""
        while len(self) < self.limit and not any(group.full for group in self.groups.values()):
            entry = next(source, None)
            if entry is None:
                return
            size = entry[0].history.size
            if size not in self.groups:
                self.groups[size] = self.make_group(size)
            self.groups[size].add(*entry)

    def next_group(self) -> Group | None:
        """The largest group, the oldest of those that tie; None where the pool is empty."""
        for size in [size for size, group in self.groups.items() if not group.objects]:
            del self.groups[size]
        return max(self.groups.values(), key=len, default=None)
