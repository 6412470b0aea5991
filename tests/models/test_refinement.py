import pytest
import torch

from activefreq import crops
from activefreq.models import FreqFormer, FreqFormerConfig, load_network, refine, save_network
from activefreq.models.network_input import network_input

SMALL = {"widths": (8, 16, 16, 32), "heads": (1, 2, 2, 4), "depths": (1, 1, 1, 1), "decoder_width": 16}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return FreqFormer(input_size=32, refine_width=8, **SMALL).eval()


def test_forward_is_the_first_stage(network):
    x = torch.rand(1, 6, 32, 32)
    features, logits = network.features_and_logits(x)
    assert features.shape == (1, 16, 8, 8)
    assert logits.shape == (1, 1, 8, 8)
    enlarged = torch.nn.functional.interpolate(logits, size=(32, 32), mode="bilinear")
    assert torch.equal(network(x), enlarged)


def test_a_refine_layer_is_added_to_trained_weights():
    torch.manual_seed(0)
    coarse = FreqFormer(input_size=32, **SMALL).eval()
    network = coarse.with_refine_layer(8)
    assert coarse.refine_layer is None
    assert network.config.refine_width == 8
    assert not network.training
    x = torch.rand(1, 6, 32, 32)
    assert torch.equal(network(x), coarse(x))


def test_checkpoint_holds_both_stages(network, tmp_path):
    path = tmp_path / "two.safetensors"
    save_network(path, network, {}, torch.float16)
    again, _ = load_network(path)
    assert again.refine_layer is not None
    for name, value in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def test_checkpoints_from_before_the_refine_layer_load(tmp_path):
    config = {"input_size": 32, **{name: list(v) if isinstance(v, tuple) else v for name, v in SMALL.items()}}
    assert FreqFormerConfig.from_dict(config).refine_width == 0
    path = tmp_path / "one.safetensors"
    save_network(path, FreqFormer(input_size=32, **SMALL), {})
    assert load_network(path)[0].refine_layer is None


def scene(batch=3):
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(batch, 3, 40, 56, generator=generator)
    clicks = torch.randint(0, 40, (batch, 2, 3), generator=generator)
    clicks[:, :, 2] %= 2
    frames = torch.tensor([[0.0, 0.0, 40.0, 56.0], [3.0, 5.0, 33.0, 45.0], [10.5, 20.25, 38.0, 50.0]])[:batch]
    boxes = torch.tensor([[5.0, 6.0, 25.0, 40.0], [4.0, 6.0, 20.0, 30.0], [12.0, 21.0, 30.0, 50.0]])[:batch]
    return images, clicks, boxes, frames


def first_stage(network, images, clicks, frames):
    pieces = crops.crop(images, frames, (32, 32))
    moved = crops.clicks_within(clicks, frames, (32, 32))
    return network.features_and_logits(network_input(pieces, moved, torch.zeros(len(images), 32, 32)))


def test_gradients_reach_the_refine_layer_and_the_first_stage(network):
    images, clicks, boxes, frames = scene()
    network.train()
    features, logits = first_stage(network, images, clicks, frames)
    refined = refine(network, images, clicks, features, logits, boxes, frames)
    assert refined.logits.shape == refined.trimap.shape == (3, 1, 32, 32)
    refined.logits.square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_images_do_not_see_each_other(network):
    images, clicks, boxes, frames = scene()
    with torch.no_grad():
        together = refine(network, images, clicks, *first_stage(network, images, clicks, frames), boxes, frames)
        for i in range(3):
            one = [tensor[i : i + 1] for tensor in (images, clicks, boxes, frames)]
            features, logits = first_stage(network, one[0], one[1], one[3])
            alone = refine(network, one[0], one[1], features, logits, one[2], one[3])
            torch.testing.assert_close(alone.logits, together.logits[i : i + 1], rtol=1e-4, atol=1e-4)


def test_a_closed_trimap_leaves_the_coarse_logits(network):
    """What comes back is then what was cut out: box, frame and size agree with each other."""
    with torch.no_grad():
        network.refine_layer.trimap.weight.zero_()
        network.refine_layer.trimap.bias.fill_(-100.0)
    images, clicks, boxes, frames = scene()
    rows = torch.linspace(0.5, 7.5, 8)
    logits = torch.stack([rows[:, None] + 10 * rows] * 3).unsqueeze(1)  # linear, so that resampling keeps it
    refined = refine(network, images, clicks, torch.zeros(3, 16, 8, 8), logits, boxes, frames, size=16)
    expected = crops.crop(logits, crops.boxes_within(boxes, frames, (8, 8)), (16, 16))
    torch.testing.assert_close(refined.logits, expected)


def test_no_refine_layer_is_an_error():
    network = FreqFormer(input_size=32, **SMALL)
    images, clicks, boxes, frames = scene()
    with pytest.raises(ValueError, match="refine: the network has no refine layer"):
        refine(network, images, clicks, torch.zeros(3, 16, 8, 8), torch.zeros(3, 1, 8, 8), boxes, frames)
