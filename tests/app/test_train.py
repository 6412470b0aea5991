import pytest
import torch

from activefreq.app.command_line import main
from activefreq.training.steps import CoarseStep

OPTIONS = ["train", "--data", "phantom", "--limit", "4", "--batch-size", "2", "--crop", "32", "--input-size", "32"]
SHORT = [*OPTIONS, "--epochs", "1", "--validate-every", "0"]


def run(arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code


def test_trains_and_says_where_the_weights_are(tmp_path, capsys):
    assert run([*SHORT, "--out", tmp_path / "a"]) == 0
    assert f"weights: {tmp_path / 'a' / 'model.safetensors'}" in capsys.readouterr().out
    assert run([*SHORT, "--out", tmp_path / "b", "--start-from", tmp_path / "a"]) == 0


def test_errors_are_one_line(tmp_path, capsys):
    assert run([*SHORT, "--out", tmp_path, "--model", "unet"]) == 2
    assert "train: unknown model 'unet'; there is: freqformer" in capsys.readouterr().err
    assert run([*SHORT, "--out", tmp_path, "--split", "holdout"]) == 2
    assert "phantom has no split 'holdout'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []  # nothing was written


def test_start_from_keeps_its_own_shape(tmp_path, capsys):
    assert run([*SHORT, "--out", tmp_path / "a"]) == 0
    again = [*SHORT[:-6], *SHORT[-4:], "--out", tmp_path / "b", "--start-from", tmp_path / "a"]
    assert run([*again, "--weight", "scalar"]) == 2
    assert "train: --weight scalar, but --start-from has full" in capsys.readouterr().err
    assert run([*again, "--input-size", "64"]) == 2
    assert "train: --input-size 64, but --start-from has 32" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_device_that_is_not_there(tmp_path, capsys):
    if torch.cuda.is_available():
        pytest.skip("CUDA is here")
    assert run([*SHORT, "--out", tmp_path / "a", "--device", "cuda"]) == 2
    assert "--device cuda" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_ctrl_c_says_what_is_kept(tmp_path, capsys, monkeypatch):
    calls = []

    def interrupted(*_):
        calls.append(1)
        if len(calls) == 3:  # in the second epoch of two steps each
            raise KeyboardInterrupt
        return step(*_)

    step = CoarseStep.forward
    monkeypatch.setattr(CoarseStep, "forward", interrupted)
    options = [*OPTIONS, "--epochs", "2", "--validate-every", "0", "--out", tmp_path]
    assert run(options) == 130
    assert "the same command with --resume goes on" in capsys.readouterr().err
    assert run([*options, "--resume"]) == 0
    assert (tmp_path / "log.jsonl").read_text().count("\n") == 2
