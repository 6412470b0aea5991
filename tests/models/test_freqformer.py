import json

import pytest
import torch
from safetensors import SafetensorError

import activefreq as af
from activefreq.models import FreqFormer, FreqFormerConfig, load_network, save_network
from activefreq.models.freqformer import stage_side


@pytest.fixture
def small():
    torch.manual_seed(0)
    return FreqFormer(input_size=32, widths=(8, 16, 16, 32), heads=(1, 2, 2, 4), depths=(1, 1, 1, 1), decoder_width=16)


@pytest.mark.parametrize("size", [(32, 32), (48, 40), (33, 47)])
def test_any_size_and_gradients(small, size):
    logits = small.train()(torch.rand(2, 6, *size))
    assert logits.shape == (2, 1, *size)
    logits.square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in small.parameters())


def test_table_1():
    """Widths, heads and blocks of the paper's Table 1; one Freq block a stage, at the stage's own resolution."""
    network = FreqFormer()
    assert network.config.widths == (32, 64, 128, 256)
    assert network.config.heads == (1, 2, 4, 8)
    assert network.config.depths == (2, 2, 2, 2)
    sizes = [layer[0].freq_module.size for layer in network.freq_layers]
    assert sizes == [(56, 56), (28, 28), (14, 14), (7, 7)]
    assert [len(layer) for layer in network.freq_layers] == [1, 1, 1, 1]
    features = network.encoder(torch.rand(1, 6, 224, 224), output_hidden_states=True).hidden_states
    assert [tuple(f.shape[1:]) for f in features] == [(32, 56, 56), (64, 28, 28), (128, 14, 14), (256, 7, 7)]


def test_stage_sides_round_up():
    network = FreqFormer(input_size=70)
    features = network.encoder(torch.rand(1, 6, 70, 70), output_hidden_states=True).hidden_states
    assert [f.shape[-1] for f in features] == [stage_side(70, stage) for stage in range(4)]


def test_decoder_equals_concatenation(small):
    """The sum of per-stage 1×1 convolutions before enlarging is the 1×1 convolution of the concatenation after it."""
    x = torch.rand(1, 6, 32, 32)
    small.eval()
    stages = small.encoder(x, output_hidden_states=True).hidden_states
    aligned = [align(freq(s)) for s, freq, align in zip(stages, small.freq_layers, small.align, strict=True)]
    large = [torch.nn.functional.interpolate(a, size=(8, 8), mode="bilinear") for a in aligned]
    weight = torch.cat([fuse.weight for fuse in small.fuse], dim=1)
    fused = torch.nn.functional.conv2d(torch.cat(large, dim=1), weight)
    logits = small.head(small.norm(fused).relu())
    logits = torch.nn.functional.interpolate(logits, size=(32, 32), mode="bilinear")
    torch.testing.assert_close(small(x), logits, rtol=1e-4, atol=1e-5)


def test_checkpoint_round_trip(small, tmp_path):
    path = tmp_path / "deep" / "small.safetensors"
    save_network(path, small.eval(), {"data": "phantom"})
    network, header = load_network(path)
    assert header["history"] == {"data": "phantom"}
    assert network.config == small.config
    x = torch.rand(1, 6, 32, 32)
    assert torch.equal(network(x), small(x))
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # no temporary file is left
    save_network(path, small, {}, torch.float16)
    halved, _ = load_network(path)
    torch.testing.assert_close(halved(x), small(x), rtol=0.05, atol=0.02)


def test_checkpoint_errors_name_the_file(small, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"checkpoint .*nothing\.safetensors does not exist"):
        load_network(tmp_path / "nothing.safetensors")
    garbage = tmp_path / "garbage.safetensors"
    garbage.write_bytes(b"not tensors at all")
    with pytest.raises(ValueError, match=r"garbage\.safetensors is not a safetensors file"):
        load_network(garbage)
    small.head.register_buffer("further", torch.zeros(1))
    save_network(garbage, small, {})
    with pytest.raises(ValueError, match=r"garbage\.safetensors holds head\.further \(1 such\), which its network"):
        load_network(garbage)
    with pytest.raises(ValueError, match=r"unknown keys \['colour'\]"):
        FreqFormerConfig.from_dict({"colour": 1})


def test_a_full_disk_names_the_file(small, tmp_path, monkeypatch):
    def full(*_, **__):
        raise SafetensorError("Error while serializing: No space left on device")

    monkeypatch.setattr("activefreq.models.checkpoint.save_file", full)
    with pytest.raises(OSError, match=r"small\.safetensors cannot be written: .*No space left"):
        save_network(tmp_path / "small.safetensors", small, {})
    assert list(tmp_path.iterdir()) == []


def test_config_survives_json():
    config = FreqFormerConfig(weight="scalar", axes=("hw",))
    assert FreqFormerConfig.from_dict(json.loads(json.dumps(config.__dict__))) == config


def test_wrong_input_names_the_shape(small):
    with pytest.raises(ValueError, match=r"FreqFormer: x must have shape \(B, 6, H, W\), got \(1, 3, 32, 32\)"):
        small(torch.rand(1, 3, 32, 32))


def test_load_lists_what_there_is():
    with pytest.raises(ValueError, match=r"load: no model 'nonsense': neither a file or folder nor"):
        af.load("nonsense")
