import importlib
import math

import pytest
import torch
from click_scenes import FIELDS, RULES, clicks_on_cpu, variant
from error_scenes import KINDS, SIZES, masks, scene

import activefreq as af

LAUNCHES = {"automatic": 0, "clusters": 1, "spread": 2}


@pytest.fixture(params=LAUNCHES)
def launch(request, cuda, monkeypatch):
    """Every way to launch, on devices that have it."""
    if request.param == "clusters" and torch.cuda.get_device_capability()[0] < 9:
        pytest.skip("this device has no clusters")
    operator = importlib.import_module("activefreq.ops.select_click")  # the package holds the function by that name
    monkeypatch.setattr(operator, "_LAUNCH", LAUNCHES[request.param])
    return cuda


def clicks_on(device, prob, target, clicked, seed, rule):
    inputs = [None if tensor is None else tensor.to(device) for tensor in (prob, target, clicked)]
    selection = af.ops.select_click(*inputs, seed=seed, **rule)
    fields = [getattr(selection, field) for field in FIELDS]
    assert all(field.device.type == "cuda" for field in fields)
    return [field.cpu() for field in fields]


def assert_equals_cpu(device, images, seed, rule):
    ours, expected = clicks_on(device, *images, seed, rule), clicks_on_cpu(*images, seed, rule)
    for field, mine, theirs in zip(FIELDS, ours, expected, strict=True):
        assert torch.equal(mine, theirs), (field, tuple(images[0].shape), rule, mine, theirs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_equals_cpu(launch, kind, rule):
    index = RULES.index(rule)
    for number, size in enumerate(SIZES):
        images = variant(*scene(kind, 2, *size, 100 * index + number), index + number)
        assert_equals_cpu(launch, images, 7 * index, rule)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 16])
def test_equals_cpu_on_images_of_use(launch, kind, batch):
    for number, rule in enumerate(RULES[::3]):
        images = variant(*scene(kind, batch, 224, 301, number), number)
        assert_equals_cpu(launch, images, 5, rule)


@pytest.mark.parametrize("kind", ["smooth", "noise", "blob", "spiral", "full"])
def test_equals_cpu_on_large_images(launch, kind):
    for number, rule in enumerate(({}, {"strategy": "largest"}, {"reading": "literal", "placement": "distance_error"})):
        assert_equals_cpu(launch, variant(*scene(kind, 2, 1024, 1111, number), number), 5, rule)


@pytest.mark.parametrize("rule", [{}, {"reading": "literal", "connectivity": 4}, {"placement": "distance_entropy"}])
def test_repeats_bit_for_bit(launch, rule):
    images = variant(*scene("noise", 16, 300, 333, 4), 0)
    expected = clicks_on(launch, *images, 3, rule)
    for _ in range(20):
        for mine, first in zip(clicks_on(launch, *images, 3, rule), expected, strict=True):
            assert torch.equal(mine, first)


def test_seeds_per_image_and_other_types(cuda):
    prob, target = scene("smooth", 3, 41, 67, 6)
    prob = (prob * 256).round() / 256  # representable in bfloat16
    seed = torch.tensor([5, -1, 2**62])
    expected = af.ops.select_click(prob, target, strategy="random", seed=seed)
    for dtype in (torch.float64, torch.bfloat16, torch.float16):
        ours = af.ops.select_click(prob.to(cuda, dtype), target.to(cuda).long(), strategy="random", seed=seed.to(cuda))
        for field in FIELDS:
            assert torch.equal(getattr(ours, field).cpu(), getattr(expected, field))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_give_no_click(launch, value):
    prob, target = scene("smooth", 3, 40, 70, 1)
    expected = clicks_on_cpu(prob, target, None, 0, {})
    prob = prob.clone()
    prob[1, 13, 69] = value
    y, x, positive, valid, area, score = clicks_on(launch, prob, target, None, 0, {})
    assert valid.tolist() == [True, False, True]
    assert (int(y[1]), int(x[1]), bool(positive[1]), int(area[1])) == (-1, -1, False, 0)
    assert math.isnan(score[1])
    assert torch.equal(y[[0, 2]], expected[0][[0, 2]])
    assert torch.equal(x[[0, 2]], expected[1][[0, 2]])


def test_empty_batches_and_images(cuda):
    for shape in ((0, 4, 5), (2, 0, 5), (2, 4, 0)):
        selection = af.ops.select_click(
            torch.zeros(shape, device=cuda), torch.ones(shape, dtype=torch.int8, device=cuda)
        )
        assert selection.valid.tolist() == [False] * shape[0]
        assert selection.y.tolist() == [-1] * shape[0]


@pytest.mark.parametrize("rule", [{}, {"strategy": "largest"}, {"placement": "distance_error"}])
def test_a_replayed_graph_reads_its_inputs_again(launch, rule):
    scenes = [scene(kind, 4, 90, 121, 2) for kind in ("noise", "smooth", "empty")]
    prob, target = (tensor.to(launch) for tensor in scenes[0])
    target = target.to(torch.int8)
    af.ops.select_click(prob, target, **rule)  # loads the module before the capture
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        selection = af.ops.select_click(prob, target, **rule)
    for new_prob, new_target in (*scenes[1:], scenes[0]):
        prob.copy_(new_prob)
        target.copy_(new_target)
        graph.replay()
        for field, theirs in zip(FIELDS, clicks_on_cpu(new_prob, new_target, None, 0, rule), strict=True):
            assert torch.equal(getattr(selection, field).cpu(), theirs), field


def test_runs_on_the_current_stream(cuda):
    prob, target = (tensor.to(cuda) for tensor in scene("smooth", 4, 90, 121, 2))
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        late = (prob * 1).add_(0)
        selection = af.ops.select_click(late, target)
    stream.synchronize()
    expected = clicks_on_cpu(prob.cpu(), target.cpu(), None, 0, {})
    assert torch.equal(selection.y.cpu(), expected[0])


def test_offsets_beyond_32_bits(launch):
    torch.cuda.empty_cache()  # what the tests before left with torch
    free, _ = torch.cuda.mem_get_info()
    if free < 110 << 30:
        pytest.skip("needs 110 GB of device memory")
    batch = 2**32 // (4096 * 4096) + 1
    wrong = masks("blob", 1, 4096, 4096, 1)[0].to(launch)
    prob = torch.zeros(batch, 4096, 4096, device=launch)
    prob[:, 0, 0] = 0.75  # something is predicted, and wrong
    target = torch.zeros(batch, 4096, 4096, dtype=torch.int8, device=launch)
    target[-1] = wrong
    selection = af.ops.select_click(prob, target)
    expected = clicks_on_cpu(prob[-1:].cpu(), target[-1:].cpu(), None, 0, {})
    for field, theirs in zip(FIELDS, expected, strict=True):
        assert torch.equal(getattr(selection, field)[-1:].cpu(), theirs)
    assert selection.y[:-1].tolist() == [0] * (batch - 1)
    assert selection.valid.all()
