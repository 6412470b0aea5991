import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator
from transformers import SegformerConfig, SegformerModel

import activefreq
from activefreq.app.command_line import main
from activefreq.data import Phantom
from activefreq.models import HFSTINet
from activefreq.predictor import load
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
    assert run([*SHORT, "--out", tmp_path / "b", "--start-from", tmp_path / "a", "--stage", "refine"]) == 0
    said = capsys.readouterr().out
    assert "seconds per epoch: " in said
    assert "plain loop" not in said  # there is none of this stage
    assert load(tmp_path / "a").network.refine_layer is None
    assert load(tmp_path / "b").network.refine_layer is not None


def out_of_memory(*arguments):
    raise torch.OutOfMemoryError("CUDA out of memory")


def test_says_a_plain_loop_s_seconds(tmp_path, capsys, monkeypatch):
    pytest.importorskip("cv2")
    assert run([*SHORT, "--out", tmp_path / "a"]) == 0
    ours, theirs = capsys.readouterr().out.splitlines()[-2:]
    assert float(ours.removeprefix("seconds per epoch: ").split(",")[0]) > 0
    assert float(theirs.removeprefix("a plain loop's:    ").split(",")[0]) > 0
    assert run([*SHORT, "--out", tmp_path / "b", "--no-plain-loop"]) == 0
    assert "plain loop" not in capsys.readouterr().out
    monkeypatch.setattr("activefreq.training.plain_loop.plain_epoch_seconds", out_of_memory)
    assert run([*SHORT, "--out", tmp_path / "d"]) == 0  # the training is over
    assert "a plain loop's:    not measured (CUDA out of memory)" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.delitem(sys.modules, "activefreq.training.plain_loop")
    assert run([*SHORT, "--out", tmp_path / "c"]) == 0
    assert "not measured, it needs opencv-python-headless" in capsys.readouterr().out


def test_encoder_from_a_folder(tmp_path, capsys):
    published = SegformerModel(SegformerConfig(hidden_sizes=[32, 64, 160, 256], num_attention_heads=[1, 2, 5, 8]))
    published.save_pretrained(tmp_path / "published")
    assert run([*SHORT, "--out", tmp_path / "a", "--encoder-from", tmp_path / "published"]) == 0
    said = capsys.readouterr().out
    start = load(tmp_path / "a").history["encoder_from"]
    assert f"encoder: {len(start['loaded'])} tensors from" in said
    assert len(start["loaded"]) > 2 * len(start["kept"]) > 0
    assert start["source"] == "published"  # no path of this machine
    # A run that goes on has its encoder: the source may be out of reach by then.
    assert run([*SHORT, "--out", tmp_path / "a", "--resume", "--encoder-from", tmp_path / "gone"]) == 0


def test_encoder_of_a_sibling(tmp_path, capsys):
    """Also: images have the side of the network's input where nothing else is asked for."""
    HFSTINet.small().encoder.save_pretrained(tmp_path / "published")
    options = [
        "train",
        "--data",
        "phantom",
        "--limit",
        "2",
        "--batch-size",
        "2",
        "--epochs",
        "1",
        "--validate-every",
        "0",
    ]
    options += ["--model", "hfsti-net", "--small", "--network-option", "clicks=true", "--input-size", "64"]
    assert run([*options, "--out", tmp_path / "a", "--encoder-from", tmp_path / "published"]) == 0
    assert "tensors from" in capsys.readouterr().out
    history = load(tmp_path / "a").history
    assert history["encoder_from"]["source"] == "published"
    assert len(history["encoder_from"]["loaded"]) > 10
    assert history["training"]["crop"] == 64


def test_validates_and_draws(tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    rows = ["stem,split"]
    for i, sample in enumerate(Phantom("train", size=(32, 32), limit=3)):
        for folder, pixels in (("images", sample.image), ("masks", (sample.mask == 1).astype("uint8") * 255)):
            (data / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(data / folder / f"{i}.png")
        rows.append(f"{i},{'val' if i == 2 else 'train'}")
    (data / "split.csv").write_text("\n".join(rows))
    options = [*OPTIONS[:1], *OPTIONS[5:], "--data", data, "--epochs", "1", "--validate-every", "1", "--threads", "1"]
    assert run([*options, "--out", out]) == 0
    figures = json.loads((out / "log.jsonl").read_text())
    assert {"noc80", "noc85", "noc90", "seconds"} <= figures.keys()
    events = event_accumulator.EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    (picture,) = events.Images("validation/pictures")
    assert (picture.width, picture.height) == (64, 32)  # one object, two panels


def test_errors_are_one_line(tmp_path, capsys):
    assert run([*SHORT, "--out", tmp_path, "--model", "unet"]) == 2
    assert "train: unknown model 'unet'; there is: freqformer" in capsys.readouterr().err
    assert run([*SHORT, "--out", tmp_path, "--split", "holdout"]) == 2
    assert "phantom has no split 'holdout'" in capsys.readouterr().err
    assert run([*SHORT, "--out", tmp_path, "--stage", "third"]) == 2
    assert "train: stage must be coarse, refine or both, got 'third'" in capsys.readouterr().err
    assert run([*SHORT, "--out", tmp_path, "--threads", "0"]) == 2
    assert "train: --threads must be at least 1, got 0" in capsys.readouterr().err
    assert run([*SHORT, "--out", tmp_path, "--start-from", "freqformer-isic2017", "--encoder-from", "x"]) == 2
    assert "train: --start-from brings an encoder of its own" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []  # nothing was written


def test_start_from_keeps_its_own_shape(tmp_path, capsys):
    assert run([*SHORT, "--out", tmp_path / "a"]) == 0
    again = [*SHORT[:-6], *SHORT[-4:], "--out", tmp_path / "b", "--start-from", tmp_path / "a"]
    assert run([*again, "--weight", "scalar"]) == 2
    assert "train: --weight scalar, but --start-from has full" in capsys.readouterr().err
    assert run([*again, "--input-size", "64"]) == 2
    assert "train: --input-size 64, but --start-from has 32" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
    assert run([*again, "--network-option", "drop_path=0.3", "--colour", "0.4", "--acselect-clicks", "0.5"]) == 0
    before, after = load(tmp_path / "a").network, load(tmp_path / "b").network
    assert (before.config.drop_path, after.config.drop_path) == (0.1, 0.3)  # it has no weights, so it may change
    settings = load(tmp_path / "b").history["training"]
    assert (settings["colour"], settings["acselect_clicks"]) == (0.4, 0.5)


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
    assert "1 finished epoch is kept in" in (said := capsys.readouterr().err)
    assert "the same command with --resume goes on" in said
    assert run([*options, "--resume"]) == 0
    assert (tmp_path / "log.jsonl").read_text().count("\n") == 2


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_weights(tmp_path, capsys):
    options = [*OPTIONS, "--epochs", "3", "--validate-every", "0", "--out", tmp_path / "run"]
    assert run([*options, "--learning-rate", "1e25"]) == 2
    assert "the loss of step" in (error := capsys.readouterr().err)
    assert "--learning-rate" in error
    log = tmp_path / "run" / "log.jsonl"
    for line in log.read_text().splitlines() if log.exists() else []:
        assert json.loads(line, parse_constant=pytest.fail)["loss"] > 0


def test_a_run_that_fails_in_its_first_epoch_leaves_its_folder_free(tmp_path, capsys, monkeypatch):
    options = [*OPTIONS, "--epochs", "1", "--validate-every", "0", "--out", tmp_path]
    with monkeypatch.context() as patch:
        patch.setattr(CoarseStep, "forward", lambda *_: torch.tensor(torch.nan, requires_grad=True))
        assert run(options) == 2
    assert "in epoch 1 is nan; nothing is kept of so short a run" in capsys.readouterr().err
    half = tmp_path / ".last.safetensors.abc"  # as a killed process leaves it
    half.write_bytes(b"half")
    assert run(options) == 0
    assert not half.exists()
    assert "kept: epoch 1 of 1, training loss " in capsys.readouterr().out


def test_validation_that_cannot_be(tmp_path, capsys):
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        pixels = torch.zeros(32, 32, dtype=torch.uint8)
        for name in "abc":
            pixels[4:20, 4:20] = 0 if (folder, name) == ("masks", "c") else 255
            Image.fromarray(pixels.numpy()).save(tmp_path / "data" / folder / f"{name}.png")
    options = ["train", "--data", tmp_path / "data", "--split", "all", "--batch-size", "2", "--input-size", "32"]
    options += ["--epochs", "1", "--out", tmp_path / "run"]
    assert run(options) == 2
    assert "--validation-split takes another split, --validate-every 0 trains without one" in capsys.readouterr().err
    assert run([*options, "--validate-every", "0"]) == 0
    assert "skipped 1 objects (c: c.png has no object" in capsys.readouterr().err  # what takes no part is said


def test_broken_images(tmp_path, capsys):
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        pixels = torch.zeros(32, 32, dtype=torch.uint8)
        pixels[4:20, 4:20] = 255
        for name in "abc":
            Image.fromarray(pixels.numpy()).save(tmp_path / "data" / folder / f"{name}.png")
    (tmp_path / "data" / "images" / "c.png").write_bytes(b"no picture")
    options = ["train", "--data", tmp_path / "data", "--split", "all", "--batch-size", "2", "--input-size", "32"]
    options += ["--epochs", "1", "--validate-every", "0", "--out", tmp_path / "run"]
    assert run(options) == 2
    assert "; --skip-broken leaves such files out" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert run([*options, "--skip-broken"]) == 0
    assert "skipped 1 objects (c: " in capsys.readouterr().err


def test_objects_of_one_mask_and_what_two_processes_say(tmp_path):
    """Masks of two ids: two objects each, or one together. What is left out and reached is said by one process."""
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        pixels = torch.zeros(32, 32, dtype=torch.uint8)
        for name, ids in (("a", (1, 2)), ("b", (1, 2)), ("c", (0, 0))):
            pixels[4:12, 4:20], pixels[20:28, 4:20] = ids
            Image.fromarray(pixels.numpy()).save(tmp_path / "data" / folder / f"{name}.png")
    options = ["train", "--data", tmp_path / "data", "--split", "all", "--batch-size", "2", "--input-size", "32"]
    options += ["--epochs", "1", "--validate-every", "0"]
    for objects, count in ((["--objects", "merged"], 2), ([], 4)):
        out = tmp_path / str(count)
        assert run([*options, *objects, "--out", out]) == 0
        assert load(out).history["samples"] == count
    (tmp_path / "run.py").write_text("from activefreq.app.command_line import main\nmain()\n")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [str(word) for word in [*launcher, tmp_path / "run.py", *options, "--out", tmp_path / "two"]]
    package = str(Path(activefreq.__file__).parents[1])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": package}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr.count("skipped 1 objects (c: ") == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines()][:3] == ["kept", "weights", "seconds per epoch"]


def test_a_resumed_run_reads_the_same_data_the_same_way(tmp_path, capsys):
    rng = torch.Generator().manual_seed(0)
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for name in "abcd":
        pixels = torch.randint(0, 256, (32, 32, 3), generator=rng, dtype=torch.uint8).numpy()
        mask = torch.zeros(32, 32, dtype=torch.uint8)
        mask[8:20, 8:20], mask[0, 0] = 255, 128
        Image.fromarray(pixels).save(tmp_path / "data" / "images" / f"{name}.png")
        Image.fromarray(mask.numpy()).save(tmp_path / "data" / "masks" / f"{name}.png")
    options = ["train", "--data", tmp_path / "data", "--batch-size", "2", "--crop", "32", "--input-size", "32"]
    options += ["--split", "all", "--epochs", "1", "--validate-every", "0", "--out", tmp_path / "run"]
    assert run([*options, "--ignore", "128"]) == 0
    assert run([*options, "--ignore", "128", "--resume"]) == 0
    capsys.readouterr()
    assert run([*options, "--ignore", "200", "--resume"]) == 2
    assert "reading was {'ignore': 128}, is {'ignore': 200}" in capsys.readouterr().err
    assert run([*options, "--ignore", "128", "--validation-split", "test", "--resume"]) == 2
    assert "validation_split was" in capsys.readouterr().err


def test_weights_that_were_removed_come_back(tmp_path):
    options = [*SHORT, "--out", tmp_path / "run"]
    assert run(options) == 0
    (tmp_path / "run" / "model.safetensors").unlink()
    assert run([*options, "--resume"]) == 0
    assert load(str(tmp_path / "run" / "model.safetensors")).network.config.input_size == 32
