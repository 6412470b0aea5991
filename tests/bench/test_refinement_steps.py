"""The measurement of the steps runs, stores what its table needs, and refuses names it does not know."""

import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from activefreq.data import Phantom

ROOT = Path(__file__).parents[2]


@pytest.fixture
def refinement(monkeypatch, restore_threads):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("bench.refinement")


def test_rows_become_a_table(refinement, tmp_path, monkeypatch, capsys):
    stored = tmp_path / "refinement-val.json"
    names = ["whole image", "target crop"]
    command = ["--data", "phantom", "--limit", "2", "--strategies", "largest", "--json", str(stored), "--variants"]
    refinement.main([*command, *names])
    rows = json.loads(stored.read_text())["rows"]
    assert [(row["variant"], row["strategy"], row["objects"]) for row in rows] == [(n, "largest", 2) for n in names]
    assert [row["steps"]["target_crop"] for row in rows] == [False, True]
    assert all(1 <= row["noc"]["80"] <= row["noc"]["90"] <= 20 for row in rows)
    assert all(sum(row["clicks_to_90"]) / 2 == row["noc"]["90"] for row in rows)
    assert "target crop" in capsys.readouterr().out
    monkeypatch.setattr(refinement, "measure", None)  # all rows are there: nothing is measured again
    refinement.main([*command, *names, "--resume"])
    assert json.loads(stored.read_text())["rows"] == rows
    monkeypatch.setattr(importlib.import_module("bench.speed_tables"), "RESULTS", tmp_path)
    table = importlib.import_module("bench.tables").refinement("refinement-val").splitlines()
    assert [line.split(" | ")[0] for line in table[2:4]] == ["| whole image", "| target crop"]
    assert "±" not in table[2]
    assert "±" in table[3]


def test_unknown_variants_are_listed(refinement, capsys):
    with pytest.raises(SystemExit):
        refinement.main(["--data", "phantom", "--limit", "1", "--variants", "nonsense"])
    assert "no variant 'nonsense'; there are whole image, target crop" in capsys.readouterr().err


def test_masks_to_be_corrected(refinement, tmp_path, monkeypatch):
    stored = tmp_path / "refinement-given.json"
    command = ["--data", "phantom", "--limit", "2", "--strategies", "largest", "--given", "--json", str(stored)]
    refinement.main([*command, "--variants", "whole image", "progressive merge"])
    record = json.loads(stored.read_text())
    assert record["summary"]["given"]
    assert all(0.75 <= row["given_miou"] <= 0.85 for row in record["rows"])
    with pytest.raises(SystemExit, match="other given"):
        refinement.main([*(word for word in command if word != "--given"), "--resume"])
    monkeypatch.setattr(importlib.import_module("bench.speed_tables"), "RESULTS", tmp_path)
    table = importlib.import_module("bench.tables").refinement("refinement-given").splitlines()
    assert table[0].endswith("| spoilt |")
    assert "The given masks' mIoU: 0.8" in table[-1]


@pytest.mark.parametrize("radius", [3, 12, 40])
def test_damage_has_its_range(refinement, radius):
    damaged = importlib.import_module("bench.damaged")
    rows, columns = np.indices((120, 130))
    truth = np.hypot(rows - 60, columns - 50) <= radius
    masks = [damaged.damage(truth, np.random.default_rng(seed)) for seed in (0, 0, 1, 2, 3)]
    assert (masks[0] == masks[1]).all()
    assert (masks[0] != masks[2]).any()
    assert all(0.75 <= damaged.overlap(mask, truth) <= 0.85 for mask in masks)
    assert any((mask & ~truth).any() for mask in masks)
    assert any((truth & ~mask).any() for mask in masks)


def test_spoilt_masks_are_counted(refinement):
    """A predictor that empties every mask spoils all of them; one that leaves them as they are none."""
    data = importlib.import_module("bench.damaged").Damaged(Phantom("val", limit=3))
    starts = refinement.given_ious(data)
    assert all(0.75 <= iou <= 0.85 for iou in starts.values())
    for factor, spoilt in ((0.0, 3), (1.0, 0)):
        answers = SimpleNamespace(predict=lambda images, clicks, previous, factor=factor: previous * factor)
        row = refinement.measure(answers, data, "largest", 2, starts)
        assert row["spoilt"] == spoilt
        assert row["given_miou"] == pytest.approx(sum(starts.values()) / 3)
