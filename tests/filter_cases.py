"""Shapes and random inputs of the frequency operators, for their kernels on the host and on a GPU."""

import torch

ELEMENTS = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
"""As `Element` of csrc/core/element_types.h."""

# Layers of FreqFormer at 224, 384 and 448 pixels, odd and even sizes of all factors, batches that do not fill pairs.
LAYERS = [(32, 56, 56), (64, 28, 28), (128, 14, 14), (256, 7, 7), (64, 56, 56), (128, 28, 28), (256, 14, 14)]
GENERAL = [
    (3, 8, 7, 6),
    (2, 12, 9, 15),
    (5, 20, 21, 10),
    (3, 24, 35, 49),
    (2, 4, 1, 5),
    (1, 8, 5, 1),
    (1, 4, 1, 1),
    (2, 32, 96, 96),
    (1, 64, 48, 48),
    (3, 128, 24, 24),
    (2, 256, 12, 12),
    (1, 28, 63, 64),
    (2, 8, 160, 128),
    (33, 4, 7, 7),
]


def random_mix(shape, seed=0):
    _, channels, height, width = shape
    quarter, h, w = channels // 4, height // 2 + 1, width // 2 + 1
    generator = torch.Generator().manual_seed(seed)
    sizes = [(quarter, 1, 3, 3), (quarter,), (quarter, height, w, 2), (quarter, h, 2), (quarter, w, 2)]
    normal = [torch.randn(size, generator=generator) for size in (shape, *sizes, shape)]
    return normal[0], normal[1:-1], normal[-1]


# shape of x, which axes a weight of its own has (the others share), transformed axes
TWO_AXES = [
    ((3, 4, 5, 6), (0, 1, 0, 0), (2, 3)),
    ((3, 4, 5, 6), (0, 0, 0, 0), (1, 2)),
    ((2, 8, 24, 16), (0, 0, 0, 0), (1, 3)),
    ((2, 5, 9, 4), (1, 0, 0, 0), (3, 1)),
    ((2, 3, 4, 5, 6), (1, 0, 0, 0, 1), (-2, 1)),
    ((28, 7), (0, 0), (0, 1)),
    ((33, 2, 3), (1, 0, 0), (1, 2)),
    ((33, 2, 3), (0, 0, 0), (1, 2)),
    ((3, 1, 2), (0, 0, 0), (1, 2)),
    ((4, 1, 1), (1, 0, 0), (1, 2)),
    ((2, 210, 3), (1, 0, 0), (2, 1)),
]
LIBRARY = [  # three axes, primes over 7
    ((2, 8, 9, 10), (0, 0, 0, 0), (1, 2, 3)),
    ((2, 3, 4, 5, 6), (1, 0, 0, 0, 0), (-1, 1, -3)),
    ((5, 13, 22), (0, 0, 0), (1, 2)),
    ((2, 3, 37, 4), (0, 1, 0, 0), (2, 3)),
    ((2, 97, 3), (1, 0, 0), (2, 1)),
]


def random_filter(case, seed=0):
    shape, own, axes = case
    positive = [a % len(shape) for a in axes]
    weight = [n // 2 + 1 if a == positive[-1] else n if a in positive or own[a] else 1 for a, n in enumerate(shape)]
    generator = torch.Generator().manual_seed(seed)
    x, g = torch.randn((2, *shape), generator=generator)
    return x, torch.randn((*weight, 2), generator=generator), g, positive
