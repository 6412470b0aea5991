"""The examples of loading published tensors run as they stand in the docstrings."""

import doctest

import pytest
import torch

import activefreq as af


@pytest.mark.parametrize("layer", [af.GlobalFilter, af.nn.MEWBlock])
def test_example_runs(layer):
    names = {"torch": torch, layer.__name__: layer}
    (example,) = doctest.DocTestFinder(recurse=False).find(layer, layer.__name__, globs=names)
    assert any("load_state_dict" in line.source for line in example.examples)
    assert not any(line.options for line in example.examples)  # nothing skipped
    assert doctest.DocTestRunner().run(example).failed == 0
