"""The committed weights: they load from any folder, and do on the phantom what the README says."""

import json
import re

import pytest
from safetensors import safe_open

import activefreq as af
from activefreq.data import open_dataset
from activefreq.predictor import available_weights


def test_weights_resolve_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "freqformer-isic2017" in available_weights()
    predictor = af.load("freqformer-isic2017")
    assert predictor.name == "freqformer-isic2017"
    assert predictor.history["data"] == "isic2017"
    assert predictor.input_size == 224


def test_most_phantoms_reach_090():
    result = af.evaluate(af.load("freqformer-isic2017"), open_dataset("phantom", limit=12), strategy="largest")
    assert result.nof[90] <= 2
    assert result.noc[90] < 6


@pytest.mark.parametrize("path", available_weights().values(), ids=lambda path: path.stem)
def test_a_checkpoint_carries_no_paths(path):
    with safe_open(path, framework="pt") as file:
        header = json.dumps(file.metadata())
    assert "isic2017" in header
    assert not re.search(r"[\s\"'=]/\w", header)  # nothing that looks like an absolute path
    assert path.stat().st_size < 20_000_000
