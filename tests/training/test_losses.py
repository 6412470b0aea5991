import pytest
import torch

from activefreq.training.losses import click_loss, correct_region_weight, dice_loss, normalised_focal_loss


def test_focal_by_hand():
    """Two pixels: p of the true class 0.9 and 0.4. β = .01, .36; k = 2 / .37; L = -½ k Σ β log p / 2."""
    probability = torch.tensor([[[0.9, 0.6]]], dtype=torch.float64)
    target = torch.tensor([[[1, 0]]])
    beta, log = torch.tensor([0.01, 0.36]), torch.tensor([0.9, 0.4]).log()
    expected = -0.5 * (2 / 0.37) * (beta * log).sum() / 2
    loss = normalised_focal_loss(probability.logit(), target)
    torch.testing.assert_close(loss, expected.view(1).double(), rtol=1e-6, atol=0)


def test_ignored_pixels_have_no_say():
    logits = torch.randn(1, 4, 4, requires_grad=True)
    target = torch.ones(1, 4, 4, dtype=torch.int8)
    target[0, 0] = -1
    other = logits.detach().clone()
    other[0, 0] = 100
    for loss in (normalised_focal_loss, dice_loss):
        assert torch.equal(loss(logits, target), loss(other, target))
    (normalised_focal_loss(logits, target) + dice_loss(logits, target)).sum().backward()
    assert logits.grad[0, 0].abs().sum() == 0
    assert (logits.grad[0, 1:].abs() > 0).all()


@pytest.mark.parametrize("fill", [1, 0, -1])
def test_one_class_stays_finite(fill):
    logits = torch.full((2, 3, 3), 80.0, requires_grad=True)
    loss = click_loss(logits, torch.full((2, 3, 3), fill), torch.zeros(2, 3, 3))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_correct_regions_weigh_less():
    target = torch.tensor([[[1, 1, 0, 0]]]).repeat(2, 1, 1)
    previous = torch.stack([torch.tensor([[0.9, 0.1, 0.8, 0.2]]), torch.zeros(1, 4)])
    weight = correct_region_weight(previous, target, 0.25)
    assert weight[0].tolist() == [[0.25, 1.0, 1.0, 0.25]]
    assert weight[1].tolist() == [[1.0] * 4]  # nothing was predicted yet
    logits = torch.zeros(2, 1, 4, requires_grad=True)
    click_loss(logits, target, previous, dice_weight=0, correct_weight=0.0).backward()
    assert logits.grad[0, 0, [0, 3]].abs().sum() == 0
    assert (logits.grad[0, 0, [1, 2]].abs() > 0).all()
