import pytest
import torch
from transformers import ConvNextConfig, ConvNextModel

from activefreq.nn.haar_convnext import HaarConvNeXt
from activefreq.reference import haar_dwt2

SHAPE = {"widths": (4, 8, 12, 16), "depths": (1, 1, 2, 1)}


def test_resolutions_are_the_papers():
    features = HaarConvNeXt(**SHAPE)(torch.randn(1, 3, 224, 224))
    assert [tuple(f.shape[1:]) for f in features] == [(4, 112, 112), (8, 56, 56), (12, 28, 28), (16, 14, 14)]


def test_the_stem_reads_the_four_bands():
    torch.manual_seed(0)
    encoder = HaarConvNeXt(**SHAPE)
    x = torch.randn(1, 3, 32, 48)
    expected = encoder.stem(torch.cat(haar_dwt2(x), dim=1))
    for stage in encoder.stages:
        expected = stage(expected)
    torch.testing.assert_close(encoder(x)[-1], expected)


def test_further_channels_start_silent_and_are_heard():
    torch.manual_seed(0)
    encoder = HaarConvNeXt(**SHAPE, further=3)
    x, clicks = torch.randn(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    assert torch.equal(encoder(x, clicks)[0], encoder(x)[0])
    torch.nn.init.normal_(encoder.further.weight)
    assert not torch.equal(encoder(x, clicks)[0], encoder(x)[0])


def test_stages_of_a_trained_convnext(tmp_path):
    torch.manual_seed(0)
    trained = ConvNextModel(ConvNextConfig(hidden_sizes=[4, 8, 12, 16], depths=[1, 1, 2, 1]))
    trained.save_pretrained(tmp_path)
    encoder = HaarConvNeXt(**SHAPE, source=str(tmp_path))
    ours, theirs = encoder.stages.state_dict(), trained.encoder.stages.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    with pytest.raises(ValueError, match=r"has widths \[4, 8, 12, 16\] and depths \[1, 1, 2, 1\], not"):
        HaarConvNeXt((4, 8, 12, 20), (1, 1, 2, 1), source=str(tmp_path))
