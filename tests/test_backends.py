"""What can be known of the CUDA module without a GPU, and of the choice of instruction set."""

import importlib.util

import pytest
import torch

import activefreq as af
from activefreq import _cpu
from activefreq.ops import _native

BUILT = importlib.util.find_spec("activefreq._cuda") is not None


def test_backends_say_what_runs():
    backends = af.ops.backends()
    assert backends["cpu"] in _cpu.instruction_sets()
    assert backends["cuda"]  # "ready", or the reason why not


def test_every_instruction_set_can_be_chosen(instruction_set):
    assert _cpu.instruction_set() == instruction_set


def test_unknown_instruction_set_is_an_error():
    with pytest.raises(ValueError, match="'mmx' is not available on this processor"):
        _cpu.select_instruction_set("mmx")


@pytest.mark.skipif(not BUILT, reason="built without a CUDA compiler")
def test_cuda_module_loads_without_a_driver():
    from activefreq import _cuda

    assert callable(_cuda.click_maps)
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match=r"device_count: CUDA says: .+"):
            _cuda.device_count()


@pytest.mark.skipif(af.ops.backends()["cuda"] == "ready", reason="CUDA works here")
def test_cuda_says_why_it_is_unavailable():
    with pytest.raises(RuntimeError, match=r"activefreq CUDA operators are unavailable: .+"):
        _native.cuda()


@pytest.mark.parametrize(("required", "outcome"), [(True, pytest.fail.Exception), (False, pytest.skip.Exception)])
def test_no_cuda_skips_a_test_or_fails_it(request, monkeypatch, required, outcome):
    monkeypatch.setattr(request.config.option, "require_cuda", required)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(outcome, match=r"no CUDA: ."):
        request.getfixturevalue("cuda")


def test_missing_cuda_module_says_how_to_get_it(monkeypatch):
    import builtins

    original = builtins.__import__

    def without_cuda(name, *args, **kwargs):
        if name == "activefreq" and args[2] and "_cuda" in args[2]:
            raise ImportError("cannot import name '_cuda' from 'activefreq'")
        return original(name, *args, **kwargs)

    _native._load_cuda.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without_cuda)
    reason = af.ops.backends()["cuda"]
    monkeypatch.undo()
    _native._load_cuda.cache_clear()
    assert "built without a CUDA compiler" in reason
    assert "reinstall activefreq" in reason
