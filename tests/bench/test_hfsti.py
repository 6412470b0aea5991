"""The study of HFSTI-Net keeps what is there, and its tables say what is stored."""

import json

import pytest
import torch

from activefreq import ops
from activefreq.models import HFSTINet
from bench import hfsti_speed, hfsti_study, hfsti_tables, speed_tables


def tiny(**settings):
    shape = {"encoder_widths": (8, 8, 8, 8), "encoder_depths": (1, 1, 1, 1), "encoder_heads": (1, 1, 1, 1)}
    return HFSTINet.small(input_size=32, width=8, **shape, **settings)


def row(variant, seed, dice):
    settings = {"size": 32, "epochs": 1, "batch_size": 2, "learning_rate": 1e-3, "clip": 2}
    row = {"variant": variant, "seed": seed, "settings": settings, "encoder": "random", "parameters": 1_500_000}
    return row | {"clips": 4, "videos": 2, "frames": 9, "dice": dice, "iou": dice / 2}


def test_rows_are_in_order(tmp_path):
    for number, (variant, seed) in enumerate([("HFSI and RMP", 1), ("neither", 0), ("HFSI and RMP", 0)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "row.json").write_text(json.dumps(row(variant, seed, 0.5)))
    ordered = [(found["variant"], found["seed"]) for found in hfsti_study.rows_of(tmp_path)]
    assert ordered == [("neither", 0), ("HFSI and RMP", 0), ("HFSI and RMP", 1)]


def test_table_of_the_study(tmp_path, monkeypatch):
    machine = {"processor": "p", "threads": 1, "torch": "t", "commit": "c", "time": "2026-01-01T", "load_average": 0.5}
    record = {"summary": {"data": "videos"}, "machine": machine, "rows": [row("RMP", 0, 0.25), row("RMP", 1, 0.5)]}
    (tmp_path / "hfsti_study.json").write_text(json.dumps(record))
    monkeypatch.setattr(speed_tables, "RESULTS", tmp_path)
    table = hfsti_tables.study()
    assert "| RMP | 1.50 M | 0, 1 | 0.250, 0.500 | 0.375 | 0.188 |" in table
    assert "9 frames of 2 test videos" in table


def test_networks_compute_with_the_transforms_they_are_given():
    network, x = tiny().eval(), torch.rand(1, 3, 32, 32)
    ours = ops.rfft2, ops.irfft2
    with torch.inference_mode():
        expected = network(x)
        with hfsti_speed.transforms(hfsti_speed.torch_rfft2, hfsti_speed.torch_irfft2):
            assert ops.rfft2 is hfsti_speed.torch_rfft2
            torch.testing.assert_close(network(x), expected, rtol=1e-3, atol=1e-4)
    assert (ops.rfft2, ops.irfft2) == ours


def test_a_frame_costs_what_its_parts_do():
    """More frames in memory, and HFSI with its transforms, cost more."""
    costs = [hfsti_speed.frame_macs(tiny(**settings)) for settings in ({"hfsi": False}, {}, {"memory": 4})]
    assert 0 < costs[0] < costs[1] < costs[2]


def test_another_budget_is_refused(tmp_path):
    folder = tmp_path / "neither-0"
    folder.mkdir()
    (folder / "row.json").write_text(json.dumps(row("neither", 0, 0.5)))
    arguments = type("Arguments", (), {"out": tmp_path, "size": 64, "epochs": 1, "batch_size": 2, "clip": 2})()
    arguments.learning_rate = 1e-3
    with pytest.raises(SystemExit, match="was made with other settings"):
        hfsti_study.trained_and_scored("neither", 0, arguments)
