import json
import sys
from dataclasses import replace

import pytest
import torch

from activefreq.data import Phantom
from activefreq.models import FreqFormer, load_network
from activefreq.models.checkpoint import read_tensors
from activefreq.training.chance import Chance
from activefreq.training.configuration import TrainingConfig
from activefreq.training.loop import train
from activefreq.training.pixels import load_pixels
from activefreq.training.steps import CoarseStep
from activefreq.training.weight_average import WeightAverage

CONFIG = TrainingConfig(
    epochs=2, batch_size=4, learning_rate=1e-3, schedule="cosine", crop=32, most_clicks=3, iterations=1
)


def network():
    torch.manual_seed(0)
    return FreqFormer(input_size=32, widths=(8, 16, 16, 32), heads=(1, 2, 2, 4), depths=(1, 1, 1, 1), decoder_width=8)


@pytest.fixture(scope="module")
def samples():
    return Phantom("train", size=(40, 48), limit=9)


class StopError(Exception):
    pass


def stop_in_epoch(number):
    def progress(epoch, step, steps, loss):
        if epoch == number:
            raise StopError

    return progress


def test_leaves_weights_log_and_curves(samples, tmp_path):
    seen = []
    path = train(network(), samples, tmp_path, CONFIG, {"data": "phantom"}, progress=lambda *step: seen.append(step))
    assert [(epoch, step, steps) for epoch, step, steps, _ in seen] == [(0, 1, 2), (0, 2, 2), (1, 1, 2), (1, 2, 2)]
    trained, header = load_network(path)
    assert header["history"]["data"] == "phantom"
    assert header["history"]["training"] == CONFIG.as_dict()
    assert trained(torch.rand(1, 6, 32, 32)).shape == (1, 1, 32, 32)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert any((tmp_path / "tensorboard").iterdir())


@pytest.mark.parametrize("autocast", [False, True])
def test_resumed_run_equals_an_unbroken_one(autocast, samples, tmp_path):
    config = replace(CONFIG, autocast=autocast)
    train(network(), samples, tmp_path / "whole", config)
    began = {"encoder_from": "somewhere"}
    with pytest.raises(StopError):
        train(network(), samples, tmp_path / "broken", config, began, progress=stop_in_epoch(1))
    assert read_tensors(tmp_path / "broken" / "last.safetensors")[1]["epoch"] == 1
    train(network(), samples, tmp_path / "broken", config, resume=True)
    whole, _ = read_tensors(tmp_path / "whole" / "last.safetensors")
    broken, header = read_tensors(tmp_path / "broken" / "last.safetensors")
    assert header["history"]["encoder_from"] == "somewhere"  # what only the first part of the run knew
    assert whole.keys() == broken.keys()
    for name in whole:
        assert torch.equal(whole[name], broken[name]), name


def test_the_average_is_kept_and_resumed(samples, tmp_path):
    config = replace(CONFIG, average=0.9, zoom=0.5, colour=0.4, acselect_clicks=0.5)
    path = train(network(), samples, tmp_path / "whole", config)
    with pytest.raises(StopError):
        train(network(), samples, tmp_path / "broken", config, progress=stop_in_epoch(1))
    train(network(), samples, tmp_path / "broken", config, resume=True)
    whole, _ = read_tensors(tmp_path / "whole" / "last.safetensors")
    broken, _ = read_tensors(tmp_path / "broken" / "last.safetensors")
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
    kept = load_network(path)[0].state_dict()
    moved = 0
    for name, tensor in kept.items():
        assert torch.equal(tensor, whole[f"average.{name}"].to(torch.float16).to(tensor.dtype)), name
        moved += not torch.equal(whole[f"average.{name}"], whole[f"network.{name}"])
    assert moved > 10


def test_weight_average_is_the_recursion():
    net = network()
    average = WeightAverage(net, 0.5)
    weight = next(net.parameters())
    expected = weight.detach().clone()
    for step in range(3):
        with torch.no_grad():
            weight += 1.0
        average.update(net, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight.detach()
    torch.testing.assert_close(next(average.network.parameters()), expected)
    assert WeightAverage(net, 0.0).network is net


def test_another_run_is_not_touched(samples, tmp_path):
    train(network(), samples, tmp_path, replace(CONFIG, epochs=1))
    before = (tmp_path / "last.safetensors").read_bytes()
    with pytest.raises(ValueError, match=r"train: .* holds another run; continue it with --resume or choose another"):
        train(network(), samples, tmp_path, CONFIG)
    with pytest.raises(ValueError, match=r"belongs to another run \(epochs was 1, is 2\)"):
        train(network(), samples, tmp_path, CONFIG, resume=True)
    assert (tmp_path / "last.safetensors").read_bytes() == before


def test_other_data_is_another_run(samples, tmp_path):
    with pytest.raises(StopError):
        train(network(), samples, tmp_path, CONFIG, {"data": "phantom"}, progress=stop_in_epoch(1))
    other = Phantom("train", size=(40, 48), limit=9, seed=1)
    with pytest.raises(ValueError, match=r"belongs to another run \(fingerprint was phantom .*, is phantom "):
        train(network(), other, tmp_path, CONFIG, {"data": "phantom"}, resume=True)


@pytest.mark.parametrize("name", ["model.safetensors", "metrics.json", "configuration.json"])
def test_a_foreign_folder_is_left_alone(samples, tmp_path, name):
    (tmp_path / name).write_text("somebody's")
    with pytest.raises(ValueError, match=f"train: .* holds {name}, which is not this run's"):
        train(network(), samples, tmp_path, CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "somebody's"
    with pytest.raises(ValueError, match="is a file, not a folder"):
        train(network(), samples, tmp_path / name, CONFIG)


def test_without_tensorboard_it_says_how_to_get_it(samples, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ValueError, match=r"pip install 'activefreq\[train\]'"):
        train(network(), samples, tmp_path / "new", CONFIG)
    assert not (tmp_path / "new").exists()


def test_validation_chooses_the_best_epoch(samples, tmp_path):
    figures = iter([{"noc90": 3.0}, {"noc90": 5.0}])
    config = replace(CONFIG, validate_every=1)
    path = train(network(), samples, tmp_path, config, validate=lambda net: next(figures))
    assert load_network(path)[1]["history"]["figures"]["noc90"] == 3.0
    assert load_network(path)[1]["history"]["figures"]["epoch"] == 1


def test_learns_one_batch_by_heart(samples):
    net = network().train()
    images, masks = load_pixels(samples, 32)
    step = CoarseStep(net, replace(CONFIG, iterations=0))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    losses = []
    for _ in range(50):
        chance = Chance(torch.Generator().manual_seed(0), 4)  # the same clicks every time
        loss = step(images[:4].float() / 255, masks[:4], chance)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_errors_teach(samples, tmp_path):
    with pytest.raises(ValueError, match="train: batch_size 16 is larger than the 9 training objects"):
        train(network(), samples, tmp_path / "new", replace(CONFIG, batch_size=16))
    assert not (tmp_path / "new").exists()
    with pytest.raises(ValueError, match="train: schedule must be step or cosine, got 'sawtooth'"):
        replace(CONFIG, schedule="sawtooth")
    with pytest.raises(ValueError, match=r"train: click_decay must lie in \(0, 1\], got -1"):
        replace(CONFIG, click_decay=-1)
    with pytest.raises(ValueError, match=r"train: zoom must lie in \[0, 1\], got 2"):
        replace(CONFIG, zoom=2)
    with pytest.raises(ValueError, match=r"train: colour must lie in \[0, 1\], got 1.5"):
        replace(CONFIG, colour=1.5)
    with pytest.raises(ValueError, match=r"train: acselect_clicks must lie in \[0, 1\], got -1"):
        replace(CONFIG, acselect_clicks=-1)
    with pytest.raises(ValueError, match=r"train: average must lie in \[0, 1\), got 1"):
        replace(CONFIG, average=1)
    with pytest.raises(ValueError, match="train: crop must be at least 32, got 16"):
        replace(CONFIG, crop=16)
    with pytest.raises(ValueError, match=r"train: correct_weight must lie in \[0, 1\], got 2"):
        replace(CONFIG, correct_weight=2)


def test_schedules():
    step = TrainingConfig()
    assert step.rate(50 * 10 - 1, 10) == 5e-5
    assert step.rate(50 * 10, 10) == pytest.approx(5e-6)
    cosine = TrainingConfig(schedule="cosine", epochs=10, learning_rate=1.0, warmup_steps=4)
    assert cosine.rate(0, 10) == pytest.approx(0.25)
    assert cosine.rate(50, 10) == pytest.approx(0.01 + 0.99 / 2)
    assert cosine.rate(99, 10) < 0.02
