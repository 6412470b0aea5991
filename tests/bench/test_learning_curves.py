"""Logs of training runs are kept with their settings, and become a picture."""

import json

import pytest
import torch
from PIL import Image

from activefreq.models.checkpoint import write_tensors
from bench import learning_curves


def a_run(folder, stage, epochs):
    folder.mkdir()
    history = {"data": "toy", "split": "train", "training": {"stage": stage, "crop": 64}, "versions": {"torch": "2"}}
    write_tensors(folder / "last.safetensors", {"w": torch.zeros(1)}, {"history": history})
    lines = [{"epoch": k, "loss": 1 / k, "noc80": 3.0, "noc85": 4.0, "noc90": 6.0 - k} for k in range(1, epochs + 1)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_runs_are_kept_in_order_and_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(learning_curves, "RESULTS", tmp_path)
    monkeypatch.setattr(learning_curves, "PICTURE", tmp_path / "curves.png")
    runs = [a_run(tmp_path / "a", "coarse", 3), a_run(tmp_path / "b", "refine", 2)]
    learning_curves.main(["keep", "toy", *map(str, runs)])
    stored = json.loads((tmp_path / "training-toy.json").read_text())["runs"]
    assert [(run["training"]["stage"], len(run["epochs"])) for run in stored] == [("coarse", 3), ("refine", 2)]
    learning_curves.main(["draw"])
    with Image.open(tmp_path / "curves.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 20


def test_nothing_kept_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(learning_curves, "RESULTS", tmp_path)
    with pytest.raises(SystemExit):
        learning_curves.main(["draw"])
    assert "keep a run first" in capsys.readouterr().err
