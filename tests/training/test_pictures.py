import torch

from activefreq.models import FreqFormer
from activefreq.training.pictures import click_pictures, draw_clicks


def test_outlines_clicks_and_the_previous_mask():
    image = torch.full((1, 3, 40, 50), 0.5)
    mask = torch.zeros(1, 40, 50, dtype=torch.int8)
    mask[0, 10:30, 10:40] = 1
    predicted = torch.zeros(1, 40, 50)
    predicted[0, 15:25, 12:36] = 0.9
    clicks = torch.tensor([[[20, 24, 1], [34, 44, 0], [-1, -1, -1]]])
    previous = torch.rand(1, 40, 50)
    drawn = draw_clicks(image, mask, clicks, previous, predicted)[0]
    assert drawn.shape == (3, 40, 100)
    assert torch.equal(drawn[:, :, 50:], previous.expand(3, 40, 50))
    assert drawn[:, 10, 12].tolist() == [1, 1, 1]  # the true outline
    assert (drawn[:, 15, 14] - torch.tensor([1, 0.82, 0.12])).abs().max() < 1e-6  # the predicted one
    red, green, _ = drawn[:, 20, 24]
    assert green > 2 * red
    red, green, _ = drawn[:, 34, 44]
    assert red > 2 * green
    assert drawn[:, 12, 12].tolist() == [0.5] * 3  # between the outlines
    assert drawn[:, 2, 2].tolist() == [0.5] * 3


def test_same_clicks_every_time():
    torch.manual_seed(0)
    network = FreqFormer(
        input_size=32, widths=(8, 16, 16, 32), heads=(1, 2, 2, 4), depths=(1, 1, 1, 1), decoder_width=8
    )
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    masks = torch.zeros(2, 32, 32, dtype=torch.int8)
    masks[:, 8:24, 8:20] = 1
    first = click_pictures(network.eval(), images, masks)
    assert first.shape == (2, 3, 32, 64)
    assert 0 <= first.min() <= first.max() <= 1
    torch.rand(5)
    assert torch.equal(first, click_pictures(network, images, masks))
