import json
from dataclasses import replace

import pytest
import torch
from tiny_system import Squares, SquaresTask, Tiny

from activefreq.models import load_network
from activefreq.models.checkpoint import read_tensors
from activefreq.training import click_free
from activefreq.training.click_free import ClickFreeConfig, mean_dice, train_click_free
from activefreq.training.process_group import ProcessGroup
from activefreq.training.state import TrainingState

pytestmark = pytest.mark.usefixtures("tiny_system")
CONFIG = ClickFreeConfig(epochs=2, batch_size=2, learning_rate=1e-2, validate_every=1, average=0.5)
HISTORY = {"data": "squares", "task": {"name": "tiny", "options": {}}}


class StopError(Exception):
    pass


def network():
    torch.manual_seed(0)
    return Tiny()


def run(out, config=CONFIG, history=HISTORY, validation=True, **options):
    held_out = Squares("val") if validation else None
    return train_click_free(network(), SquaresTask(), Squares("train"), out, config, history, held_out, **options)


def same_state(one, other):
    first, second = (read_tensors(folder / "last.safetensors")[0] for folder in (one, other))
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def stop_in_epoch(number):
    def progress(epoch, step, steps, loss):
        if epoch == number and step == 2:
            raise StopError

    return progress


def test_leaves_what_training_with_clicks_leaves(tmp_path):
    path = run(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"last.safetensors", "log.jsonl", "model.safetensors", "tensorboard"}
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    trained, header = load_network(path)
    assert header["model"] == "tiny"
    history = header["history"]
    assert (history["task"], history["training"]["epochs"]) == (HISTORY["task"], 2)
    assert history["figures"]["dice"] == max(line["dice"] for line in lines)
    assert trained(torch.rand(1, 3, 16, 16)).shape == (1, 1, 16, 16)


def test_it_learns_the_squares(tmp_path):
    before, _ = mean_dice(network().eval(), SquaresTask(), Squares("val"))
    config = replace(CONFIG, epochs=20, learning_rate=3e-2, average=0, schedule="constant", optimizer="adam")
    trained, _ = load_network(run(tmp_path, config))
    after, answers = mean_dice(trained, SquaresTask(), Squares("val"))
    assert answers == 6
    assert after > max(0.9, before)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_stopped_in_mid_epoch_it_ends_with_the_same_bits(tmp_path, optimizer):
    config = replace(CONFIG, optimizer=optimizer, weight_decay=0.01)
    run(tmp_path / "whole", config)
    with pytest.raises(StopError):
        run(tmp_path / "broken", config, progress=stop_in_epoch(1))
    assert read_tensors(tmp_path / "broken" / "last.safetensors")[1]["epoch"] == 1
    run(tmp_path / "broken", config, resume=True)
    same_state(tmp_path / "whole", tmp_path / "broken")


@pytest.mark.parametrize("writes", [1, 2, 3])
def test_stopped_between_its_writes_it_ends_with_the_same_bits(tmp_path, monkeypatch, writes):
    """After the model and the log of an epoch, before its state; the first write claims the folder."""
    run(tmp_path / "whole")
    save, count = TrainingState.save, [0]

    def stopping(state, path):
        count[0] += 1
        if count[0] == writes:
            raise StopError
        save(state, path)

    with monkeypatch.context() as stopped:
        stopped.setattr(TrainingState, "save", stopping)
        with pytest.raises(StopError):
            run(tmp_path / "broken")
    run(tmp_path / "broken", resume=True)
    same_state(tmp_path / "whole", tmp_path / "broken")
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("whole", "broken")]
    assert [[json.loads(line)["dice"] for line in log] for log in logs] == [
        [json.loads(line)["dice"] for line in logs[0]]
    ] * 2
    kept = [load_network(tmp_path / name / "model.safetensors")[0].state_dict() for name in ("whole", "broken")]
    assert all(torch.equal(kept[0][name], kept[1][name]) for name in kept[0])


def test_the_best_dice_chooses_the_epoch(tmp_path, monkeypatch):
    figures = iter([0.7, 0.6])
    monkeypatch.setattr(click_free, "mean_dice", lambda *_: (next(figures), 3))
    history = load_network(run(tmp_path))[1]["history"]
    assert (history["figures"]["epoch"], history["figures"]["dice"]) == (1, 0.7)


def test_without_validation_the_newest_epoch_is_kept(tmp_path):
    history = load_network(run(tmp_path, validation=False))[1]["history"]
    assert history["figures"]["epoch"] == 2
    assert "dice" not in history["figures"]


def test_shares_of_a_batch_mean_to_the_whole(monkeypatch, tmp_path):
    """Each process takes its rows of one and the same batch: the losses of the shares mean to the loss of all."""
    losses = {}

    class Stop(ProcessGroup):
        def mean(self, value):
            losses[self.size, self.rank] = float(value)
            raise StopError

        def share_gradients(self, module, all_take_part):
            module.network.dropout.p = 0.0  # else each process has its own chance
            return module

    for rank, size in [(0, 1), (0, 2), (1, 2)]:
        with pytest.raises(StopError):
            run(tmp_path / f"{rank}{size}", group=Stop(rank, size))
    assert losses[2, 0] != losses[2, 1]
    assert (losses[2, 0] + losses[2, 1]) / 2 == pytest.approx(losses[1, 0], rel=1e-6)


def test_another_run_is_refused(tmp_path):
    with pytest.raises(StopError):
        run(tmp_path, progress=stop_in_epoch(1))
    with pytest.raises(ValueError, match=r"train: .* holds another run; continue it with --resume"):
        run(tmp_path)
    other = {**HISTORY, "task": {"name": "tiny", "options": {"noise": 0.1}}}
    with pytest.raises(ValueError, match=r"belongs to another run \(task was .*, is .*'noise': 0.1"):
        run(tmp_path, history=other, resume=True)
    with pytest.raises(ValueError, match="the network differs"):
        train_click_free(Tiny(width=6), SquaresTask(), Squares("train"), tmp_path, CONFIG, HISTORY, resume=True)


def test_a_batch_counts_its_items(tmp_path):
    class Flat(SquaresTask):
        def batch(self, items, generator):
            return {name: tensor.flatten(0, 1) for name, tensor in super().batch(items, generator).items()}

    with pytest.raises(ValueError, match=r"the task's image must count 2 items on its first axis, got \(6, 16, 16\)"):
        train_click_free(network(), Flat(), Squares("train"), tmp_path, CONFIG)


def test_errors_teach(tmp_path):
    with pytest.raises(ValueError, match="train: batch_size 16 is larger than the 6 training objects"):
        run(tmp_path / "new", replace(CONFIG, batch_size=16))
    with pytest.raises(ValueError, match="train: optimizer must be adam or adamw, got 'sgd'"):
        replace(CONFIG, optimizer="sgd")
    with pytest.raises(ValueError, match="train: schedule must be constant, cosine or step, got 'sawtooth'"):
        replace(CONFIG, schedule="sawtooth")
    assert not (tmp_path / "new").exists()


def test_rates():
    assert ClickFreeConfig(schedule="constant", learning_rate=0.5).rate(1000, 10) == 0.5
    assert ClickFreeConfig(epochs=10, learning_rate=1.0).rate(0, 10) == pytest.approx(1.0)
    step = ClickFreeConfig(schedule="step", step_epoch=3, learning_rate=1.0)
    assert (step.rate(29, 10), step.rate(30, 10)) == (1.0, 0.1)
