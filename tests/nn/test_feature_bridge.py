import pytest
import torch

from activefreq.nn.feature_bridge import FeatureBridge


@pytest.fixture
def maps():
    torch.manual_seed(0)
    return torch.randn(2, 6, 3, 4), torch.randn(2, 10, 3, 4)


def test_both_directions_start_from_the_streams_as_they_were(maps):
    """Eq. 11: neither attention sees what the other has made of its stream."""
    bridge = FeatureBridge(6, 10, 8, heads=2)
    semantic, frequency = bridge(*maps)
    assert semantic.shape == frequency.shape == (2, 8, 3, 4)
    of_semantic = bridge.from_semantic(maps[0].flatten(2).mT)
    of_frequency = bridge.from_frequency(maps[1].flatten(2).mT)
    expected = of_frequency + bridge.to_frequency(of_frequency, of_semantic)
    torch.testing.assert_close(frequency, expected.mT.unflatten(2, (3, 4)))
    expected = of_semantic + bridge.to_semantic(of_semantic, of_frequency)
    torch.testing.assert_close(semantic, expected.mT.unflatten(2, (3, 4)))


def test_concatenation_mixes_places_not_at_all(maps):
    bridge = FeatureBridge(6, 10, 8, heads=2, kind="concatenation")
    changed = maps[1].clone()
    changed[0, :, 1, 2] += 1
    difference = bridge(*maps)[0] - bridge(maps[0], changed)[0]
    assert difference[0, :, 1, 2].abs().max() > 0
    difference[0, :, 1, 2] = 0
    assert not difference.any()


def test_attention_reaches_every_place(maps):
    bridge = FeatureBridge(6, 10, 8, heads=2)
    changed = maps[1].clone()
    changed[0, :, 1, 2] += 1
    difference = bridge(*maps)[0] - bridge(maps[0], changed)[0]
    assert (difference[0].abs().amax(dim=0) > 0).all()
    assert not difference[1].any()


def test_text_gate_is_the_same_for_both_streams(maps):
    bridge = FeatureBridge(6, 10, 8, heads=2, text_channels=5)
    pooled = torch.randn(2, 5)
    plain = bridge(*maps, pooled)
    torch.nn.init.normal_(bridge.gate.pair.weight)
    gain, offset = bridge.gate.pair(torch.nn.functional.gelu(bridge.gate.hidden(pooled))).chunk(2, dim=1)
    for before, after in zip(plain, bridge(*maps, pooled), strict=True):
        torch.testing.assert_close(after, before * gain[..., None, None] + offset[..., None, None])
    with pytest.raises(ValueError, match="FeatureBridge: the text gate needs pooled text"):
        bridge(*maps)


def test_bad_input_is_refused(maps):
    with pytest.raises(ValueError, match="kind must be attention or concatenation, got 'sum'"):
        FeatureBridge(6, 10, 8, heads=2, kind="sum")
    with pytest.raises(ValueError, match=r"frequency must have size \(3, 4\) like semantic, got \(3, 3\)"):
        FeatureBridge(6, 10, 8, heads=2)(maps[0], maps[1][..., :3])
