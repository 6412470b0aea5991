import importlib
from pathlib import Path

import pytest


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    return importlib.import_module("bench.disentangled_tables")


def record():
    def row(fusion, draw, dice):
        return {"size": 4, "fusion": fusion, "draw": draw, "dice": [[dice, dice]], "hausdorff95": [[1.0, 2.0]]}

    rows = [row("none", 0, 0.5), row("none", 1, 0.7), row("early", 0, 0.6), row("early", 1, 0.7), row("late", 0, 0.4)]
    return {
        "rows": rows,
        "settings": {"steps": 3, "learning_rate": 0.001, "dropout": 0.0},
        "machine": {"cpu": "a processor"},
        "versions": {"torch": "2"},
        "data": {"train": {"volumes": 9}, "test": {"volumes": 1}},
    }


def test_differences_pair_draw_by_draw(tables):
    text = tables.disentangled(record())
    assert "| 4 | none | 60.00 ± 10.00 | 1.50 ± 0.00 | 2 | 0 |  |  |" in text
    assert "| 4 | early | 65.00 ± 5.00 | 1.50 ± 0.00 | 2 | 0 | +5.00 ± 5.00 | +5.00 ± 5.00 (2) |" in text
    assert "| 4 | late | 40.00 | 1.50 | 1 | 0 | -10.00 | -10.00 (1) |" in text
    assert "Scored volumes: 1;" in text


def test_draws_that_lost_a_class_are_counted_and_compared_apart(tables):
    made = record()
    made["rows"][2]["dice"] = [[0.9, 0.1]]
    text = tables.disentangled(made)
    assert "| 4 | early | 60.00 ± 10.00 | 1.50 ± 0.00 | 2 | 1 | +0.00 ± 0.00 | +0.00 (1) |" in text


def test_subsets_are_drawn_apart_and_anew_each_time(tables):
    study = importlib.import_module("bench.disentangled_study")
    chosen = [study.subset(20, 5, draw) for draw in range(10)]
    assert all(len(set(volumes)) == 5 and max(volumes) < 20 for volumes in chosen)
    assert len({tuple(volumes) for volumes in chosen}) > 5
    assert study.subset(20, 5, 3) == chosen[3]
    assert study.subset(20, 20, 0) == list(range(20))
