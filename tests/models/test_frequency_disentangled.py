import json

import pytest
import torch
from torch import nn

import activefreq as af
from activefreq.models import load_network, save_network
from activefreq.models.frequency_disentangled import FrequencyDisentangled, FrequencyDisentangledConfig

VARIANTS = [
    {"fusion": "none"},
    {"fusion": "early"},
    {"fusion": "early", "shift": True, "theta": 0.3, "in_channels": 2, "classes": 1},
    {"fusion": "late"},
    {"fusion": "late", "unet_band": "centre"},
]
SIZE = (20, 24, 9)


def volumes(settings, batch=2):
    generator = torch.Generator().manual_seed(0)
    return torch.rand((batch, settings.get("in_channels", 1), *SIZE), generator=generator)


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_shapes_and_gradients(settings):
    torch.manual_seed(0)
    network = FrequencyDisentangled.small(**settings)
    logits = network(volumes(settings))
    assert logits.shape == (2, settings.get("classes", 2) + 1, *SIZE)
    logits.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_checkpoint_round_trip(settings, tmp_path):
    network = FrequencyDisentangled.small(**settings).eval()
    save_network(tmp_path / "network.safetensors", network, {})
    again, header = load_network(tmp_path / "network.safetensors")
    assert header["model"] == "frequency-disentangled"
    assert again.config == network.config
    x = volumes(settings, 1)
    assert torch.equal(again(x), network(x))


def by_definition(network, x):
    """Early fusion with the plain transforms."""
    centre, border = af.reference.band_split(x, network.config.theta, network.config.shift)
    merged = af.reference.band_merge(
        network.centre(centre), network.border(border), network.config.theta, network.config.shift
    )
    return network.network(merged)


def test_early_fusion_is_its_definition():
    network, x = FrequencyDisentangled.small(theta=0.2).eval(), volumes({})
    torch.testing.assert_close(network(x), by_definition(network, x), rtol=1e-3, atol=1e-3)


def test_late_fusion_joins_before_the_first_skip():
    """With the border's part of the last enlargement gone, the centre's is all that meets the skip."""
    network, x = FrequencyDisentangled.small(fusion="late").eval(), volumes({})
    centre, border = (f(t) for f, t in zip((network.centre, network.border), af.ops.band_split(x), strict=True))
    expected = network.network(border, fuse=lambda upper: af.ops.band_merge(centre, upper))
    assert torch.equal(network(x), expected)
    assert not torch.allclose(network.network(border), expected)


def test_the_other_band_through_the_network_is_seen_at_its_own_size():
    network, seen = FrequencyDisentangled.small(fusion="late", unet_band="centre"), []
    network.network.register_forward_pre_hook(lambda module, given: seen.append(given[0].shape))
    network(volumes({}))
    assert seen == [(2, 4, 2, 2, 9)]


class Own(nn.Module):
    """A network of someone else's."""

    def __init__(self, outputs):
        super().__init__()
        self.conv = nn.Conv3d(4, outputs, 1)

    def forward(self, x):
        return self.conv(x)


@pytest.mark.parametrize(("fusion", "outputs"), [("none", 3), ("early", 3), ("late", 4)])
def test_wraps_any_network(fusion, outputs):
    network = FrequencyDisentangled(fusion=fusion, widths=(4, 8), network=Own(outputs))
    assert network(volumes({})).shape == (2, 3, *SIZE)


def test_parameters_and_defaults():
    """A second convolution of one input channel is what fusion adds; the block is a tenth of both axes."""
    plain, early, late = (
        sum(p.numel() for p in FrequencyDisentangled(fusion=fusion).parameters())
        for fusion in ("none", "early", "late")
    )
    assert early - plain == late - plain == 8 * 27
    config = FrequencyDisentangledConfig()
    assert (config.theta, config.shift, config.unet_band, config.widths) == (0.1, False, "border", (8, 16, 32))


def test_configuration_survives_json():
    config = FrequencyDisentangledConfig(fusion="late", widths=(4, 8))
    stored = json.loads(json.dumps(vars(config)))
    assert FrequencyDisentangledConfig.from_dict(stored) == config
    with pytest.raises(ValueError, match=r"unknown keys \['colour'\]"):
        FrequencyDisentangledConfig.from_dict({"colour": 1})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fusion": "middle"}, r"fusion must be one of \('none', 'early', 'late'\), got 'middle'"),
        ({"unet_band": "high"}, r"unet_band must be one of \('border', 'centre'\), got 'high'"),
    ],
)
def test_settings_that_do_not_exist_teach(settings, message):
    with pytest.raises(ValueError, match="FrequencyDisentangled: " + message):
        FrequencyDisentangled.small(**settings)


def test_inputs_that_do_not_fit_teach():
    network = FrequencyDisentangled.small()
    with pytest.raises(ValueError, match=r"x must have shape \(B, 1, H, W, D\), got \(2, 3, 20, 24, 9\)"):
        network(torch.zeros(2, 3, *SIZE))
    with pytest.raises(ValueError, match=r"theta 0\.1 leaves no bin on H = 8"):
        network(torch.zeros(1, 1, 8, 20, 4))
