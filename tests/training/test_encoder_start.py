import pytest
import torch
from transformers import SegformerConfig, SegformerModel

from activefreq.models import FreqFormer
from activefreq.training.encoder_start import start_encoder

SHAPE = {"widths": (8, 16, 24, 32), "heads": (1, 2, 2, 4), "depths": (1, 1, 1, 1), "decoder_width": 8}


@pytest.fixture
def published(tmp_path):
    """A SegFormer whose third stage is wider than ours, as MiT-B0's is."""
    torch.manual_seed(1)
    config = SegformerConfig(hidden_sizes=[8, 16, 40, 32], num_attention_heads=[1, 2, 5, 4], depths=[1, 1, 1, 1])
    model = SegformerModel(config)
    model.save_pretrained(tmp_path)
    return model.state_dict(), str(tmp_path)


def test_every_layer_whose_shape_agrees(published):
    theirs, folder = published
    network = FreqFormer(input_size=32, **SHAPE)
    before = {name: tensor.clone() for name, tensor in network.encoder.state_dict().items()}
    start = start_encoder(network, folder)
    after = network.encoder.state_dict()
    (stem,) = (name for name, tensor in after.items() if tensor.dim() == 4 and tensor.shape[1] == 6)
    assert torch.equal(after[stem][:, :3], theirs[stem])
    assert not after[stem][:, 3:].any()
    assert sorted(start.loaded + start.kept) == sorted(after)
    for name in set(start.loaded) - {stem}:
        assert torch.equal(after[name], theirs[name]), name
    for name in start.kept:
        assert torch.equal(after[name], before[name]), name
        assert theirs[name].shape != after[name].shape
    # The third stage and the step from it to the fourth, and nothing else.
    assert {after[name].shape[0] for name in start.kept} <= {24, 96, 32}
    (step,) = (name for name in start.kept if after[name].shape[0] == 32)
    assert after[step].shape == (32, 24, 3, 3)
    assert f"{len(start.loaded)} tensors from {folder}, {len(start.kept)} stay random" in str(start)


def test_the_image_alone_means_what_it_meant(published):
    theirs, folder = published
    network = FreqFormer(input_size=32, **SHAPE)
    start_encoder(network, folder)
    image, rest = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    name, stem = next((n, m) for n, m in network.encoder.named_modules() if isinstance(m, torch.nn.Conv2d))
    expected = torch.nn.functional.conv2d(
        image, theirs[f"{name}.weight"], theirs[f"{name}.bias"], stem.stride, stem.padding
    )
    torch.testing.assert_close(stem(torch.cat([image, rest], dim=1)), expected)


def test_a_source_that_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ValueError, match=r"train: --encoder-from .*nothing is neither a folder with a SegFormer nor"):
        start_encoder(FreqFormer(input_size=32, **SHAPE), str(tmp_path / "nothing"))
