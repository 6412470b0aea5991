"""The ablation of the FreqModule: it goes on where it was, and its table counts differences seed by seed."""

import json

import pytest

from bench import ablation
from bench.ablation_tables import differences


def row(variant, seed, noc):
    return {"variant": variant, "seed": seed, "figures": {"largest": {"noc": {"90": noc}}}}


def test_a_difference_is_taken_within_a_seed():
    rows = [row("all three", 0, 3.0), row("Haar", 0, 3.5), row("all three", 1, 4.0), row("Haar", 1, 4.25)]
    assert differences(rows, "Haar", "largest", "90") == [0.5, 0.25]


def test_a_seed_without_the_complete_network_does_not_count():
    rows = [row("all three", 0, 3.0), row("Haar", 0, 3.5), row("Haar", 1, 9.0)]
    assert differences(rows, "Haar", "largest", "90") == [0.5]


def test_rows_that_are_there_are_kept_and_another_study_is_refused(tmp_path, capsys):
    stored = tmp_path / "ablation.json"
    common = ["--data", "phantom", "--runs", str(tmp_path / "runs"), "--json", str(stored), "--limit", "16"]
    command = [*common, "--epochs", "1", "--crop", "32", "--seeds", "0", "--variants", "(H, W)"]
    ablation.main(command)
    first = json.loads(stored.read_text())["rows"]
    assert [(entry["variant"], entry["seed"]) for entry in first] == [("(H, W)", 0)]
    assert set(first[0]["figures"]) == {"largest", "acselect"}
    written = stored.stat().st_mtime_ns
    ablation.main(command)
    assert stored.stat().st_mtime_ns == written
    with pytest.raises(SystemExit):
        ablation.main([*common, "--epochs", "2", "--crop", "32", "--seeds", "0"])
    assert "other settings" in capsys.readouterr().err
