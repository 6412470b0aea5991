"""Tables that are made of several records, and those of races and layers."""

import json

import pytest

from bench import layer_tables, region_tables, speed_tables
from bench.measure import machine

SPREAD = {"minimum": 0.5, "low": 1.5, "median": 2.0, "high": 2.5}
RACED = {"ours": SPREAD, "peer": SPREAD, "fastest_peer": "cv2", "ratio": SPREAD, "ratio_of_minima": 1.0}


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(speed_tables, "RESULTS", tmp_path)

    def write(name, *rows, commit="c", processor="p", **summary):
        made = {"processor": processor, "threads": 1, "torch": "t", "commit": commit}
        record = {"machine": {**made, "time": "2026-01-02T", "load_average": 0.5}, "summary": summary, "rows": rows}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))

    return write


def test_a_table_of_several_records_names_the_commit_of_each(store):
    store("one", commit="abc")
    store("two", commit="def")
    assert speed_tables.footnotes("one", "two") == (
        "\n\np, 1 thread, torch t. one: commit abc, 2026-01-02, load average 0.5; "
        "two: commit def, 2026-01-02, load average 0.5."
    )


def test_records_of_two_machines_are_not_said_to_be_of_one(store):
    store("one", processor="small")
    store("two", processor="large")
    note = speed_tables.footnotes("one", "two")
    assert "one: small" in note
    assert "two: large" in note


def test_instruction_sets_name_three_records(store):
    row = {"reading": "literal", "errors": "blob", "size": 224, "ratio": SPREAD}
    for name in ("", "-avx2", "-baseline"):
        store(f"select_click{name}", row, commit=f"made{name}", instruction_set=name)
    table = region_tables.instruction_sets()
    assert "| blob, 224 |" + 3 * " 2.00 (1.50 to 2.50) |" in table
    assert all(f"commit made{name}," in table for name in ("", "-avx2", "-baseline"))


def test_races_and_layers_have_a_row_per_cell(store):
    store("click_maps", {"clicks": 20, "size": 224, **RACED})
    assert "| 20, 224 | 0.500 | 0.500 | cv2 | 1.0 | 2.00 (1.50 to 2.50) |" in region_tables.click_maps()
    store("spectral_filter", {"axes": "(H, W)", "size": 14, **RACED})
    assert "| (H, W), 14 | 0.500 |" in layer_tables.spectral_filter()
    store("published_layers", {"layer": "MEWBlock", "pass": "forward", "shape": [1, 2], "ours": SPREAD,
                               "theirs": SPREAD, "ratio": SPREAD})  # fmt: skip
    expected = "| MEWBlock, forward | 1 × 2 | 2000.000 | 2000.000 | 2.00 (1.50 to 2.50) |"
    assert expected in layer_tables.published_layers()


def test_versions_of_installed_packages_are_kept():
    versions = machine()["versions"]
    assert versions["numpy"]
    assert all(versions.values())
