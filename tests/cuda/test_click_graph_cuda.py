"""Whole clicks as a CUDA graph: the same clicks as kernel by kernel, and as round by round from the host."""

import math

import pytest
import torch
from toy_objects import ToyDataset

import activefreq as af
from activefreq.acselect import STRATEGIES, make_strategy
from activefreq.evaluation.device_group import DeviceGroup
from activefreq.evaluation.loop import ClickLoop
from activefreq.evaluation.nearest_click import NearestClick
from activefreq.models import FreqFormer
from activefreq.predictor import FreqFormerPredictor


def run(rounds, device, dataset, strategy, predictor, batch_size=6, stop_at=0.9):
    loop = ClickLoop(
        predictor=predictor,
        dataset=dataset,
        strategy=make_strategy(strategy),
        strategy_name=strategy,
        first_click=make_strategy("largest"),
        max_clicks=8,
        stop_at=stop_at,
        batch_size=batch_size,
        threshold=0.5,
        seed=3,
        device=torch.device(device),
        rounds=rounds,
    )
    return sorted(loop.run(range(len(dataset))), key=lambda result: result.index)


@pytest.fixture
def replays(monkeypatch):
    """How many rounds replayed a graph, and how many did not."""
    counts = {True: 0, False: 0}
    original = DeviceGroup.click

    def counting(group):
        counts[group.recorded] += 1
        original(group)

    monkeypatch.setattr(DeviceGroup, "click", counting)
    return counts


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_graph_equals_eager_and_host(cuda, strategy, replays):
    dataset = ToyDataset(40, sizes=((24, 36), (21, 31)))
    found = run("graph", cuda, dataset, strategy, NearestClick())
    assert replays[True] > replays[False]
    assert found == run("device", cuda, dataset, strategy, NearestClick())
    assert found == run("host", cuda, dataset, strategy, NearestClick())


def test_graph_equals_the_cpu_for_a_predictor_that_does(cuda):
    """Paints the newest clicks in plain integers, so that both devices answer the same bits."""

    class Painter:
        capturable = True

        def predict(self, images, clicks, previous):
            y, x, label = (part.unsqueeze(2).unsqueeze(3) for part in clicks.unbind(dim=2))
            rows = torch.arange(previous.shape[1], device=previous.device).view(1, 1, -1, 1)
            columns = torch.arange(previous.shape[2], device=previous.device).view(1, 1, 1, -1)
            near = ((rows - y) ** 2 + (columns - x) ** 2) <= 20
            order = torch.arange(1, clicks.shape[1] + 1, device=clicks.device).view(1, -1, 1, 1)
            newest = (near & (label >= 0)) * (2 * order + (label == 1))
            return (newest.amax(dim=1) % 2).float()

    dataset = ToyDataset(24)
    for strategy in STRATEGIES:
        expected = run("host", "cpu", dataset, strategy, Painter(), stop_at=math.inf)
        assert run("graph", cuda, dataset, strategy, Painter(), stop_at=math.inf) == expected


@pytest.mark.parametrize("options", [{}, {"weight": "low-rank"}, {"weight": "scalar"}, {"transform": "dft3"}])
def test_freqformer_graph_equals_eager(cuda, options, replays):
    torch.manual_seed(0)
    predictor = FreqFormerPredictor(FreqFormer(input_size=64, **options)).to(cuda)
    dataset = ToyDataset(20, sizes=((50, 70),))
    found = run("graph", cuda, dataset, "acselect", predictor)
    assert replays[True] > replays[False]
    assert found == run("device", cuda, dataset, "acselect", predictor)


def test_evaluate_takes_the_graph(cuda, replays):
    torch.manual_seed(0)
    predictor = FreqFormerPredictor(FreqFormer(input_size=64)).to(cuda)
    graph = af.evaluate(predictor, ToyDataset(6, sizes=((50, 70),)), max_clicks=8, batch_size=4)
    assert replays[True] > 0
    assert list(graph.timing.stages) == ["click", "record", "bookkeeping"]
    replays.update({True: 0, False: 0})
    predictor.capturable = False
    host = af.evaluate(predictor, ToyDataset(6, sizes=((50, 70),)), max_clicks=8, batch_size=4)
    assert replays == {True: 0, False: 0}
    assert [len(clicks) for clicks in host.clicks] == [len(clicks) for clicks in graph.clicks]


def test_bad_answers_of_a_graph_name_the_object(cuda):
    class Late:
        name = "late"
        capturable = True

        def predict(self, images, clicks, previous):
            late = (clicks[:, 5:, 2] >= 0).any(dim=1).view(-1, 1, 1)  # from the sixth click on
            return torch.zeros_like(previous).masked_fill(late, math.nan)

    with pytest.raises(ValueError, match=r"predictor late must .* got NaN for object 'object-0' at click 6"):
        run("graph", cuda, ToyDataset(1), "acselect", Late())
