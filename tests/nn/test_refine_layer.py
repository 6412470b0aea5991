import pytest
import torch

from activefreq.nn import RefineLayer


def test_formula_by_hand():
    """Heads that are constant: the answer is their mix with the coarse logits."""
    layer = RefineLayer(8).eval()
    with torch.no_grad():
        for head, value in ((layer.detail, 3.0), (layer.trimap, 0.7)):
            head.weight.zero_()
            head.bias.fill_(value)
    coarse = torch.randn(2, 1, 9, 12)
    refined = layer(torch.rand(2, 6, 9, 12), torch.rand(2, 8, 3, 3), coarse)
    weight = torch.tensor(0.7).sigmoid()
    torch.testing.assert_close(refined.logits, 3 * weight + coarse * (1 - weight))
    torch.testing.assert_close(refined.trimap, torch.full((2, 1, 9, 12), 0.7))


@pytest.mark.parametrize(("features", "parameters"), [(128, 12034), (256, 16130)])
def test_size(features, parameters):
    assert sum(p.numel() for p in RefineLayer(features).parameters()) == parameters


@pytest.mark.parametrize("size", [(32, 32), (17, 23)])
def test_gradients_reach_every_input_and_parameter(size):
    torch.manual_seed(0)
    layer = RefineLayer(8)
    inputs = [torch.rand(2, 6, *size), torch.rand(2, 8, 5, 7), torch.randn(2, 1, *size)]
    inputs = [tensor.requires_grad_() for tensor in inputs]
    refined = layer(*inputs)
    assert refined.logits.shape == refined.trimap.shape == (2, 1, *size)
    gradients = torch.autograd.grad(refined.logits.square().mean(), [*inputs, *layer.parameters()])
    assert all(torch.isfinite(g).all() and g.any() for g in gradients)
