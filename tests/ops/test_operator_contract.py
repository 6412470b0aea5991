"""What holds for every operator: its schema tells the truth, also of gradients, and calls leave no memory behind."""

import gc
import os
from pathlib import Path

import pytest
import torch

import activefreq as af

OPERATORS = ["band_merge", "band_split", "click_maps", "freq_mix", "haar_dwt2", "haar_idwt2", "irfft2", "label"]
OPERATORS += ["rfft2", "roi_align", "select_click", "spectral_filter", "squared_distance"]
DIFFERENTIABLE = {"band_merge", "band_split", "freq_mix", "haar_dwt2", "haar_idwt2", "irfft2", "rfft2", "roi_align"}
DIFFERENTIABLE |= {"spectral_filter"}


def arguments(name, side):
    """Arguments of an operator whose output takes at least 4 side² bytes."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(shape, generator=generator)

    mask = normal(1, side, side) > 0
    half = side // 2 + 1
    if name == "band_merge":
        return normal(side // 2, side // 2, 2), normal(side, side, 2), 0.5
    if name == "band_split":
        return normal(side, side, 2), 0.5
    if name == "click_maps":
        return torch.tensor([[[3.0, 4.0, 1.0], [5.0, 1.0, 0.0]]]), (side, side)
    if name == "freq_mix":
        quarter = [normal(1, 1, 3, 3), normal(1), normal(1, side, half, 2), normal(1, half, 2), normal(1, half, 2)]
        return normal(1, 4, side, side), *quarter
    if name == "haar_dwt2":
        return (normal(side, side),)
    if name == "haar_idwt2":
        return tuple(normal(half - 1, half - 1) for _ in range(4)), (side, side)
    if name == "irfft2":
        return torch.complex(normal(side, half), normal(side, half)), (side, side), normal(side, half)
    if name == "rfft2":
        return (normal(side, side),)
    if name == "roi_align":
        boxes = torch.tensor([[0, 0, side, side], [-1, 2, side - 3, side + 2]])
        return normal(1, 1, side, side), boxes, torch.zeros(2, dtype=torch.int64), (side, side)
    if name == "select_click":
        return torch.rand(1, side, side, generator=generator), mask.to(torch.int8)
    if name == "spectral_filter":
        return normal(side, side), normal(side, half, 2)
    return (mask,)


@pytest.mark.parametrize("name", OPERATORS)
def test_views_that_hold_the_negative_are_read_as_what_they_stand_for(name):
    """As in `z.conj().imag`: torch keeps the numbers and notes the sign."""
    plain = arguments(name, 8)
    views = [
        torch._neg_view(-value) if isinstance(value, torch.Tensor) and value.is_floating_point() else value
        for value in plain
    ]
    operator = getattr(af.ops, name)
    got, want = operator(*views), operator(*plain)
    if name == "select_click":
        got, want = vars(got), vars(want)
    torch.testing.assert_close(got, want, rtol=0, atol=0)


def test_no_operator_is_forgotten():
    assert {name for name in af.ops.__all__ if name not in {"Selection", "backends"}} == set(OPERATORS)


def tensors_of(value):
    """The tensors among nested arguments or results that have a gradient."""
    if isinstance(value, torch.Tensor):
        return [value] if value.is_floating_point() or value.is_complex() else []
    return [t for item in value for t in tensors_of(item)] if isinstance(value, tuple) else []


def resident():
    """Resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def with_one_replaced(value, replace):
    """Nested arguments, once for each tensor in them, with that tensor replaced."""
    if isinstance(value, torch.Tensor):
        yield replace(value)
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from ((*value[:i], other, *value[i + 1 :]) for other in with_one_replaced(item, replace))


OPTIONAL = {"freq_mix": 4, "irfft2": 1}  # arguments at the end of those of `arguments` that may be None


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize(
    "replace", [torch.Tensor.tolist, torch.Tensor.numpy, lambda t: None], ids=["list", "array", "none"]
)
@pytest.mark.parametrize("name", OPERATORS)
def test_tensors_are_asked_for(name, replace, gradients):
    replaced = list(with_one_replaced(arguments(name, 6), replace))
    if replace(torch.zeros(1)) is None:
        replaced = replaced[: len(replaced) - OPTIONAL.get(name, 0)]
    for given in replaced:
        with pytest.raises(TypeError, match=f"{name}: .* must be a.* tensor, got "), torch.set_grad_enabled(gradients):
            getattr(af.ops, name)(*given)


def through_the_dispatcher(name, given):
    """(callable, arguments) that reach the registered operator."""
    if name in DIFFERENTIABLE:  # not contiguous: not for the short way
        return getattr(af.ops, name), turned(given)
    ((function, args, _),) = registered_calls(name, given)
    return function, args


def turned(value):
    """Nested arguments with the rows of their matrices apart in memory."""
    if isinstance(value, torch.Tensor):
        return value.mT.contiguous().mT if value.dim() >= 2 else value
    return tuple(turned(item) for item in value) if isinstance(value, tuple) else value


def registered_calls(name, given):
    """What the registered operators get from the public function, caught on the way."""
    calls = []

    class Caught(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function.namespace == "activefreq":
                calls.append((function, args, kwargs or {}))
            return function(*args, **(kwargs or {}))

    with Caught(), torch.no_grad():
        getattr(af.ops, name)(*given)
    assert calls, "the call did not reach a registered operator"
    return calls


def results_and_gradients(name, operator, given):
    """What the operator returns, and gradients of the sum where it has any."""
    tensors = [t.requires_grad_() for t in tensors_of(given)] if name in DIFFERENTIABLE else []
    result = operator(*given)
    if isinstance(result, af.ops.Selection):
        result = tuple(vars(result).values())
    outputs = list(result) if isinstance(result, tuple) else [result]
    ones = [torch.ones_like(t) for t in outputs]
    return outputs + (list(torch.autograd.grad(outputs, tensors, ones)) if tensors else [])


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "dispatched"])
@pytest.mark.parametrize("name", OPERATORS)
def test_results_are_where_the_arguments_are(name, direct):
    """Also where another device is the default; on "meta" there is no memory that a kernel could write."""
    operator, given = getattr(af.ops, name), arguments(name, 6)
    if not direct:
        operator, given = through_the_dispatcher(name, given)
    expected = results_and_gradients(name, operator, given)
    with torch.device("meta"):
        results = results_and_gradients(name, operator, given)
    assert {t.device.type for t in results} == {"cpu"}
    torch.testing.assert_close(results, expected, rtol=0, atol=0)


CALLS = 1000


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
@pytest.mark.parametrize("direct", [True, False], ids=["direct", "dispatched"])
@pytest.mark.parametrize("name", OPERATORS)
def test_calls_leave_nothing_behind(name, direct):
    """1000 calls, with gradients where there are any: one lost output of 16 KiB a call would be 16 MiB."""
    side = 64
    given = arguments(name, side)
    operator = getattr(af.ops, name)
    if not direct:
        operator, given = through_the_dispatcher(name, given)
    if name in DIFFERENTIABLE:
        for tensor in tensors_of(given):
            tensor.requires_grad_()

    def call():
        result = operator(*given)
        if name in DIFFERENTIABLE:
            outputs = tensors_of(result)
            torch.autograd.grad(outputs, tensors_of(given), [torch.ones_like(t) for t in outputs])

    for _ in range(100):
        call()
    gc.collect()
    before = resident()
    for _ in range(CALLS):
        call()
    gc.collect()
    grown = resident() - before
    assert grown < CALLS * 4 * side * side / 4, f"{grown} bytes after {CALLS} calls"


@pytest.mark.parametrize("name", OPERATORS)
def test_small_sizes_do_not_fail_the_schema(name):
    """What the registered operators get from the public function, through every check."""
    for function, args, kwargs in registered_calls(name, arguments(name, 6)):
        torch.library.opcheck(function, args, kwargs)
        if name in DIFFERENTIABLE:
            recording = tuple(
                t.detach().clone().requires_grad_() if isinstance(t, torch.Tensor) and tensors_of(t) else t
                for t in args
            )
            torch.library.opcheck(function, recording, kwargs)
