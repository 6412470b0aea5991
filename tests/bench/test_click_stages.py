"""The benchmark of a click runs, and its rows are whole. How fast anything is, is not tested."""

import json
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
STAGES = [
    "drawing clicks",
    "encoder",
    "frequency modules",
    "whole forward pass",
    "labelling",
    "labelling and statistics (ours: selection)",
    "distance transform",
    "selection (regions, scores, pixel)",
]


@pytest.fixture
def in_checkout(monkeypatch, restore_threads):
    pytest.importorskip("cv2")
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))


def test_every_stage_has_a_row(in_checkout, tmp_path, capsys, monkeypatch):
    from activefreq.app.command_line import main

    monkeypatch.setattr("bench.measure._BEYOND_CACHE", 1)  # a few copies are enough to see that cold runs
    with pytest.raises(SystemExit) as stop:
        main(["bench", "--size", "64", "--batch", "2", "--seconds", "0", "--json", str(tmp_path / "click.json")])
    assert stop.value.code == 0
    record = json.loads((tmp_path / "click.json").read_text())
    assert [(row["stage"], row["cache"]) for row in record["rows"]] == [
        (s, c) for s in STAGES for c in (("warm",) if s == "drawing clicks" else ("warm", "cold"))
    ]
    for row in record["rows"]:
        assert row["ours"]["minimum"] > 0
        assert row["name"] == "transformers, both" if row["stage"] == "encoder" else row["ratio"]["median"] > 0
    assert record["machine"]["torch"] == torch.__version__
    assert "best alternative" in capsys.readouterr().out


def test_alternatives_agree_with_ours(in_checkout):
    """What is raced computes the same thing."""
    from bench.click import network_stages, selection_stages

    torch.manual_seed(0)
    stages = {stage.name: stage.make() for stage in [*network_stages(64, 2), *selection_stages(64, 2)]}
    for name in ("frequency modules", "whole forward pass"):
        calls = stages[name]
        assert set(calls) == {"ours", "eager, definition", "eager, rfft2"}
        for alternative in calls:
            torch.testing.assert_close(calls[alternative](), calls["ours"](), rtol=1e-4, atol=1e-4)
    distance = stages["distance transform"]
    squared = distance["ours"]().float()
    for name in distance.keys() - {"ours"}:
        far = torch.stack([torch.from_numpy(image[1:-1, 1:-1].copy()).float() for image in distance[name]()])
        torch.testing.assert_close(far if name == "edt" else far.square(), squared, rtol=1e-4, atol=1e-4)
    click = stages["selection (regions, scores, pixel)"]
    ours = click["ours"]()
    ours_yx = list(zip(ours.y.tolist(), ours.x.tolist(), strict=True))
    for name, peer in click.items():
        if name != "ours":
            assert [tuple(int(v) for v in answer[:2]) for answer in peer()] == ours_yx, name
