import pytest
import torch

from activefreq.nn.unet3d import Unet3d


@pytest.mark.parametrize("size", [(16, 8, 8), (9, 7, 10), (9, 5, 4)], ids=str)
@pytest.mark.parametrize("widths", [(4, 6), (4, 6, 8), (2, 3, 4, 5)], ids=str)
def test_any_size_and_depth(size, widths):
    network = Unet3d(widths[0], 3, widths, dropout=0.2)
    y = network(torch.randn(2, widths[0], *size))
    assert y.shape == (2, 3, *size)
    y.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_fuse_sees_the_finest_maps_before_the_skip():
    network, seen = Unet3d(4, 2, (4, 6, 8)).eval(), []
    x = torch.randn(1, 4, 9, 8, 7)

    def fuse(upper):
        seen.append(upper)
        return upper

    assert torch.equal(network(x, fuse=fuse), network(x))
    assert seen[0].shape == x.shape
    assert not torch.allclose(network(x, fuse=torch.zeros_like), network(x))


def test_dropout_is_for_training_only():
    torch.manual_seed(0)
    network, x = Unet3d(4, 2, (4, 6, 8), dropout=0.6), torch.randn(1, 4, 8, 8, 8)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


@pytest.mark.parametrize("widths", [(8,), (6, 8)], ids=str)
def test_widths_that_do_not_fit_teach(widths):
    with pytest.raises(ValueError, match="Unet3d: widths must be at least two, the first 8 as channels, got"):
        Unet3d(8, 2, widths)
