"""Probabilities and targets that make error regions of every kind, for the tests of label, distance and click."""

import math

import torch

KINDS = (
    "smooth",
    "noise",
    "sparse",
    "dense",
    "blob",
    "checkerboard",
    "bars",
    "spiral",
    "comb",
    "empty",
    "full",
    "first",
    "ties",
    "one",
)
SIZES = ((1, 1), (1, 77), (70, 1), (2, 2), (7, 33), (16, 64), (33, 65), (40, 130))


def smooth(batch, height, width, sigma, generator):
    """A Gaussian random field of unit deviation and a correlation length of about `sigma` pixels."""
    field = torch.randn(batch, height, width, generator=generator)
    rows, columns = torch.fft.fftfreq(height).view(-1, 1), torch.fft.fftfreq(width).view(1, -1)
    low_pass = torch.exp(-2 * (math.pi * sigma) ** 2 * (rows**2 + columns**2))
    field = torch.fft.ifft2(torch.fft.fft2(field) * low_pass).real
    return field / field.flatten(1).std(dim=1, correction=0).clamp(min=1e-6).view(-1, 1, 1)


def scene(kind, batch, height, width, seed):
    """(prob float32, target bool), each (B, H, W)."""
    generator = torch.Generator().manual_seed(seed)

    def uniform():
        return torch.rand(batch, height, width, generator=generator)

    y, x = torch.arange(height).view(1, -1, 1), torch.arange(width).view(1, 1, -1)
    everywhere = torch.zeros(batch, height, width)
    target = uniform() < 0.5
    if kind == "smooth":
        sigma = max(1.0, min(height, width) / 12)
        field = smooth(batch, height, width, sigma, generator)
        noisy = field + 0.4 * smooth(batch, height, width, sigma / 3, generator)
        return torch.sigmoid(6 * noisy), field > 0
    if kind == "noise":
        return uniform(), target
    if kind == "sparse":
        return uniform() * 0.5, uniform() < 0.02
    if kind == "dense":
        return uniform() * 0.5, uniform() < 0.97
    if kind == "blob":
        inside = ((y - height / 2) / (0.4 * height + 1)) ** 2 + ((x - width / 2) / (0.45 * width + 1)) ** 2 < 1
        return uniform() * 0.49, inside.expand(batch, -1, -1).clone()
    if kind == "checkerboard":
        even = ((y + x) % 2 == 0).expand(batch, -1, -1)
        return torch.where(even, 0.25, 0.75), even.clone()
    if kind == "bars":
        return (uniform() * 5).round() / 10, (y + 0 * x).expand(batch, -1, -1) % 14 < 9
    if kind == "spiral":
        radius = torch.hypot(y - height / 2, x - width / 2)
        turn = torch.atan2(y - height / 2, x - width / 2) / math.tau
        return uniform() * 0.4, ((radius / 3 - turn) % 2 < 1).expand(batch, -1, -1).clone()
    if kind == "comb":
        return uniform() * 0.4, ((x % 2 == 0) | (y == height - 1)).expand(batch, -1, -1).clone()
    if kind == "empty":
        return target.float(), target
    if kind == "full":
        return uniform() * 0.5, everywhere == 0
    if kind == "first":
        return everywhere, target
    if kind == "ties":
        return everywhere + 0.25, target
    if kind == "one":  # one pixel is missed, another one too many
        places = torch.randint(height * width, (2, batch, 1), generator=generator)
        prob, target = everywhere.flatten(1).clone(), (everywhere > 0).flatten(1)
        prob.scatter_(1, places[0], 0.75)
        target.scatter_(1, places[1], True)
        return prob.view(everywhere.shape), target.view(everywhere.shape)
    raise ValueError(kind)


def with_ignored(target, fraction, seed):
    """Target as int8 with some pixels ignored."""
    generator = torch.Generator().manual_seed(seed)
    return torch.where(torch.rand(target.shape, generator=generator) < fraction, -1, target.to(torch.int8)).to(
        torch.int8
    )


def random_mask(shape, density, seed):
    """Independent pixels."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < density


def masks(kind, batch, height, width, seed):
    """The error mask of a scene: false negatives where there are any, otherwise false positives."""
    prob, target = scene(kind, batch, height, width, seed)
    missed = target & ~(prob > 0.5)
    return missed if bool(missed.any()) else ~target & (prob > 0.5)
