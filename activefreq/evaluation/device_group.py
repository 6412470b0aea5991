"""A group of objects whose whole click runs on the device, without the host: one CUDA graph where there is CUDA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from activefreq.acselect import Selection, Strategy
from activefreq.clicks import PADDING
from activefreq.evaluation.answers import ask, intersection_and_union
from activefreq.evaluation.cuda_graph import GraphRunner
from activefreq.evaluation.objects import ActiveObject, click_seed
from activefreq.evaluation.pool import Group

if TYPE_CHECKING:  # only the type: it would load the networks
    from activefreq.predictor import Predictor

__all__ = ["ClickOutcome", "ClickRules", "DeviceGroup"]


@dataclass(frozen=True)
class ClickRules:
    """What is done in every round, whatever the objects."""

    predictor: Predictor
    """Answers for every slot, with clicks padded to `max_clicks`; to be recorded, it never makes the host wait."""
    strategy: Strategy
    """Chooses every click. On an empty mask its click is that of "largest", as `select_click` has it."""
    threshold: torch.Tensor
    """float32 scalar on the device: a pixel above it, strictly, is predicted object."""
    max_clicks: int
    seed: int
    record: bool
    """Whether rounds become a CUDA graph."""


class ClickOutcome(NamedTuple):
    """What one click on one object gave."""

    y: int
    x: int
    positive: bool
    valid: bool
    """False where nothing was left to click: the rest then says nothing."""
    intersection: int
    """Pixels in prediction and object."""
    union: int
    """Pixels in prediction or object."""
    least: float
    """Smallest probability of the answer; NaN where it holds one, as the largest."""
    largest: float


class DeviceGroup(Group):
    """A group that also keeps its objects' clicks, their number and their seeds on the device.

    A round is a function of the slabs alone, over every slot: choose a click, append it, ask the predictor, count. The
    host reads one small table per round. Slots may be at different click numbers; those that no object holds take part,
    so that a batch has one size however many objects are left, and make no click.
    """

    def __init__(self, size: tuple[int, int], device: torch.device, capacity: int, rules: ClickRules) -> None:
        super().__init__(size, device, capacity)
        self.rules = rules
        self._slabs |= {
            "clicks": self._slab((rules.max_clicks, 3), torch.int64),
            "made": self._slab((), torch.int64),
            "seeds": self._slab((rules.max_clicks,), torch.int64),
            "held": self._slab((), torch.bool),
            "outcomes": self._slab((len(ClickOutcome._fields),), torch.float64),  # holds counts and float32 exactly
        }
        self._runner = GraphRunner(device, rules.record)

    def add(self, active: ActiveObject, image: torch.Tensor, target: torch.Tensor, start: torch.Tensor) -> None:
        """As `Group.add`."""
        super().add(active, image, target, start)
        numbers = range(1, self.rules.max_clicks + 1)
        seeds = torch.tensor([click_seed(self.rules.seed, active.name, number) for number in numbers], device="cpu")
        self._set(len(self) - 1, clicks=PADDING, made=0, seeds=seeds, held=True)

    def remove(self, slots: list[int]) -> None:
        """As `Group.remove`."""
        super().remove(slots)
        self._slabs["held"][len(self) :] = False

    def _grow(self, slots: int) -> None:
        super()._grow(slots)
        self._runner = GraphRunner(self.device, self.rules.record)  # a graph knows the old slabs

    @property
    def recorded(self) -> bool:
        """Whether the next round replays a graph."""
        return self._runner.recorded

    def prepare(self) -> None:
        """Record the round as a graph where it is time to."""
        self._runner.prepare(self._click)

    def click(self) -> None:
        """Start a round. On CUDA it returns before the device is done."""
        self._runner.run(self._click)

    def outcomes(self) -> list[ClickOutcome]:
        """What the round gave for each object, once the device is done: the one copy to the host per round."""
        return [
            ClickOutcome(int(y), int(x), bool(positive), bool(valid), int(both), int(either), least, largest)
            for y, x, positive, valid, both, either, least, largest in self._slabs["outcomes"][: len(self)].tolist()
        ]

    def _click(self) -> None:
        """One click on every slot. Only tensors of fixed shape and place; no value reaches the host."""
        slabs, previous = self._slabs, self._slabs["previous"]
        number = slabs["made"].clamp(max=self.rules.max_clicks - 1).unsqueeze(1)
        seeds = slabs["seeds"].gather(1, number).squeeze(1)
        selection = self.rules.strategy(previous, slabs["targets"], slabs["clicked"], seeds)
        valid = selection.valid & slabs["held"]
        self._append(selection, valid)
        answer = ask(self.rules.predictor, self, slabs["images"], slabs["clicks"], previous)
        previous.copy_(answer.masked_fill(~valid.view(-1, 1, 1), 0))
        values = previous.flatten(1)
        intersection, union = intersection_and_union(previous, slabs["targets"], self.rules.threshold)
        columns = (
            *(selection.y, selection.x, selection.positive, valid),
            *(intersection, union, values.amin(dim=1), values.amax(dim=1)),
        )
        torch.stack([column.to(torch.float64) for column in columns], dim=1, out=slabs["outcomes"])

    def _append(self, selection: Selection, valid: torch.Tensor) -> None:
        """Put each valid click behind the slot's others, and mark its pixel."""
        clicks, made = self._slabs["clicks"], self._slabs["made"]
        y, x, label = (part.to(torch.int64) for part in (selection.y, selection.x, selection.positive))
        here = (torch.arange(clicks.shape[1], device=clicks.device) == made.unsqueeze(1)) & valid.unsqueeze(1)
        click = torch.stack([y, x, label], dim=1).unsqueeze(1)
        clicks.copy_(torch.where(here.unsqueeze(2), click, clicks))
        made.add_(valid)
        # A slot without a click writes back what it finds at its first pixel.
        pixels = self._slabs["clicked"].flatten(1)
        place = (y * self.size[1] + x).clamp(min=0).unsqueeze(1)
        pixels.scatter_(1, place, pixels.gather(1, place) | valid.unsqueeze(1))
