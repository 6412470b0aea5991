import torch

from activefreq.nn.enlarge import enlarge
from activefreq.nn.feature_pyramid import FeaturePyramid
from activefreq.nn.text_decoder import TextDecoder


def test_each_level_of_the_pyramid_is_twice_as_fine():
    """Eq. 7, written out: the deepest map alone, then each shallower one on top of the level before."""
    torch.manual_seed(0)
    pyramid = FeaturePyramid(6, (16, 8, 8, 4))
    shallow, *_, deep = maps = [torch.randn(2, 6, 3, 4) for _ in range(4)]
    levels = pyramid(maps)
    assert [tuple(level.shape[1:]) for level in levels] == [(16, 3, 4), (8, 6, 8), (8, 12, 16), (4, 24, 32)]
    torch.testing.assert_close(levels[0], pyramid.refine[0](deep))
    last = enlarge(levels[2], (24, 32)) + enlarge(pyramid.align[2](shallow), (24, 32))
    torch.testing.assert_close(levels[3], pyramid.refine[3](last))


def test_every_stage_of_the_decoder_hears_the_phrase():
    torch.manual_seed(0)
    decoder = TextDecoder(8, (6, 5, 4), (8, 8, 4), text_channels=3)
    skips = [torch.randn(1, channels, side, side) for channels, side in ((6, 4), (5, 8), (4, 16))]
    x, phrase, other = torch.randn(1, 8, 2, 2), torch.randn(1, 3), torch.randn(1, 3)
    before = decoder(x, skips, phrase)
    assert before.shape == (1, 4, 16, 16)
    for film in decoder.film:
        torch.nn.init.normal_(film.pair.weight)
        assert not torch.equal(decoder(x, skips, phrase), decoder(x, skips, other))
        torch.nn.init.zeros_(film.pair.weight)
    assert torch.equal(decoder(x, skips, other), before)
    assert not TextDecoder(8, (6, 5, 4), (8, 8, 4), text_channels=0).film
