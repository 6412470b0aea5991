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
    assert (first["name"], first["seed"]) == ("frequency only", 0)
    assert first["parameters"]["trained"] > 0
    assert len(first["right"]["dice"]) == first["right"]["sets"]["phantom"]["answers"] == 8
    written = stored.stat().st_mtime_ns
    freqmedclip_study.main(command)
    assert json.loads(stored.read_text())["rows"] == [first]
    assert stored.stat().st_mtime_ns == written
    freqmedclip_study.main([*command, "--seeds", "0", "1"])
    assert [row["seed"] for row in json.loads(stored.read_text())["rows"]] == [0, 1]
    with pytest.raises(SystemExit):
        freqmedclip_study.main([*common, "--limit", "8", "--size", "32", "--epochs", "2"])
    assert "other settings" in capsys.readouterr().err


def test_the_table_compares_within_a_seed(monkeypatch):
    def trained(name, seed, dice):
        sets = {source: {"answers": 2, "dice": [dice[0], 0.01]} for source in ("isic2017", "cvc_clinicdb_612")}
        made = {"name": name, "seed": seed, "parameters": {"trained": 1e6}, "macs": 2e6, "training": {"steps": 10}}
        return made | {"right": {"sets": sets, "dice": dice}, "wrong": {"dice": [0.0]}}

    rows = [
        trained("complete", 0, [0.5, 0.7, 0.1, 0.1]),
        trained("without LFFI", 0, [0.4, 0.5, 0.3, 0.3]),
        trained("complete", 1, [0.6, 0.6, 0.2, 0.2]),
        trained("without LFFI", 1, [0.7, 0.6, 0.2, 0.2]),
    ]
    record = {"rows": rows, "summary": {"size": 32, "training": {"batch_size": 8}}}
    monkeypatch.setattr(freqmedclip_tables, "stored", lambda name: record)
    monkeypatch.setattr(freqmedclip_tables, "footnote", lambda record: "")
    table = freqmedclip_tables.ablations()
    assert "| without LFFI | 1.00 M | 2 | -0.050 (-0.150, +0.050) | +0.100 (+0.200, +0.000) | 0.000 |" in table
    assert "ISIC-2017 0.500, 0.600" in table
