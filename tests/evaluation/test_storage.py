import csv
import json

import numpy as np
import pytest
from toy_objects import ToyDataset

import activefreq as af
from activefreq.evaluation.nearest_click import NearestClick
from activefreq.evaluation.provenance import dataset_description
from activefreq.evaluation.runs import EvaluationInterrupted, evaluate_into_folder
from activefreq.evaluation.storage import claim_folder, load, write_atomically

SETTINGS = {"strategy": "largest", "max_clicks": 5, "batch_size": 4}


class Interrupting(ToyDataset):
    """Raises KeyboardInterrupt when sample `at` is decoded."""

    def __init__(self, count, at):
        super().__init__(count)
        self.at = at

    def __getitem__(self, index):
        if index == self.at:
            raise KeyboardInterrupt
        return super().__getitem__(index)


def run(folder, dataset):
    return evaluate_into_folder(NearestClick(), dataset, folder, {}, **SETTINGS)


def test_save_writes_what_the_evaluation_holds(tmp_path):
    found = af.evaluate(NearestClick(), ToyDataset(7), **SETTINGS)
    found.save(tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["clicks.jsonl", "metrics.json", "objects.csv"]
    assert json.loads((tmp_path / "new" / "metrics.json").read_text()) == found.to_dict()
    with (tmp_path / "new" / "objects.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == found.names
    assert [row["stop_reason"] for row in rows] == found.stop_reasons
    assert np.mean([int(row["noc_90"]) for row in rows]) == found.noc[90]
    assert sum(row["reached_85"] == "0" for row in rows) == found.nof[85]
    lines = [json.loads(line) for line in (tmp_path / "new" / "clicks.jsonl").read_text().splitlines()]
    assert [[tuple(click) for click in line["clicks"]] for line in lines] == found.clicks
    assert [line["ious"] for line in lines] == [result.ious for result in found.results]


def test_load_gives_back_what_was_saved(tmp_path):
    saved = run(tmp_path, ToyDataset(6))
    loaded = load(tmp_path)
    assert loaded.results == saved.results
    assert loaded.to_dict() == saved.to_dict()
    assert loaded.metadata == saved.metadata
    np.testing.assert_array_equal(loaded.ious, saved.ious)


def test_metrics_say_what_made_them(tmp_path):
    stored = run(tmp_path, ToyDataset(3)).to_dict()
    assert stored["versions"]["activefreq"] == af.__version__
    assert stored["machine"]["instruction_set"] == af.ops.backends()["cpu"]
    assert stored["model"]["name"] == "nearest-click"
    assert stored["data"] == {"name": "toy", "split": "test", "samples": 3}
    assert stored["settings"]["batch_size"] == 4
    assert stored["peak_memory_bytes"]["process"] > 2**20
    assert {"command", "date"} <= set(stored)


@pytest.mark.parametrize("at", [0, 14, 19])
def test_resume_equals_an_uninterrupted_run(tmp_path, at):
    with pytest.raises(EvaluationInterrupted, match=r"\d+ of 20 objects are kept in"):
        run(tmp_path / "cut", Interrupting(20, at))
    kept = (tmp_path / "cut" / "clicks.partial.jsonl").read_text().count("\n")
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == ["clicks.partial.jsonl"]
    dataset = ToyDataset(20)
    resumed, whole = run(tmp_path / "cut", dataset), run(tmp_path / "whole", ToyDataset(20))
    assert resumed.results == whole.results
    assert sum(dataset.decoded) == 20 - kept
    assert (kept > 0) == (at > 0)
    for name in ("clicks.jsonl", "objects.csv"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "cut" / "clicks.partial.jsonl").exists()


def test_half_a_line_is_dropped(tmp_path):
    with pytest.raises(EvaluationInterrupted):
        run(tmp_path, Interrupting(20, 19))
    partial = tmp_path / "clicks.partial.jsonl"
    text = partial.read_text()
    partial.write_text(text[: len(text) - 30])
    assert run(tmp_path, ToyDataset(20)).results == run(tmp_path / "whole", ToyDataset(20)).results


def test_a_finished_run_is_taken_over(tmp_path):
    first = run(tmp_path, ToyDataset(5))
    dataset = ToyDataset(5)
    assert run(tmp_path, dataset).to_dict() == first.to_dict()
    assert sum(dataset.decoded) == 0


def test_a_folder_belongs_to_one_configuration(tmp_path):
    folder = tmp_path / "out"
    claim_folder(folder, {"activefreq": "1", "model": "b", "seed": 0}, resume=False)
    claim_folder(
        folder, {"activefreq": "1", "model": "a", "seed": 0}, resume=False
    )  # nothing was finished under the other
    (folder / "clicks.partial.jsonl").write_text("half a line")
    claim_folder(folder, {"activefreq": "1", "model": "a", "seed": 0}, resume=False)
    (folder / "clicks.partial.jsonl").write_text("a finished object\n")
    with pytest.raises(FileExistsError, match="already holds this run; add --resume"):
        claim_folder(folder, {"activefreq": "1", "model": "a", "seed": 0}, resume=False)
    claim_folder(folder, {"activefreq": "1", "model": "a", "seed": 0}, resume=True)
    for resume in (False, True):
        with pytest.raises(FileExistsError, match=r"another run \(other seed\); choose another --out"):
            claim_folder(folder, {"activefreq": "1", "model": "a", "seed": 1}, resume)
    assert json.loads((folder / "configuration.json").read_text()) == {"activefreq": "1", "model": "a", "seed": 0}


class Named(ToyDataset):
    def __init__(self, count, prefix, fingerprint=None):
        super().__init__(count)
        self.fingerprint = fingerprint
        for sample in self.samples:
            sample.name = prefix + sample.name

    @property
    def names(self):
        return [sample.name for sample in self.samples]


def test_the_digest_tells_data_sets_apart():
    described = [
        dataset_description(dataset)
        for dataset in (Named(4, "a-"), Named(4, "b-"), Named(4, "a-", "12 bytes"), Named(4, "a-", "13 bytes"))
    ]
    assert len({entry["digest"] for entry in described}) == 4
    assert dataset_description(Named(4, "a-")) == described[0]
    assert "digest" not in dataset_description(ToyDataset(4))


def test_results_of_other_data_are_not_taken_over():
    finished = af.evaluate(NearestClick(), Named(4, "a-"), **SETTINGS).results
    assert af.evaluate(NearestClick(), Named(4, "a-"), done=finished[:2], **SETTINGS).results == finished
    with pytest.raises(ValueError, match="done has 'a-object-0' as object 0, which dataset calls 'b-object-0'"):
        af.evaluate(NearestClick(), Named(4, "b-"), done=finished[:2], **SETTINGS)
    with pytest.raises(ValueError, match="done has 'a-object-3' as object 3, but dataset has 2 objects"):
        af.evaluate(NearestClick(), Named(2, "a-"), done=finished[3:], **SETTINGS)


def test_results_without_a_configuration_are_not_overwritten(tmp_path):
    (tmp_path / "metrics.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds results of another run"):
        claim_folder(tmp_path, {}, resume=True)
    (tmp_path / "metrics.json").unlink()
    claim_folder(tmp_path, {}, resume=False)


@pytest.mark.parametrize("content", ['{"my own": "settings"}', '["my own settings"]', "no json"])
def test_another_program_s_configuration_is_left_alone(tmp_path, content):
    (tmp_path / "configuration.json").write_text(content)
    with pytest.raises(FileExistsError, match=r"configuration.json was not written by an evaluation; choose another"):
        claim_folder(tmp_path, {"activefreq": "1"}, resume=False)
    assert (tmp_path / "configuration.json").read_text() == content


def test_names_may_hold_what_python_takes_for_line_ends(tmp_path):
    dataset = ToyDataset(3)
    for sample, name in zip(dataset.samples, ("a", "b\u2028c", "d\x85e"), strict=True):
        sample.name = name
    finished = run(tmp_path, dataset)
    assert [result.name for result in load(tmp_path).results] == ["a", "b\u2028c", "d\x85e"]
    again = ToyDataset(3)
    for sample, name in zip(again.samples, ("a", "b\u2028c", "d\x85e"), strict=True):
        sample.name = name
    assert run(tmp_path, again).to_dict() == finished.to_dict()
    assert sum(again.decoded) == 0


def test_an_atomic_write_leaves_the_old_file_when_it_fails(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_results_are_broken_down_by_what_the_data_set_says(tmp_path):
    class Described(ToyDataset):
        def attributes(self, name):
            number = int(name.removeprefix("object-"))
            return {"source": "ab"[number % 2], "patient": name, "site": "one"}

    found = run(tmp_path, Described(20))
    parts = found.to_dict()["breakdown"]
    assert list(parts) == ["source"]  # one value, or a value per object, divides nothing
    assert {value: part["objects"] for value, part in parts["source"].items()} == {"a": 10, "b": 10}
    mean = sum(part["noc"]["90"] for part in parts["source"].values()) / 2
    assert mean == pytest.approx(found.noc[90], abs=1e-12)
    assert sum(part["nof"]["90"] for part in parts["source"].values()) == found.nof[90]
    with (tmp_path / "objects.csv").open() as file:
        assert [row["patient"] for row in csv.DictReader(file)] == found.names
    assert load(tmp_path).to_dict() == found.to_dict()
