import pytest
import torch

import activefreq as af
from activefreq.models import FreqFormer
from activefreq.models.network_input import CLICK_RADIUS, network_input, normalise
from activefreq.predictor import FreqFormerPredictor

SMALL = {"widths": (8, 16, 16, 32), "heads": (1, 2, 2, 4), "depths": (1, 1, 1, 1), "decoder_width": 16}


def test_answers_at_the_size_it_was_given():
    torch.manual_seed(0)
    predictor = FreqFormerPredictor(FreqFormer(input_size=32, **SMALL))
    clicks = torch.tensor([[[3, 4, 1], [-1, -1, -1]], [[0, 0, 0], [9, 9, 1]]])
    probability = predictor.predict(torch.rand(2, 3, 20, 50), clicks, torch.zeros(2, 20, 50))
    assert probability.shape == (2, 20, 50)
    assert probability.min() >= 0
    assert probability.max() <= 1


def test_equals_the_network_at_its_own_size():
    torch.manual_seed(0)
    network = FreqFormer(input_size=32, **SMALL).eval()
    images, previous = torch.rand(1, 3, 32, 32), torch.rand(1, 32, 32)
    clicks = torch.tensor([[[3, 4, 1], [20, 25, 0]]])
    with torch.inference_mode():
        expected = network(network_input(images, clicks, previous)).squeeze(1).sigmoid()
    assert torch.equal(FreqFormerPredictor(network).predict(images, clicks, previous), expected)


def test_clicks_move_with_the_image():
    """Corners are aligned: the last pixel of a 20 × 50 image is the last pixel of the network's 32 × 32."""
    seen = {}

    class Spy(FreqFormer):
        def forward(self, x):
            seen["x"] = x
            return x[:, :1]

    predictor = FreqFormerPredictor(Spy(input_size=32, **SMALL))
    clicks = torch.tensor([[[19, 49, 1], [0, 0, 0], [-1, -1, -1]]])
    predictor.predict(torch.rand(1, 3, 20, 50), clicks, torch.zeros(1, 20, 50))
    expected = af.ops.click_maps(torch.tensor([[[31.0, 31.0, 1.0], [0.0, 0.0, 0.0]]]), (32, 32), CLICK_RADIUS)
    assert torch.equal(seen["x"][:, 4:], expected)


def test_channels():
    images = torch.rand(1, 3, 4, 4)
    x = network_input(images, torch.tensor([[[0, 0, 1]]]), torch.full((1, 4, 4), 0.25))
    assert torch.equal(x[:, :3], normalise(images))
    assert torch.equal(x[:, 3], torch.full((1, 4, 4), 0.25))
    assert x[0, 4, 0, 0] == 1
    assert x[0, 5].sum() == 0
    grey = normalise(torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
    torch.testing.assert_close(grey, torch.zeros(1, 3, 1, 1), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("images", "clicks", "previous", "message"),
    [
        (
            torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
            torch.zeros(1, 1, 3),
            torch.zeros(1, 8, 8),
            "images must be float",
        ),
        (torch.zeros(1, 4, 8, 8), torch.zeros(1, 1, 3), torch.zeros(1, 8, 8), "images must be float"),
        (torch.zeros(1, 3, 8, 8), torch.zeros(2, 1, 3), torch.zeros(1, 8, 8), r"clicks must have shape \(1, K, 3\)"),
        (torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 3), torch.zeros(1, 8, 9), r"previous must have shape \(1, 8, 8\)"),
    ],
)
def test_wrong_calls_name_the_argument(images, clicks, previous, message):
    predictor = FreqFormerPredictor(FreqFormer(input_size=32, **SMALL))
    with pytest.raises(ValueError, match=f"predict: {message}"):
        predictor.predict(images, clicks, previous)


def test_digest_follows_the_weights():
    network = FreqFormer(input_size=32, **SMALL)
    predictor = FreqFormerPredictor(network)
    before = predictor.weights_digest()
    assert before == FreqFormerPredictor(network).weights_digest()
    with torch.no_grad():
        network.head.bias.add_(1)
    assert predictor.weights_digest() != before


def test_a_mistyped_path_stays_at_home(tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="no model 'runs/frist': neither a file or folder nor"):
        af.load("runs/frist")
