"""What a CUDA graph forbids, found without CUDA: a round on meta tensors, which hold no values.

Reading a value there is an error, as is a shape that depends on one; and every operation is watched for tensors of the
CPU, as is `torch.tensor`, which copies from the host.
"""

from unittest import mock

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from activefreq.acselect import STRATEGIES, make_strategy
from activefreq.evaluation.device_group import ClickRules, DeviceGroup
from activefreq.evaluation.nearest_click import NearestClick
from activefreq.models import FreqFormer
from activefreq.predictor import FreqFormerPredictor, Steps

META = torch.device("meta")


class Watch(TorchDispatchMode):
    """Lists the operations, and those of them that take something from the host."""

    def __init__(self):
        super().__init__()
        self.seen, self.of_the_host = [], []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.seen.append(str(func))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)]
        if any(tensor.device != META for tensor in tensors):
            self.of_the_host.append(str(func))
        return result


def watch_a_round(predictor, strategy="acselect", warm_up=1):
    rules = ClickRules(predictor, make_strategy(strategy), torch.tensor(0.5, device=META), 4, 0, record=False)
    group = DeviceGroup((20, 30), META, 3, rules)
    with torch.inference_mode():
        for _ in range(warm_up):
            group.click()
        with mock.patch.object(torch, "tensor", wraps=torch.tensor) as made, Watch() as watch:
            group.click()
    assert len(watch.seen) > 20
    return [*watch.of_the_host, *made.mock_calls]


def freqformer(steps=None, **options):
    shape = {"widths": (8, 16, 16, 32), "heads": (1, 2, 2, 4), "depths": (1, 1, 1, 1), "decoder_width": 16}
    return FreqFormerPredictor(FreqFormer(input_size=32, **shape, **options), steps=steps).to(META)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_strategies(strategy):
    assert watch_a_round(NearestClick(), strategy) == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight": "low-rank"},
        {"weight": "scalar", "conv": "separable"},
        {"transform": "dft3"},
        {"transform": "haar"},
    ],
    ids=str,
)
def test_freqformer(options):
    assert watch_a_round(freqformer(**options)) == []


def test_every_step_of_the_predictor():
    steps = Steps(target_crop=True, keep_outside_from=2, monotone=True, progressive_merge=True)
    assert watch_a_round(freqformer(steps, refine_width=8)) == []


def test_a_tensor_made_from_host_values_is_found():
    class Scaling(NearestClick):
        def predict(self, images, clicks, previous):
            return previous * torch.tensor([0.5], device=previous.device)

    assert watch_a_round(Scaling()) != []


def test_a_value_read_by_the_host_is_found():
    class Deciding(NearestClick):
        def predict(self, images, clicks, previous):
            return previous if bool(clicks[0, 0, 2] == 1) else 1 - previous

    with pytest.raises((RuntimeError, NotImplementedError)):
        watch_a_round(Deciding(), warm_up=0)
