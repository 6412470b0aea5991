"""Rules and inputs for tests that compare select_click between backends."""

import torch
from error_scenes import random_mask, with_ignored

import activefreq as af
from activefreq.acselect import PLACEMENTS, READINGS, STRATEGIES

FIELDS = ("y", "x", "positive", "valid", "area", "score")
# Every strategy, every reading and every placement, each with the others at least once.
RULES = [
    *(
        {"strategy": strategy, "placement": placement, "connectivity": 8 if index % 2 else 4}
        for index, strategy in enumerate(STRATEGIES)
        for placement in PLACEMENTS
    ),
    *({"reading": reading, "connectivity": 4} for reading in READINGS),
    *({"reading": reading, "min_area": 5, "placement": "distance_error"} for reading in READINGS),
    {"reading": "literal", "rgu_eps": 0.1, "weights": (0.0, -1.0, 2.5)},
    {"threshold": 0.3, "reading": "bounded"},
    {"threshold": 0.8, "strategy": "least-confidence"},
]


def variant(prob, target, number):
    """(prob, target int8, clicked): with ignored pixels where `number` is odd, with clicked ones where bit 1 is set."""
    target = with_ignored(target, 0.1, number) if number & 1 else target.to(torch.int8)
    density = (0.02, 0.5, 0.97, 1.0)[number // 4 % 4]
    return prob, target, random_mask(prob.shape, density, number) if number & 2 else None


def clicks_on_cpu(prob, target, clicked, seed, rule):
    """The six outputs of the CPU operator."""
    selection = af.ops.select_click(prob, target, clicked, seed=seed, **rule)
    return [getattr(selection, field) for field in FIELDS]
