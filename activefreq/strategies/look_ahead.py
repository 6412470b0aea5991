"""Trying clicks before one is made: many candidates per image go through the network in one batch, the best is kept.

With the truth (`gain="true"`, strategy "look-ahead-bound") the best is the one after which IoU is highest. Nobody who
clicks could do that: it says how much a choice of clicks can be worth, and is never to be compared with other numbers.

Without it (strategy "look-ahead") the network judges itself. With m the mask and p the probabilities before a click,
m' and p' after it, the gain it expects is

    E(m', p') - E(m, p'),   E(m, p) = Σ_{i in m} p_i / (|m| + Σ_{i not in m} p_i),

the IoU it expects of the new mask less that of the old one, both by what it believes after the click.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from activefreq.ops.select_click import Selection
from activefreq.reference.click_rule import is_whole_number
from activefreq.strategies.candidates import doubtful_pixels, error_pixels
from activefreq.strategies.interface import Situation

__all__ = ["LookAhead"]

NO_CLICK = (-1, -1, False, False, 0, 0.0)
Click = tuple[int, int, bool, bool, int, float]


@dataclass(frozen=True)
class LookAhead:
    """Try clicks, keep the best.

    Each image's candidates go through the predictor in one call of their own, so that the choice does not depend on
    which images share a batch.

    Raises:
        ValueError: an option out of range.
    """

    gain: Literal["expected", "true"] = "expected"
    """expected: by the network's own probabilities; true: by the truth, a bound."""
    among: Literal["errors", "anywhere"] = "errors"
    """errors: candidates are error pixels, as for every other strategy: the annotator sees what is wrong. anywhere:
    they are pixels that the network doubts, tried with both labels and weighted by its probability of each: advice to
    somebody who has not said yet what is wrong. The click that is made has the true label."""
    candidates: int = 16
    """Clicks tried per image; "anywhere" tries half as many pixels."""
    threshold: float = 0.5
    """A pixel is predicted object where its probability is above this, strictly."""

    def __post_init__(self) -> None:
        _check_name("gain", self.gain, ("expected", "true"))
        _check_name("among", self.among, ("errors", "anywhere"))
        if self.gain == "true" and self.among == "anywhere":
            raise ValueError("look-ahead: gain 'true' goes with among 'errors'")
        if not (is_whole_number(self.candidates) and self.candidates >= 2):
            raise ValueError(f"look-ahead: candidates must be a whole number of at least 2, got {self.candidates!r}")

    def select_with(self, situation: Situation) -> Selection:
        """The next click of each image; `score` is the gain in IoU, `area` is 0."""
        rows = [self._select(situation, image) for image in range(len(situation.prob))]
        device = situation.prob.device
        dtypes = (torch.int32, torch.int32, torch.bool, torch.bool, torch.int32, torch.float32)
        columns = zip(*rows, strict=True) if rows else [()] * 6
        return Selection(
            *(torch.tensor(c, dtype=dtype, device=device) for c, dtype in zip(columns, dtypes, strict=True))
        )

    def _select(self, situation: Situation, image: int) -> Click:
        prob, target, clicked = situation.prob[image], situation.target[image], situation.clicked[image]
        is_object = (target == 1).flatten()
        seed = int(situation.seed[image])
        if self.among == "errors":
            pixels = error_pixels(prob, target, clicked, seed, self.candidates, self.threshold)
            labels = is_object[pixels].long()
            tried = pixels
        else:
            pixels = doubtful_pixels(prob, clicked, target == -1, seed, self.candidates // 2)
            tried = torch.cat([pixels, pixels])
            labels = torch.cat([torch.ones_like(pixels), torch.zeros_like(pixels)])
        if not len(pixels):
            return NO_CLICK
        answers = _answers(situation, image, tried, labels)
        gains = self._gains(answers, prob, target)
        if self.among == "anywhere":
            weight = prob.flatten()[pixels].double()
            gains = weight * gains[: len(pixels)] + (1 - weight) * gains[len(pixels) :]
        best = int(gains.argmax())
        y, x = divmod(int(pixels[best]), prob.shape[1])
        return y, x, bool(is_object[pixels[best]]), True, 0, float(gains[best])

    def _gains(self, answers: torch.Tensor, prob: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """(n,) float64: the gain of every candidate."""
        limit = torch.tensor(self.threshold, dtype=torch.float32, device=prob.device)
        counted = target != -1
        before, after = (prob > limit) & counted, (answers > limit) & counted
        belief = (target == 1).double().expand(answers.shape) if self.gain == "true" else answers.double() * counted
        return _expected_iou(after, belief) - _expected_iou(before.expand_as(after), belief)


def _expected_iou(masks: torch.Tensor, belief: torch.Tensor) -> torch.Tensor:
    """(n,) of masks (n, H, W) under probabilities (n, H, W); the IoU itself where they are 0 and 1."""
    inside = (belief * masks).sum(dim=(1, 2))
    either = masks.sum(dim=(1, 2)) + (belief * ~masks).sum(dim=(1, 2))
    return inside / either.clamp(min=1e-12)


def _answers(situation: Situation, image: int, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(n, H, W) float32: what the network would answer to each click, after those that were made."""
    count, width = len(pixels), situation.prob.shape[2]
    made = situation.clicks[image]
    made = made[made[:, 2] >= 0].expand(count, -1, -1)
    new = torch.stack([pixels // width, pixels % width, labels], dim=1).unsqueeze(1)
    images = situation.images[image].expand(count, -1, -1, -1)
    previous = situation.prob[image].expand(count, -1, -1)
    answer = situation.predictor.predict(images, torch.cat([made, new], dim=1), previous)
    return answer.to(device=previous.device, dtype=torch.float32)


def _check_name(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"look-ahead: {option} must be one of {', '.join(choices)}, got {value!r}")
