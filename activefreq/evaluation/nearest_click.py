"""A predictor without weights, so that the evaluator can be tried and tested: not a model to compare with."""

from __future__ import annotations

import torch

from activefreq.clicks import NEGATIVE, POSITIVE

__all__ = ["NearestClick"]


class NearestClick:
    """Gives every pixel to the nearest click, near in place and colour. A toy: it has learnt nothing.

        cost(pixel, click) = |pixel - click|² / (H² + W²) + colour_weight |rgb(pixel) - rgb(click)|²
        probability = n / (n + p), p and n the least cost over the positive and the negative clicks

    Where there is no negative click n is `background`. Only elementwise arithmetic is used, so that the answer for an
    image has the same bits in any batch; tests of the evaluator rely on that.
    """

    name = "nearest-click"
    capturable = True

    def __init__(self, colour_weight: float = 1.0, background: float = 0.05) -> None:
        self.colour_weight = colour_weight
        self.background = background

    def describe(self) -> dict[str, object]:
        """What it is, for metrics.json."""
        return {
            "kind": "toy: the nearest click in place and colour, no weights",
            "colour_weight": self.colour_weight,
            "background": self.background,
        }

    def predict(self, images: torch.Tensor, clicks: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        """As `activefreq.predictor.Predictor.predict`; `previous` is not used."""
        height, width = images.shape[2:]
        rows = torch.arange(height, device=images.device).view(1, height, 1)
        columns = torch.arange(width, device=images.device).view(1, 1, width)
        every = torch.arange(len(images), device=images.device)
        has_negative = (clicks[:, :, 2] == NEGATIVE).any(dim=1).view(-1, 1, 1)
        nothing = torch.full_like(previous, torch.inf)
        cost = {POSITIVE: nothing, NEGATIVE: torch.where(has_negative, nothing, self.background)}
        for y, x, label in (click.unbind(dim=1) for click in clicks.unbind(dim=1)):
            dy, dx = rows - y.view(-1, 1, 1), columns - x.view(-1, 1, 1)
            place = (dy * dy + dx * dx).to(torch.float32) / (height * height + width * width)
            colour = images[every, :, y.clamp(min=0), x.clamp(min=0)]
            red, green, blue = (images[:, c] - colour[:, c].view(-1, 1, 1) for c in range(3))
            here = place + (red * red + green * green + blue * blue) * self.colour_weight
            for kind, least in cost.items():
                chosen = (label == kind).view(-1, 1, 1)
                cost[kind] = torch.where(chosen, torch.minimum(least, here), least)
        positive, negative = cost[POSITIVE] + 1e-6, cost[NEGATIVE] + 1e-6
        return torch.where(positive.isinf(), 0.0, negative / (negative + positive))
