"""FreqMedCLIP's study: it goes on where it was, and its table compares image by image."""

import json

import pytest

from bench import freqmedclip_study, freqmedclip_tables

pytest.importorskip("monai")


def row(name, dice):
    sets = {"isic2017": {"answers": 2}, "cvc_clinicdb_612": {"answers": 1}}
    return {"name": name, "right": {"sets": sets, "dice": dice}}


def test_a_difference_is_taken_image_by_image():
    complete, variant = row("complete", [0.5, 0.7, 0.1]), row("without LFFI", [0.4, 0.4, 0.3])
    assert freqmedclip_tables.difference(variant, complete, "isic2017") == pytest.approx((-0.2, 0.1))
    assert freqmedclip_tables.difference(variant, complete)[0] == pytest.approx(-0.2 / 3)


def test_rows_that_are_there_are_kept_and_another_study_is_refused(tmp_path, capsys):
    stored = tmp_path / "ablations.json"
    common = ["ablations", "--data", "phantom", "--runs", str(tmp_path / "runs"), "--json", str(stored)]
    command = [*common, "--limit", "8", "--size", "32", "--epochs", "1", "--variants", "frequency only"]
    freqmedclip_study.main(command)
    (first,) = json.loads(stored.read_text())["rows"]
    assert first["name"] == "frequency only"
    assert first["parameters"]["trained"] > 0
    assert len(first["right"]["dice"]) == first["right"]["sets"]["phantom"]["answers"] == 8
    written = stored.stat().st_mtime_ns
    freqmedclip_study.main(command)
    assert json.loads(stored.read_text())["rows"] == [first]
    assert stored.stat().st_mtime_ns == written
    with pytest.raises(SystemExit):
        freqmedclip_study.main([*common, "--limit", "8", "--size", "32", "--epochs", "2"])
    assert "other settings" in capsys.readouterr().err
