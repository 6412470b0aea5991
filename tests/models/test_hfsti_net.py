import json

import pytest
import torch

import activefreq as af
from activefreq.models import HFSTINet, HFSTINetConfig, load_network, save_network
from activefreq.models.network_input import normalise


@pytest.fixture
def tiny():
    """The smallest HFSTI-Net of given settings, always of the same weights."""

    def make(**settings):
        torch.manual_seed(0)
        shape = {"encoder_widths": (8, 8, 16, 16), "encoder_depths": (1, 1, 1, 1), "input_size": 32, "width": 8}
        return HFSTINet.small(**(shape | {"encoder_heads": (1, 1, 2, 2)} | settings))

    return make


VARIANTS = [{}, {"hfsi": False}, {"rmp": False}, {"attention": "channel", "width": 16}, {"clicks": True}, {"memory": 3}]


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_shapes_and_gradients(tiny, settings):
    network = tiny(**settings).train()
    channels = 6 if settings.get("clicks") else 3
    predictions = network.supervised(torch.rand(2, 3, channels, 64, 72))
    assert [tuple(p.shape) for p in predictions] == [(2, 3, 1, 64, 72)] * 4
    sum(p.square().mean() for p in predictions).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not without
    # Where the encoder attends to one position its queries cannot matter.
    own = {name: p.grad for name, p in network.named_parameters() if not name.startswith("encoder.")}
    assert not [name for name, grad in own.items() if not grad.any()]


def test_the_publication():
    """PVTv2-b2 as the encoder, four supervised levels, one remembered frame."""
    config = HFSTINetConfig()
    assert (config.encoder_widths, config.encoder_depths) == ((64, 128, 320, 512), (3, 4, 6, 3))
    assert (config.encoder_heads, config.encoder_expansions) == ((1, 2, 5, 8), (8, 8, 4, 4))
    assert (config.input_size, config.memory, config.hfsi, config.rmp) == (352, 1, True, True)


@pytest.mark.parametrize("settings", [{}, {"memory": 3}, {"rmp": False}], ids=str)
def test_stream_equals_clip(tiny, settings):
    """Frame by frame, bit for bit; and the memory is bounded."""
    network = tiny(**settings).eval()
    clip = torch.rand(6, 3, 32, 32)
    with torch.inference_mode():
        expected = network(normalise(clip).unsqueeze(0))[0, :, 0].sigmoid()
    stream = network.stream()
    kept = 0 if settings.get("rmp") is False else settings.get("memory", 1)
    for _ in range(2):
        for number, frame in enumerate(clip):
            assert torch.equal(stream.step(frame), expected[number])
            assert len(stream.memory) == min(number + 1, kept)
        stream.reset()


def test_memory_reaches_back_as_far_as_it_says(tiny):
    """Frame t depends on frames t - m … t, and through what those remember on none before: their features do not."""
    first = torch.rand(1, 4, 3, 32, 32)
    second = torch.cat([torch.rand(1, 1, 3, 32, 32), first[:, 1:]], dim=1)
    alone = tiny(rmp=False).eval()
    assert torch.equal(alone(first)[:, 1:], alone(second)[:, 1:])
    reading = tiny(memory=1).eval()
    difference = (reading(first) - reading(second)).abs().amax((2, 3, 4))[0]
    assert (difference[:2] > 0).all()


def test_training_on_all_frames_at_once_gives_the_same(tiny):
    """Without stochastic depth, the encoder's batch of all frames changes no more than rounding."""
    network, clip = tiny(memory=2), torch.rand(2, 3, 3, 32, 32)
    together = network.train().supervised(clip)[0]
    torch.testing.assert_close(together, network.eval().supervised(clip)[0], rtol=1e-3, atol=1e-4)


def test_stream_takes_any_size_and_says_what_is_wrong(tiny):
    stream = tiny().stream()
    assert stream.step(torch.rand(3, 50, 37)).shape == (50, 37)
    stream.reset()
    assert stream.step(torch.rand(2, 3, 20, 30)).shape == (2, 20, 30)
    with pytest.raises(ValueError, match=r"VideoStream: frame must hold 2 images like the frames before, got 1"):
        stream.step(torch.rand(3, 20, 30))
    with pytest.raises(ValueError, match=r"VideoStream: frame must have shape \(3, H, W\) or \(B, 3, H, W\)"):
        stream.step(torch.rand(4, 20, 30))


def test_clicks_start_without_effect(tiny):
    """The convolution of the further channels is zero at the start; with weights it is not."""
    network = tiny(clicks=True).eval()
    x = torch.rand(2, 6, 32, 32)
    logits = network(x)
    assert logits.shape == (2, 1, 32, 32)
    assert torch.equal(logits, network(x[:, :3]))
    stem = network.encoder.encoder.layers[0].patch_embedding.proj
    torch.nn.init.ones_(stem.clicks.weight)
    assert not torch.equal(network(x), network(x[:, :3]))


def test_a_network_without_clicks_starts_one_with_clicks(tiny):
    """Its tensors have the same names, so that training with clicks goes on from training without."""
    video, clicks = tiny().eval(), tiny(clicks=True).eval()
    clicks.load_state_dict(clicks.state_dict() | video.state_dict())
    x = torch.rand(2, 6, 32, 32)
    assert torch.equal(clicks(x), video(x[:, :3]))


def test_serves_as_a_predictor_with_clicks(tiny, tmp_path):
    path = tmp_path / "clicks.safetensors"
    save_network(path, tiny(clicks=True).eval(), {})
    predictor = af.load(str(path))
    clicks = torch.tensor([[[5, 6, 1], [20, 30, 0]]])
    answer = predictor.predict(torch.rand(1, 3, 40, 50), clicks, torch.zeros(1, 40, 50))
    assert answer.shape == (1, 40, 50)
    assert ((answer >= 0) & (answer <= 1)).all()


def test_checkpoint_round_trip(tiny, tmp_path):
    path = tmp_path / "video.safetensors"
    network = tiny(memory=2, attention="channel").eval()
    save_network(path, network, {"data": "made up"})
    loaded, header = load_network(path)
    assert header["model"] == "hfsti-net"
    assert loaded.config == network.config
    x = torch.rand(1, 2, 3, 32, 32)
    assert torch.equal(loaded(x), network(x))


def test_config_survives_json():
    config = HFSTINetConfig(memory=4, hfsi=False)
    assert HFSTINetConfig.from_dict(json.loads(json.dumps(config.__dict__))) == config
    with pytest.raises(ValueError, match=r"HFSTINetConfig: unknown keys \['colour'\]"):
        HFSTINetConfig.from_dict({"colour": 1})


@pytest.mark.parametrize("clicks", [False, True])
def test_published_encoder_weights_load(tiny, tmp_path, clicks):
    source = tiny(encoder_depths=(1, 2, 1, 1))
    source.encoder.save_pretrained(tmp_path / "pvt")
    torch.manual_seed(1)
    network = tiny(encoder_depths=(1, 2, 1, 1), clicks=clicks)
    with torch.no_grad():
        for parameter in network.encoder.parameters():
            parameter.add_(1)
    network.start_encoder(str(tmp_path / "pvt"))
    if clicks:
        torch.nn.init.zeros_(network.encoder.encoder.layers[0].patch_embedding.proj.clicks.weight)
    x = torch.rand(1, 3, 32, 32)
    ours, published = (of.eval().encoder(x).last_hidden_state for of in (network, source))
    assert torch.equal(ours, published)
    with pytest.raises(ValueError, match=r"start_encoder: .* does not fit this encoder"):
        tiny(encoder_depths=(1, 2, 1, 1), encoder_widths=(8, 8, 16, 32)).start_encoder(str(tmp_path / "pvt"))
    with pytest.raises(ValueError, match=r"start_encoder: .* has no encoder\.layers\.2\.blocks\.1"):
        tiny(encoder_depths=(1, 2, 2, 1)).start_encoder(str(tmp_path / "pvt"))


def test_wrong_input_names_the_shape(tiny):
    with pytest.raises(ValueError, match=r"HFSTINet: x must have shape .* with C = 3, got \(1, 6, 32, 32\)"):
        tiny()(torch.rand(1, 6, 32, 32))
    with pytest.raises(ValueError, match=r"with C = 3 or 6, got \(1, 2, 4, 32, 32\)"):
        tiny(clicks=True)(torch.rand(1, 2, 4, 32, 32))
    with pytest.raises(ValueError, match="HFSTINet: memory must be 1 to 4 frames, got 5"):
        tiny(memory=5)
