"""The measurement of the steps runs, stores what its table needs, and refuses names it does not know."""

import importlib
import json
from pathlib import Path

import pytest

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
