import pytest
import torch
from tiny_system import Tiny, TinyConfig

import activefreq as af
from activefreq.models import FreqFormer, FreqFormerConfig, load_network, save_network
from activefreq.models.catalogue import NETWORKS, config_class, network_class, network_name, takes_clicks


def test_networks_by_name(tiny_system):
    assert network_class("freqformer") is FreqFormer
    assert config_class("freqformer") is FreqFormerConfig
    assert (network_class("tiny"), config_class("tiny")) == (Tiny, TinyConfig)
    assert network_name(Tiny()) == "tiny"
    assert network_name(type("Wider", (Tiny,), {})()) == "tiny"


def test_an_unknown_name_teaches():
    with pytest.raises(ValueError, match="unknown model 'unet'; there is: freqformer, frequency-disentangled"):
        network_class("unet")
    with pytest.raises(ValueError, match="Linear is none of the networks that have a name: freqformer, "):
        network_name(torch.nn.Linear(1, 1))
    with pytest.raises(AttributeError, match=r"module 'activefreq\.models' has no attribute 'UNet'"):
        af.models.UNet  # noqa: B018


def test_models_lists_the_networks():
    assert "models" in af.__all__
    listed = dir(af.models)
    for home in NETWORKS.values():
        name = home.partition(":")[2]
        assert {name, f"{name}Config"} <= set(listed)


def test_who_takes_clicks(tiny_system):
    small = {"widths": (8, 8, 8, 8), "heads": (1, 1, 1, 1), "depths": (1, 1, 1, 1), "decoder_width": 8}
    assert takes_clicks(FreqFormer(input_size=32, **small))
    assert takes_clicks(Tiny(clicks=True))
    assert not takes_clicks(Tiny())


def test_any_network_of_the_catalogue_comes_back(tiny_system, tmp_path):
    network = Tiny(sizes=(3, 5), clicks=True).eval()
    history = {"task": {"name": "tiny", "options": {"threshold": 0.4}}}
    save_network(tmp_path / "tiny.safetensors", network, history)
    again, header = load_network(tmp_path / "tiny.safetensors")
    assert (again.config, header["history"], header["model"]) == (network.config, history, "tiny")
    assert not again.training
    x = torch.rand(1, 6, 16, 16)
    assert torch.equal(again(x), network(x))


def test_what_cannot_come_back_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="Tiny is none of the networks that have a name"):
        save_network(tmp_path / "tiny.safetensors", Tiny(), {})
    assert list(tmp_path.iterdir()) == []


def test_a_network_of_a_newer_version_is_named(tiny_system, tmp_path, monkeypatch):
    save_network(tmp_path / "tiny.safetensors", Tiny(), {})
    monkeypatch.delitem(NETWORKS, "tiny")
    with pytest.raises(ValueError, match=r"checkpoint .*tiny.safetensors holds a 'tiny', not one of freqformer, "):
        load_network(tmp_path / "tiny.safetensors")
