import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from tolerances import relative_error

import activefreq as af
from activefreq.ops import _native, roi_align

EPSILON = {torch.float32: 2.0**-23, torch.float64: 2.0**-52}
# (batch, channels, height, width), crop size, samples: enlarging, shrinking, one row, one column, one pixel.
SHAPES = [
    ((2, 3, 7, 9), (12, 20), 1),
    ((3, 2, 33, 41), (8, 5), 2),
    ((1, 5, 1, 12), (3, 4), 3),
    ((2, 1, 9, 1), (5, 5), 1),
    ((1, 1, 1, 1), (2, 2), 1),
    ((2, 4, 16, 16), (1, 1), 4),
    ((2, 3, 20, 65), (31, 70), 1),
]


def make(shape, boxes=5, dtype=torch.float64, seed=0):
    """Features, boxes inside and across the border, one of them the whole map and one backwards, and their images."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(shape, generator=generator, dtype=torch.float64)
    size = torch.tensor(shape[2:] * 2, dtype=torch.float64)
    corners = torch.rand(boxes, 4, generator=generator, dtype=torch.float64) * (size + 4) - 2
    corners[0] = torch.tensor([0, 0, *shape[2:]])
    corners[1:3] = torch.cat([corners[1:3].view(-1, 2, 2).amin(1), corners[1:3].view(-1, 2, 2).amax(1)], dim=1)
    index = torch.randint(0, shape[0], (boxes,), generator=generator)
    # Eighths are exact in float32 too: both precisions then cut the same boxes.
    return features.to(dtype), (corners * 8).round().div(8).to(dtype), index


def by_scipy(features, boxes, index, size, samples):
    """The definition point by point, with scipy's bilinear interpolation; zero farther than a pixel outside."""
    _, channels, height, width = features.shape
    crops = np.zeros((len(boxes), channels, *size))
    for n, (y0, x0, y1, x1) in enumerate(boxes.tolist()):
        y = y0 + (np.arange(size[0] * samples) + 0.5) * (y1 - y0) / (size[0] * samples) - 0.5
        x = x0 + (np.arange(size[1] * samples) + 0.5) * (x1 - x0) / (size[1] * samples) - 0.5
        counts = ((y >= -1) & (y <= height))[:, None] & ((x >= -1) & (x <= width))[None]
        for c in range(channels):
            plane = features[index[n], c].numpy()
            grid = np.meshgrid(y, x, indexing="ij")
            points = map_coordinates(plane, grid, order=1, mode="nearest") * counts
            crops[n, c] = points.reshape(size[0], samples, size[1], samples).mean((1, 3))
    return crops


@pytest.mark.parametrize(("shape", "size", "samples"), SHAPES, ids=str)
def test_equals_scipy(shape, size, samples, instruction_set):
    features, boxes, index = make(shape)
    expected = by_scipy(features, boxes, index, size, samples)
    np.testing.assert_allclose(roi_align(features, boxes, index, size, samples).numpy(), expected, rtol=0, atol=1e-12)
    plain = af.reference.roi_align(features, boxes, index, size, samples)
    np.testing.assert_allclose(plain.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("shape", "size", "samples"), SHAPES, ids=str)
def test_equals_reference(shape, size, samples, dtype, instruction_set):
    """Value and gradient: sums of few products whose coordinates carry the rounding of a position below 80 pixels."""
    tolerance = 80 * EPSILON[dtype]
    features, boxes, index = make(shape, dtype=dtype)
    features.requires_grad_()
    crops = roi_align(features, boxes, index, size, samples)
    expected = af.reference.roi_align(features, boxes, index, size, samples)
    assert crops.dtype == dtype
    assert relative_error(crops, expected) <= tolerance
    g = torch.randn(crops.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)
    (ours,), (plain,) = (torch.autograd.grad(y, features, g) for y in (crops, expected))
    assert relative_error(ours, plain) <= tolerance


def by_value(features, boxes, index, size, samples, g):
    """Crops and gradient by the text that the CUDA kernels run, on the host."""
    double = "_double" if features.dtype == torch.float64 else ""
    crops, gradient = torch.empty_like(g), torch.empty_like(features)
    sizes = (len(boxes), *features.shape, *size, samples, 0)
    at, image = _native.pointer(boxes), _native.pointer(index)
    getattr(_native.cpu, f"roi_align{double}")(_native.pointer(features), at, image, _native.pointer(crops), *sizes)
    backward = getattr(_native.cpu, f"roi_align_backward{double}")
    backward(_native.pointer(g), at, image, _native.pointer(gradient), *sizes)
    return crops, gradient


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("shape", "size", "samples"), SHAPES, ids=str)
def test_text_of_the_cuda_kernels(shape, size, samples, dtype):
    """The same bits forward; the gradient adds in another order."""
    features, boxes, index = make(shape, boxes=9, dtype=dtype, seed=2)
    boxes[3, 2:] = boxes[3, :2]  # no area: every point is the same
    boxes[4] = float("nan")
    boxes[5, 0] = -float("inf")
    boxes[6] = 1e6 + torch.arange(4)
    features.requires_grad_()
    crops = roi_align(features, boxes, index, size, samples)
    assert torch.isfinite(crops).all()
    g = torch.randn(crops.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64).to(dtype)
    value, gradient = by_value(features.detach(), boxes, index, size, samples, g)
    assert torch.equal(value, crops)
    assert relative_error(gradient, torch.autograd.grad(crops, features, g)[0]) <= 8 * EPSILON[dtype]


def test_by_hand():
    features = torch.arange(12.0).view(1, 1, 3, 4)
    whole = roi_align(features, torch.tensor([[0, 0, 3, 4]]), torch.tensor([0]), (3, 4))
    assert torch.equal(whole, features)
    halves = roi_align(features, torch.tensor([[0.0, 1.0, 1.0, 3.0]]), torch.tensor([0]), (1, 1))
    assert halves.item() == 1.5  # between the centres of pixels 1 and 2
    mean = roi_align(features, torch.tensor([[1, 0, 3, 2]]), torch.tensor([0]), (1, 1), samples=2)
    assert mean.item() == (4 + 5 + 8 + 9) / 4
    backwards = roi_align(features, torch.tensor([[3, 4, 0, 0]]), torch.tensor([0]), (3, 4))
    assert torch.equal(backwards, features.flip(2, 3))
    outside = roi_align(features, torch.tensor([[0, 4, 1, 6]]), torch.tensor([0]), (1, 2))
    assert outside.flatten().tolist() == [3.0, 0.0]  # half a pixel outside, and one and a half


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # in torch's forward mode
@pytest.mark.parametrize("samples", [1, 2])
def test_gradients_of_any_order(samples):
    features, boxes, index = make((2, 1, 4, 5), boxes=4)
    features.requires_grad_()

    def crop(x):
        return roi_align(x, boxes, index, (3, 4), samples)

    assert torch.autograd.gradcheck(crop, (features,))
    assert torch.autograd.gradgradcheck(crop, (features,))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(features.detach(), torch.ones_like(features))
        moved = torch.autograd.forward_ad.unpack_dual(crop(dual)).tangent
    torch.testing.assert_close(moved, crop(torch.ones_like(features)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_one_rounding(dtype):
    features, boxes, index = make((2, 3, 7, 10), dtype=dtype)
    boxes = boxes.float()
    features.requires_grad_()
    single = features.detach().float().requires_grad_()
    crops, singles = (roi_align(x, boxes, index, (6, 4)) for x in (features, single))
    assert torch.equal(crops, singles.to(dtype))
    g = torch.randn(crops.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    (ours,) = torch.autograd.grad(crops, features, g)
    assert torch.equal(ours, torch.autograd.grad(singles, single, g.float())[0].to(dtype))


def test_threads_and_instruction_sets_do_not_change_a_bit(restore_threads):
    from activefreq import _cpu

    features, boxes, index = make((3, 40, 61, 83), boxes=7, dtype=torch.float32)
    features.requires_grad_()
    before, results = _cpu.instruction_set(), []
    for name in _cpu.instruction_sets():
        _cpu.select_instruction_set(name)
        for threads in (1, 3):
            torch.set_num_threads(threads)
            crops = roi_align(features, boxes, index, (47, 31))
            results.append([crops, *torch.autograd.grad(crops.square().sum(), features)])
    _cpu.select_instruction_set(before)
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))


def test_input_layouts():
    features, boxes, index = make((2, 4, 9, 6), dtype=torch.float32)
    expected = roi_align(features, boxes, index, (5, 7))
    for same in (features.to(memory_format=torch.channels_last), features.mT.contiguous().mT):
        assert torch.equal(roi_align(same, boxes.mT.contiguous().mT, index.to(torch.int32), (5, 7)), expected)
    assert torch.equal(roi_align(features, boxes.double(), index, (5, 7)), expected)
    assert expected.is_contiguous()


@pytest.mark.parametrize(("shape", "boxes"), [((2, 3, 4, 5), 0), ((2, 0, 4, 5), 2), ((2, 3, 0, 5), 2)])
def test_empty(shape, boxes):
    features = torch.zeros(shape, requires_grad=True)
    index, corners = torch.zeros(boxes, dtype=torch.int64), torch.ones(boxes, 4)
    crops = roi_align(features, corners, index, (2, 3))
    assert crops.shape == (boxes, shape[1], 2, 3)
    assert not crops.any()
    crops.sum().backward()
    assert torch.equal(features.grad, torch.zeros(shape))


FEATURES, BOXES, INDEX = torch.zeros(2, 3, 4, 5), torch.ones(2, 4), torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((FEATURES[0], BOXES, INDEX, (2, 2)), ValueError, r"features must have shape \(B, C, H, W\), got \(3, 4, 5\)"),
        ((FEATURES.long(), BOXES, INDEX, (2, 2)), TypeError, "features must be a real floating tensor, got torch.int"),
        ((FEATURES, BOXES[:, :3], INDEX, (2, 2)), ValueError, r"boxes must have shape \(N, 4\), got \(2, 3\)"),
        ((FEATURES, BOXES.to(torch.complex64), INDEX, (2, 2)), TypeError, "boxes must be real, got torch.complex64"),
        ((FEATURES, BOXES, INDEX[:1], (2, 2)), ValueError, r"index must have shape \(2,\) like boxes, got \(1,\)"),
        ((FEATURES, BOXES, INDEX.float(), (2, 2)), TypeError, "index must be of integers, got torch.float32"),
        ((FEATURES, BOXES, INDEX + 1, (2, 2)), ValueError, r"index must lie in \[0, 2\), got 1 to 2"),
        ((FEATURES, BOXES, INDEX - 1, (2, 2)), ValueError, r"index must lie in \[0, 2\), got -1 to 0"),
        ((FEATURES, BOXES.to("meta"), INDEX, (2, 2)), ValueError, "boxes must be on cpu like features, got meta"),
        ((FEATURES, BOXES, INDEX, (2,)), ValueError, r"size must be \(h, w\), got \(2,\)"),
        ((FEATURES, BOXES, INDEX, (0, 2)), ValueError, r"size must be at least \(1, 1\), got \(0, 2\)"),
        ((FEATURES, BOXES, INDEX, (2, 2), 0), ValueError, "samples must be at least 1, got 0"),
    ],
)
def test_errors_teach(arguments, error, message):
    with pytest.raises(error, match="roi_align: " + message):
        roi_align(*arguments)


def test_compiles_for_any_size():
    def step(x, boxes, index):
        return roi_align(x * 2, boxes, index, (x.shape[2] + 1, 5)).square()

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager", dynamic=True)
    for shape in ((2, 3, 6, 8), (3, 4, 9, 5)):
        features, boxes, index = make(shape, dtype=torch.float32)
        features.requires_grad_()
        crops, expected = compiled(features, boxes, index), step(features, boxes, index)
        assert torch.equal(crops, expected)
        gradients = [torch.autograd.grad(y.sum(), features)[0] for y in (crops, expected)]
        assert torch.equal(*gradients)


SIDES = st.integers(1, 40)


@pytest.mark.parametrize("examples", [150, pytest.param(2000, marks=pytest.mark.long)])
def test_adjoint(examples):
    """⟨crop(x), g⟩ = ⟨x, gradient(g)⟩ for any boxes, by the CPU's kernels and by the text of the CUDA kernels."""

    @given(SIDES, SIDES, SIDES, SIDES, st.integers(1, 3), st.integers(0, 2**20))
    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    def property_(height, width, rows, columns, samples, seed):
        features, boxes, index = make((2, 2, height, width), boxes=4, seed=seed)
        features.requires_grad_()
        crops = roi_align(features, boxes, index, (rows, columns), samples)
        g = torch.randn(crops.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        (gradient,) = torch.autograd.grad(crops, features, g)
        scale = 1 + features.square().sum() + g.square().sum()
        assert abs((crops * g).sum() - (features * gradient).sum()) <= 1e-14 * scale
        value, gathered = by_value(features.detach(), boxes, index, (rows, columns), samples, g)
        torch.testing.assert_close(value, crops, rtol=0, atol=1e-13)
        torch.testing.assert_close(gathered, gradient, rtol=0, atol=1e-12)

    property_()
