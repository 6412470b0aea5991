import pytest
import torch
from transformers import (
    PvtV2Config,
    PvtV2ForImageClassification,
    PvtV2Model,
    SegformerConfig,
    SegformerForImageClassification,
    SegformerModel,
)

from activefreq.models import FreqFormer, HFSTINet
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
    assert f"{len(start.loaded)} tensors from {folder}, {len(start.kept)} stay as they were" in str(start)


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
    with pytest.raises(ValueError, match=r"--encoder-from: .*nothing is neither a folder with a SegformerModel nor a"):
        start_encoder(FreqFormer(input_size=32, **SHAPE), str(tmp_path / "nothing"))


def pvt(**settings):
    sizes = {"hidden_sizes": [8, 16, 24, 32], "num_attention_heads": [1, 2, 2, 4], "depths": [1, 1, 1, 1]}
    return PvtV2Config(**sizes, **settings)


def test_another_kind_of_network_is_refused(tmp_path):
    """transformers would leave all weights random and only warn."""
    PvtV2Model(pvt()).save_pretrained(tmp_path)
    network = FreqFormer(input_size=32, **SHAPE)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(ValueError, match=r"is no SegformerModel: it lacks \d+ of its tensors, among them "):
        start_encoder(network, str(tmp_path))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_classifiers_are_what_the_hub_has(tmp_path):
    """nvidia/mit-b0 and OpenGVLab/pvt_v2_b2 hold classifiers: the same tensors under a prefix, and a head."""
    sizes = {"hidden_sizes": [8, 16, 24, 32], "num_attention_heads": [1, 2, 2, 4], "depths": [1, 1, 1, 1]}
    classifier = SegformerForImageClassification(SegformerConfig(**sizes))
    classifier.save_pretrained(tmp_path / "segformer")
    network = FreqFormer(input_size=32, **SHAPE)
    start = start_encoder(network, str(tmp_path / "segformer"))
    assert (len(start.loaded), start.kept) == (len(network.encoder.state_dict()), [])
    ours, theirs = network.encoder.state_dict(), classifier.segformer.state_dict()
    assert sum(torch.equal(ours[name], theirs[name]) for name in theirs) == len(theirs) - 1  # all but the wider stem

    classifier = PvtV2ForImageClassification(pvt())
    classifier.save_pretrained(tmp_path / "pvt")
    video = HFSTINet.small(
        encoder_widths=(8, 16, 24, 32), encoder_depths=(1, 1, 1, 1), encoder_heads=(1, 2, 2, 4), clicks=True
    )
    start = start_encoder(video, str(tmp_path / "pvt"))
    assert start.kept
    assert all("proj.clicks" in name for name in start.kept)
    assert len(start.loaded) == len(classifier.pvt_v2.state_dict())
