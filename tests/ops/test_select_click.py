import cv2
import pytest
import torch
from click_scenes import FIELDS, RULES
from error_scenes import KINDS, SIZES, random_mask, scene, with_ignored

import activefreq as af
from activefreq.acselect import PLACEMENTS, STRATEGIES
from activefreq.reference.click_rule import ClickRule


def tensors(selection):
    return [getattr(selection, field) for field in FIELDS]


def assert_same(selection, expected, context=None):
    for field, ours, theirs in zip(FIELDS, tensors(selection), expected, strict=True):
        assert ours.dtype == theirs.dtype, field
        assert torch.equal(ours, theirs), (context, field, ours, theirs)


def assert_equals_reference(prob, target, clicked, seed, context=None, **options):
    selection = af.ops.select_click(prob, target, clicked, seed=seed, **options)
    assert_same(selection, af.reference.select_click(prob, target, clicked, seed, ClickRule(**options)), context)
    return selection


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_equals_reference(kind, rule):
    index = RULES.index(rule)
    for number, size in enumerate(SIZES):
        prob, target = scene(kind, 2, *size, seed=100 * index + number)
        variant = (index + number) % 4
        if variant & 1:
            target = with_ignored(target, 0.1, seed=number)
        clicked = (
            random_mask(prob.shape, (0.02, 0.5, 0.97, 1.0)[(index + number) // 4 % 4], number) if variant & 2 else None
        )
        assert_equals_reference(prob, target, clicked, 7 * index, (size, variant), **rule)


@pytest.mark.parametrize("kind", ["smooth", "noise", "blob", "dense", "spiral"])
def test_instruction_sets_agree(kind, instruction_set):
    prob, target = scene(kind, 2, 75, 141, seed=11)
    for rule in RULES:
        assert_equals_reference(prob, target, None, 5, rule, **rule)


@pytest.mark.parametrize("rule", RULES[::4], ids=str)
def test_batch_and_threads_do_not_matter(rule, restore_threads):
    prob, target = (torch.cat(parts) for parts in zip(*(scene(kind, 4, 48, 83, 2) for kind in KINDS[:8]), strict=True))
    seed = torch.arange(32)
    torch.set_num_threads(1)
    expected = tensors(af.ops.select_click(prob, target, seed=seed, **rule))
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        for batch in (1, 7, 32):
            parts = [
                tensors(
                    af.ops.select_click(prob[i : i + batch], target[i : i + batch], seed=seed[i : i + batch], **rule)
                )
                for i in range(0, 32, batch)
            ]
            for ours, theirs in zip(map(torch.cat, zip(*parts, strict=True)), expected, strict=True):
                assert torch.equal(ours, theirs), (threads, batch)


def far_pixels(kind, size):
    """Large distances: the search gives up and the whole transform decides."""
    prob = torch.full((1, *size), 0.25)
    target = torch.ones(1, *size, dtype=torch.bool)
    if kind == "holes":
        target &= random_mask(target.shape, 0.9995, 4)
    return prob, target


@pytest.mark.parametrize("kind", ["full", "holes"])
@pytest.mark.parametrize("strategy", ["largest", "acselect"])
def test_large_regions(kind, strategy, instruction_set):
    prob, target = far_pixels(kind, (420, 433))
    assert_equals_reference(prob, target, None, 0, strategy=strategy)
    clicked = random_mask(prob.shape, 0.5, 1)
    assert_equals_reference(prob, target, clicked, 0, strategy=strategy)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("with_clicks", [False, True])
def test_largest_is_the_rule_of_the_field(kind, with_clicks):
    """OpenCV's float32 transform rounds, so the exact distance at its pixel has to equal ours, not the pixel."""
    prob, target = scene(kind, 3, 90, 121, seed=8)
    target = with_ignored(target, 0.01, seed=9)
    clicked = random_mask(prob.shape, 0.1, 10) if with_clicks else torch.zeros(prob.shape, dtype=torch.bool)
    selection = af.ops.select_click(prob, target, clicked, strategy="largest")
    predicted = prob > 0.5
    missed, wrong = (target == 1) & ~predicted, (target == 0) & predicted
    exact = [af.reference.squared_distance(mask) * ~clicked for mask in (missed, wrong)]
    for image in range(3):
        furthest = [int(distance[image].max()) for distance in exact]
        assert bool(selection.valid[image]) == (max(furthest) > 0)
        if max(furthest) == 0:
            continue
        positive = furthest[0] > furthest[1]
        assert bool(selection.positive[image]) == positive
        assert float(selection.score[image]) == max(furthest)
        distance = exact[0 if positive else 1][image]
        y, x = divmod(int(distance.argmax()), 121)
        assert (int(selection.y[image]), int(selection.x[image])) == (y, x)
        padded = cv2.copyMakeBorder(
            (missed if positive else wrong)[image].numpy().astype("uint8"), 1, 1, 1, 1, cv2.BORDER_CONSTANT
        )
        transform = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
        transform = torch.from_numpy(transform) * ~clicked[image]
        assert int(distance.flatten()[transform.argmax()]) == max(furthest)


def test_stops_with_nothing_to_click():
    prob, target = scene("smooth", 2, 20, 30, 1)
    for clicked, labels in ((torch.ones(2, 20, 30, dtype=torch.bool), target), (None, torch.full((2, 20, 30), -1))):
        for strategy in STRATEGIES:
            selection = af.ops.select_click(prob, labels, clicked, strategy)
            assert [field.tolist() for field in tensors(selection)] == [
                [-1, -1],
                [-1, -1],
                [False, False],
                [False, False],
                [0, 0],
                [0.0, 0.0],
            ]


def test_first_click_is_the_largest_one():
    _, target = scene("smooth", 4, 40, 50, 3)
    nothing = torch.zeros(4, 40, 50)
    expected = tensors(af.ops.select_click(nothing, target, strategy="largest"))
    for strategy in STRATEGIES:
        assert_same(af.ops.select_click(nothing, target, strategy=strategy, seed=5), expected)


def test_the_default_placement_is_that_of_the_strategy():
    prob, target = scene("smooth", 4, 40, 50, 3)
    for strategy in STRATEGIES:
        placement = "distance_error3" if strategy == "acselect" else "distance"
        expected = tensors(af.ops.select_click(prob, target, strategy=strategy, placement=placement, seed=5))
        assert_same(af.ops.select_click(prob, target, strategy=strategy, seed=5), expected)


def test_placements_by_hand():
    """A bar three pixels high; the network is ever surer of its mistake towards the right end."""
    target = torch.zeros(1, 5, 22, dtype=torch.int8)
    target[0, 1:4, 1:21] = 1
    error = torch.linspace(0.55, 0.95, 22, dtype=torch.float64)
    prob = torch.where(target == 1, 1 - error, 0.1).float()
    distance = af.reference.squared_distance(target == 1)[0].double().sqrt()
    entropy = -(error * error.log() + (1 - error) * (1 - error).log())
    weights = {"distance": error**0, "distance_error": error, "distance_error3": error**3, "distance_entropy": entropy}
    assert set(weights) == set(PLACEMENTS)
    for placement, weight in weights.items():
        selection = af.ops.select_click(prob, target, placement=placement)
        y, x = divmod(int((distance * weight).argmax()), 22)
        assert (int(selection.y), int(selection.x)) == (y, x), placement


def test_a_surer_mistake_outweighs_depth():
    """Half as far from the edge, the cube needs 2^(1/3) of the error: .6 against .6 × 1.26 = .756."""
    target = torch.ones(1, 3, 30, dtype=torch.int8)
    target[0, 0, 15:] = target[0, 2, 15:] = 0
    for error, right in ((0.74, False), (0.77, True)):
        prob = torch.where(target == 1, 0.4, 0.1)
        prob[0, 1, 16:29] = 1 - error
        selection = af.ops.select_click(prob, target, placement="distance_error3")
        assert (int(selection.x) > 15) == right
        assert int(af.ops.select_click(prob, target, placement="distance_error").x) <= 15


def test_min_area_falls_back_to_smaller_regions():
    target = torch.zeros(1, 9, 20, dtype=torch.uint8)
    target[0, 1, 1] = target[0, 5:8, 5:8] = 1
    prob = torch.full((1, 9, 20), 0.1)
    prob[0, 1, 1] = 0.45  # the higher mean entropy
    areas = [int(af.ops.select_click(prob, target, None, "entropy", min_area=area).area) for area in (1, 2, 9, 10)]
    assert areas == [1, 9, 9, 1]
    clicked = torch.zeros(1, 9, 20, dtype=torch.bool)
    clicked[0, 5:8, 5:8] = True
    assert int(af.ops.select_click(prob, target, clicked, "entropy", min_area=2).area) == 1


def test_input_types_and_layouts():
    prob, target = scene("smooth", 3, 41, 67, 6)
    prob = (prob * 256).round() / 256  # representable in bfloat16
    labels = with_ignored(target, 0.1, 7)
    expected = tensors(af.ops.select_click(prob, labels, reading="literal"))
    for dtype in (torch.float64, torch.bfloat16, torch.float16):
        assert_same(af.ops.select_click(prob.to(dtype), labels, reading="literal"), expected)
    for dtype in (torch.int16, torch.int32, torch.int64):
        assert_same(af.ops.select_click(prob, labels.to(dtype), reading="literal"), expected)
    turned = [tensor.transpose(1, 2).contiguous().transpose(1, 2) for tensor in (prob, labels)]
    assert_same(af.ops.select_click(*turned, reading="literal"), expected)
    plain = tensors(af.ops.select_click(prob, target))
    assert_same(af.ops.select_click(prob, target.to(torch.uint8) * 1), plain)
    # 255 and 257 are background, not -1 and 1.
    assert_same(af.ops.select_click(prob, torch.where(target, 1, 255).to(torch.uint8)), plain)
    assert_same(af.ops.select_click(prob, torch.where(target, 1, 257)), plain)
    assert_same(af.ops.select_click(prob.clone().requires_grad_(), target), plain)


def test_empty_batches_and_images():
    for shape in ((0, 4, 5), (2, 0, 5), (2, 4, 0)):
        selection = af.ops.select_click(torch.zeros(shape), torch.ones(shape, dtype=torch.int8))
        assert selection.valid.tolist() == [False] * shape[0]
        assert selection.y.tolist() == [-1] * shape[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_probabilities_must_be_finite(value):
    prob, target = scene("smooth", 5, 20, 70, 1)
    prob[3, 11, 69] = value
    target = target.to(torch.int8)
    target[3, 11, 69] = -1  # ignored pixels count too
    with pytest.raises(ValueError, match=r"select_click: prob of image 3 holds NaN or infinity"):
        af.ops.select_click(prob, target)


PROB, TARGET = torch.zeros(2, 4, 5), torch.zeros(2, 4, 5, dtype=torch.int8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prob": torch.zeros(4, 5)}, r"prob must have shape \(B, H, W\), got \(4, 5\)"),
        ({"prob": torch.zeros(2, 4, 5, dtype=torch.int32)}, r"prob must be floating point, got torch.int32"),
        ({"target": torch.zeros(4, 5)}, r"target must have shape \(B, H, W\), got \(4, 5\)"),
        ({"target": TARGET[:, :3]}, r"target must have prob's shape \(2, 4, 5\), got \(2, 3, 5\)"),
        ({"target": PROB}, r"target must be integer or bool, got torch.float32"),
        ({"target": TARGET.to("meta")}, r"target must be on prob's device cpu, got meta"),
        ({"clicked": TARGET}, r"clicked must be bool, got torch.int8"),
        ({"clicked": TARGET[:1] > 0}, r"clicked must have prob's shape \(2, 4, 5\), got \(1, 4, 5\)"),
        ({"strategy": "biggest"}, r"strategy must be one of largest, random, entropy, least-confidence, acselect, got"),
        ({"reading": "eq3"}, r"reading must be one of error_sum, entropy_sum, literal, class_sum, bounded, got 'eq3'"),
        (
            {"placement": "centre"},
            r"placement must be one of distance, distance_error, distance_entropy, distance_error3, got",
        ),
        ({"threshold": float("nan")}, r"threshold must be a finite number, got nan"),
        ({"connectivity": 6}, r"connectivity must be 4 or 8, got 6"),
        ({"weights": (1, 2)}, r"weights must be three finite numbers"),
        ({"weights": (1, 2, float("inf"))}, r"weights must be three finite numbers"),
        ({"rgu_eps": 0.0}, r"rgu_eps must be a finite number > 0, got 0.0"),
        ({"min_area": 0}, r"min_area must be a whole number between 1 and 2\*\*31 - 1, got 0"),
        ({"seed": torch.zeros(3, dtype=torch.int64)}, r"seed must be int64 of shape \(2,\) on prob's device cpu, got"),
        ({"seed": 2**63}, r"seed must fit 64 bits"),
    ],
)
def test_errors_teach(arguments, message):
    with pytest.raises(ValueError, match="select_click: " + message):
        af.ops.select_click(**{"prob": PROB, "target": TARGET, **arguments})


def test_tensors_are_asked_for():
    with pytest.raises(TypeError, match=r"select_click: target must be a tensor, got list"):
        af.ops.select_click(PROB, TARGET.tolist())


def test_schema():
    prob, target = scene("smooth", 2, 20, 30, 1)
    rule = ("acselect", 0.5, 8, "literal", (0.35, 0.35, 0.3), 1e-6, 1, "distance")
    torch.library.opcheck(
        torch.ops.activefreq.select_click.default, (prob, target, None, torch.zeros(2, dtype=torch.int64), *rule)
    )


def test_compiles():
    prob, target = scene("smooth", 2, 33, 47, 1)

    def click(prob, target):
        selection = af.ops.select_click(prob.sigmoid(), target, reading="literal", seed=3)
        return selection.y, selection.x, selection.score

    compiled = torch.compile(click, fullgraph=True, backend="eager")(prob, target)
    for ours, theirs in zip(compiled, click(prob, target), strict=True):
        assert torch.equal(ours, theirs)
