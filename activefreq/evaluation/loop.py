"""The click loop, many objects in lock-step, one click per object and round.

A round takes one group of objects of one image size: a click is chosen on each, the predictor answers for all of them
in one call, and the objects that are done leave. Nothing in a round looks across objects, so that an object's clicks
do not depend on which others share its batch (for a predictor whose answer does not).

Which indices are evaluated is an argument and results come out one by one, so that shards of a data set can be run
apart and gathered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, cast

import torch

from activefreq.acselect import Strategy
from activefreq.clicks import NEGATIVE, POSITIVE, pad_clicks
from activefreq.evaluation.answers import ask, check_values, evaluation_mode, intersection_and_union
from activefreq.evaluation.device_group import ClickRules, DeviceGroup
from activefreq.evaluation.interfaces import Dataset
from activefreq.evaluation.objects import (
    ActiveObject,
    NothingToSegmentError,
    ObjectResult,
    StopReason,
    open_object,
)
from activefreq.evaluation.pool import Ahead, Entry, Group, Pool
from activefreq.evaluation.selections import Row, select_rows
from activefreq.evaluation.timing import DEVICE_STAGES, STAGES, Clock, Mark
from activefreq.strategies import AskingStrategy

if TYPE_CHECKING:  # only the type: it would load the networks
    from activefreq.predictor import Predictor

__all__ = ["ClickLoop", "Rounds"]

POOL_BATCHES = 4

Rounds = Literal["host", "device", "graph"]
"""Where a round is led. host: part by part, any strategy and predictor. device: clicks, histories and counts stay on
the device, which the host asks once per round for what decides who is finished. graph: that, as a CUDA graph."""


@dataclass
class ClickLoop:
    """Everything one evaluation needs; `run` yields results in the order in which objects finish."""

    predictor: Predictor
    dataset: Dataset
    strategy: Strategy | AskingStrategy
    """Chooses every click where there is a mask."""
    strategy_name: str
    """What results and messages call it."""
    first_click: Strategy | AskingStrategy
    """Chooses the first click where no mask was given."""
    max_clicks: int
    stop_at: float
    """An object stops at the first IoU >= this; above 1: never."""
    batch_size: int
    threshold: float
    seed: int
    device: torch.device
    rounds: Rounds = "host"
    """device, graph: the predictor never makes the host wait, and the strategy is one of `select_click`, whose click on
    an empty mask is that of "largest"."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Name of each object that could not be evaluated, with the reason; filled by `run`."""
    clicks: int = 0
    """Clicks made so far."""

    def __post_init__(self) -> None:
        self.clock = Clock(self.device, STAGES if self.rounds == "host" else DEVICE_STAGES)
        self._edits: bool | None = None
        self._limit = torch.tensor(self.threshold, dtype=torch.float32, device=self.device)

    def run(self, indices: Iterable[int]) -> Iterator[ObjectResult]:
        """Evaluate the samples with these indices."""
        pool = Pool(POOL_BATCHES * self.batch_size, self._group_maker())
        source = Ahead(self._open(indices))
        while True:
            pool.fill(source)
            group = pool.next_group()
            if group is None:
                return
            finished = self._device_round(group, source) if isinstance(group, DeviceGroup) else self._round(group)
            yield from (self._described(result) for result in finished)

    def _group_maker(self) -> Callable[[tuple[int, int]], Group]:
        if self.rounds == "host":
            return partial(Group, device=self.device, capacity=self.batch_size)
        strategy = cast("Strategy", self.strategy)  # one that asks the predictor is led by the host, see `rounds`
        rules = ClickRules(self.predictor, strategy, self._limit, self.max_clicks, self.seed, self.rounds == "graph")
        return partial(DeviceGroup, device=self.device, capacity=self.batch_size, rules=rules)

    def _described(self, result: ObjectResult) -> ObjectResult:
        describe = getattr(self.dataset, "attributes", None)
        return replace(result, attributes=dict(describe(result.name))) if callable(describe) else result

    def _open(self, indices: Iterable[int]) -> Iterator[Entry]:
        for index in indices:
            with self.clock.decoding():
                sample = self.dataset[index]
                try:
                    entry = open_object(sample, index)
                except NothingToSegmentError as reason:
                    self.skipped[str(sample.name)] = str(reason)
                    continue
            active, _, target, start = entry
            if active.edits and not (((start > self._limit.cpu()) != (target == 1)) & (target != -1)).any():
                self.skipped[active.name] = "the given mask is right, there is nothing to click"
                continue
            if self._edits is None:
                self._edits = active.edits
            if active.edits != self._edits:
                has = "no given mask, which others have" if self._edits else "a given mask, which others do not have"
                raise ValueError(f"evaluate: object {sample.name!r} has {has}: all start from one, or none does")
            yield entry

    def _round(self, group: Group) -> list[ObjectResult]:
        finished = self._select(group)
        if not len(group):
            return finished
        with evaluation_mode(self.predictor):
            with self.clock.stage("predict"):
                clicks = pad_clicks([active.history for active in group.objects], group.device)
                answer = ask(self.predictor, group, group.images, clicks, group.previous)
            with self.clock.stage("bookkeeping"):
                group.previous.copy_(answer)
                values = group.previous.flatten(1)
                extremes = torch.stack([values.amin(dim=1), values.amax(dim=1)], dim=1).tolist()
                check_values(self.predictor, group, extremes)
                counts = intersection_and_union(group.previous, group.targets, self._limit)
        with self.clock.stage("bookkeeping"):
            for active, (intersection, union) in zip(group.objects, torch.stack(counts, dim=1).tolist(), strict=True):
                active.ious.append(intersection / union)
            self.clicks += len(group)
            timed = len(group)
            finished += self._leave(group, [self._stop_reason(active) for active in group.objects])
        self.clock.end_round(timed)
        return finished

    def _device_round(self, group: DeviceGroup, source: Ahead) -> list[ObjectResult]:
        """A round of which the host sees the outcome alone; it opens the next objects while the device is at work."""
        with evaluation_mode(self.predictor):
            with self.clock.stage("record"):
                group.prepare()
            started = Mark(self.device)
            group.click()
            ended = Mark(self.device)
        while len(source) < self.batch_size and not ended.reached() and source.draw():
            pass
        outcomes = group.outcomes()
        self.clock.add("click", ended.seconds_since(started))
        with self.clock.stage("bookkeeping"):
            for active, outcome in zip(group.objects, outcomes, strict=True):
                if outcome.valid:
                    active.history.add(outcome.y, outcome.x, POSITIVE if outcome.positive else NEGATIVE)
            check_values(self.predictor, group, [(outcome.least, outcome.largest) for outcome in outcomes])
            reasons: list[StopReason | None] = []
            for active, outcome in zip(group.objects, outcomes, strict=True):
                if outcome.valid:
                    active.ious.append(outcome.intersection / outcome.union)
                reasons.append(self._stop_reason(active) if outcome.valid else "nothing_to_click")
            clicks = sum(outcome.valid for outcome in outcomes)
            self.clicks += clicks
            finished = self._leave(group, reasons)
        self.clock.end_round(clicks)
        return finished

    def _select(self, group: Group) -> list[ObjectResult]:
        """Give every object its next click; objects on which there is nothing to click leave."""
        with self.clock.stage("select"):
            started = len(group) - group.empty
            rows: list[Row] = []
            if started:
                rows += self._rows(self.strategy, self.strategy_name, group, slice(0, started))
            if started < len(group):
                rows += self._rows(self.first_click, "of the first click", group, slice(started, None))
        with self.clock.stage("bookkeeping"):
            reasons: list[StopReason | None] = []
            for slot, (y, x, positive, valid) in enumerate(rows):
                reasons.append(None if valid else "nothing_to_click")
                if valid:
                    group.objects[slot].history.add(y, x, POSITIVE if positive else NEGATIVE)
            self._mark(group, rows)
            return self._leave(group, reasons)

    def _rows(self, strategy: Strategy | AskingStrategy, name: str, group: Group, part: slice) -> list[Row]:
        return select_rows(strategy, self.predictor, name, group, part, self.seed)

    def _mark(self, group: Group, rows: list[Row]) -> None:
        marked = [(slot, y, x) for slot, (y, x, _, valid) in enumerate(rows) if valid]
        if marked:
            slot, y, x = torch.tensor(marked, dtype=torch.int64, device=self.device).unbind(dim=1)
            group.clicked[slot, y, x] = True

    def _stop_reason(self, active: ActiveObject) -> StopReason | None:
        if active.ious[-1] >= self.stop_at:
            return "reached"
        return "max_clicks" if len(active.history) == self.max_clicks else None

    def _leave(self, group: Group, reasons: list[StopReason | None]) -> list[ObjectResult]:
        """Take the objects that have a reason to stop out of the group; without a single click they are skipped."""
        results = [a.finish(reason) for a, reason in zip(group.objects, reasons, strict=True) if reason and a.ious]
        for active, reason in zip(group.objects, reasons, strict=True):
            if reason and not active.ious:
                self.skipped[active.name] = "the strategy found no click"
        group.remove([slot for slot, reason in enumerate(reasons) if reason])
        return results
