"""Wrong arguments, samples, predictors and strategies end with an error that names them."""

import dataclasses

import numpy as np
import pytest
import torch
from toy_objects import ToyDataset, ToySample

import activefreq as af
from activefreq.evaluation.devices import check_device
from activefreq.evaluation.nearest_click import NearestClick


class Answering(NearestClick):
    name = "hostile"

    def __init__(self, spoil):
        super().__init__()
        self.spoil = spoil

    def predict(self, images, clicks, previous):
        return self.spoil(super().predict(images, clicks, previous))


def with_value(value):
    def spoil(answer):
        answer[1, 3, 4] = value
        return answer

    return spoil


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda p: p.numpy(), TypeError, "must return a tensor, got ndarray"),
        (lambda p: p[:, 1:], ValueError, r"must return shape \(B, H, W\) = \(2, 24, 36\), got \(2, 23, 36\)"),
        (lambda p: p[:, None], ValueError, r"got \(2, 1, 24, 36\) \(objects object-0, object-3\)"),
        (lambda p: p.to("meta"), ValueError, r"must return a tensor on cpu, got one on meta \(objects object-0"),
        (lambda p: p > 0.5, TypeError, "must return floating point probabilities, got torch.bool"),
        (with_value(torch.nan), ValueError, r"in \[0, 1\], got NaN for object 'object-3' at click 1"),
        (with_value(1.5), ValueError, r"got values from 0 to 1.5 for object 'object-3'|got values from .* to 1.5 for"),
        (with_value(-0.1), ValueError, r"got values from -0.1 to .* for object 'object-3'"),
        (with_value(torch.inf), ValueError, r"got values from .* to inf for object 'object-3'"),
    ],
)
def test_predictors(spoil, error, message):
    with pytest.raises(error, match=f"evaluate: predictor hostile.*{message}"):
        af.evaluate(Answering(spoil), ToyDataset(6), batch_size=2)


def test_a_predictor_must_not_write_into_its_arguments():
    class Writing(NearestClick):
        def predict(self, images, clicks, previous):
            images.sub_(0.5)
            return super().predict(images, clicks, previous)

    with pytest.raises(ValueError, match="predictor nearest-click wrote into its arguments"):
        af.evaluate(Writing(), ToyDataset(2))


def test_half_precision_answers_are_taken():
    found = af.evaluate(Answering(lambda p: p.to(torch.bfloat16)), ToyDataset(4), max_clicks=3)
    assert len(found.names) == 4


def test_a_module_is_evaluated_in_evaluation_mode_and_put_back():
    class Module(torch.nn.Module):
        def predict(self, images, clicks, previous):
            assert not self.training
            assert torch.is_inference_mode_enabled()
            return NearestClick().predict(images, clicks, previous)

    module = Module().train()
    af.evaluate(module, ToyDataset(2), max_clicks=2)
    assert module.training


IMAGE = np.zeros((8, 8, 3), np.uint8)
MASK = np.eye(8, dtype=np.int8)


@pytest.mark.parametrize(
    ("image", "mask", "error", "message"),
    [
        (IMAGE[..., 0], MASK, ValueError, r"a uint8 image must have shape \(H, W, 3\), got \(8, 8\)"),
        (
            IMAGE.astype(np.int32),
            MASK,
            TypeError,
            r"image must be uint8 .* or float .*, got torch.int32",
        ),
        (IMAGE.astype(np.float32), MASK, ValueError, r"a float image must have shape \(3, H, W\), got \(8, 8, 3\)"),
        (np.full((3, 8, 8), 255.0), MASK, ValueError, r"a float image must lie in \[0, 1\]"),
        (np.full((3, 8, 8), np.nan), MASK, ValueError, r"a float image must lie in \[0, 1\]"),
        (IMAGE, MASK[:, :7], ValueError, "image is 8 × 8 and mask is 8 × 7, they must be of one size"),
        (IMAGE, MASK.astype(np.float32), TypeError, "mask must be an integer array of 1, 0 and -1, got torch.float32"),
        (IMAGE, MASK[None], ValueError, r"mask must have shape \(H, W\), got \(1, 8, 8\)"),
    ],
)
def test_samples(image, mask, error, message):
    with pytest.raises(error, match=f"evaluate: object 'bad': {message}"):
        af.evaluate(NearestClick(), [ToySample("bad", image, mask)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_clicks": 0}, "max_clicks must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"thresholds": ()}, r"thresholds must be one or more IoUs in \(0, 1\], got \(\)"),
        ({"thresholds": (80,)}, r"thresholds must be one or more IoUs in \(0, 1\], got \(80,\)"),
        ({"max_clicks": 2.5}, "evaluate: max_clicks must be a whole number, got 2.5"),
        ({"batch_size": 2.5}, "evaluate: batch_size must be a whole number, got 2.5"),
        ({"thresholds": 0.9}, r"thresholds must be one or more IoUs in \(0, 1\], such as \(0.9,\); got a number"),
        ({"threshold": 1.0}, r"threshold must be in \[0, 1\), got 1.0"),
        ({"strategy": "smallest"}, "smallest"),
    ],
)
def test_arguments(arguments, message):
    dataset = ToyDataset(2)
    with pytest.raises(ValueError, match=message):
        af.evaluate(NearestClick(), dataset, **arguments)
    assert dataset.decoded == [0, 0]


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("cuda", "evaluate: device cuda: this torch has no CUDA"),
        ("cuda:1", "evaluate: device cuda:1: this torch has no CUDA"),
        ("foo", "evaluate: device foo: no such device type; there is cpu, cuda"),
    ],
)
def test_devices_that_are_not_there(monkeypatch, device, message):
    monkeypatch.setattr("torch.backends.cuda.is_built", lambda: False)
    with pytest.raises(ValueError, match=message):
        af.evaluate(NearestClick(), ToyDataset(1), device=device)


def test_cuda_devices_that_are_not_there(monkeypatch):
    monkeypatch.setattr("torch.backends.cuda.is_built", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="--device cuda: CUDA finds no device here"):
        check_device("cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert check_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ValueError, match="--device cuda:2: CUDA devices are numbered 0 to 1"):
        check_device("cuda:2")


def test_a_predictor_without_predict():
    dataset = ToyDataset(2)
    with pytest.raises(TypeError, match="evaluate: predictor Identity has no method predict"):
        af.evaluate(torch.nn.Identity(), dataset)
    assert dataset.decoded == [0, 0]


def test_sample_names_are_unique():
    dataset = ToyDataset(3)
    dataset.names = ["a", "twin", "twin"]
    with pytest.raises(ValueError, match="dataset has several samples of the name 'twin'"):
        af.evaluate(NearestClick(), dataset)
    assert dataset.decoded == [0, 0, 0]


def test_an_empty_data_set():
    with pytest.raises(ValueError, match="evaluate: dataset is empty"):
        af.evaluate(NearestClick(), [])


def test_a_strategy_that_answers_for_other_images():
    def one_for_all(prob, target, clicked):
        return af.ops.select_click(prob[:1], target[:1], clicked[:1])

    with pytest.raises(ValueError, match=r"strategy one_for_all must return y, x, positive and valid of shape \(2,\)"):
        af.evaluate(NearestClick(), ToyDataset(2, sizes=((24, 36),)), one_for_all)


def test_a_strategy_that_clicks_outside():
    def outside(prob, target, clicked):
        n = len(prob)
        return af.ops.Selection(*(torch.full((n,), value) for value in (99, 0, True, True, 1, 1.0)))

    with pytest.raises(ValueError, match=r"strategy outside clicked \(99, 0\) on object 'object-0', outside the image"):
        af.evaluate(NearestClick(), ToyDataset(1), outside)


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_strategy_must_not_write_into_its_arguments(written):
    def writing(*arguments):
        selection = af.ops.select_click(*arguments)
        arguments[written].zero_()
        return selection

    with pytest.raises(ValueError, match="evaluate: strategy writing wrote into its arguments; `prob`, `target` and"):
        af.evaluate(NearestClick(), ToyDataset(2), writing)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y": torch.tensor([1.5])}, "must return integer y, got torch.float32"),
        ({"x": torch.tensor([True])}, "must return integer x, got torch.bool"),
        ({"positive": torch.tensor([1])}, "must return bool positive, got torch.int64"),
        ({"valid": torch.tensor([1.0])}, "must return bool valid, got torch.float32"),
        ({"y": [1]}, "must return tensors, got list for y"),
    ],
)
def test_a_strategy_that_answers_with_other_types(changed, message):
    def mistyped(prob, target, clicked):
        return dataclasses.replace(af.ops.select_click(prob, target, clicked), **changed)

    with pytest.raises(TypeError, match=f"evaluate: strategy mistyped {message}"):
        af.evaluate(NearestClick(), ToyDataset(1), mistyped)
