import torch

from activefreq.training.losses import normalised_focal_loss
from activefreq.training.trimap import refinement_loss, trimap_loss, trimap_target


def masks():
    target = torch.zeros(2, 32, 48, dtype=torch.int8)
    target[0, 8:24, 8:40] = 1  # on the grid of eighths: reducing and enlarging rounds its corners only
    target[1, 11:21, 13:37] = 1
    target[1, 20, 20] = 0  # a hole of one pixel is detail
    return target


def test_trimap_is_where_an_eighth_of_the_size_loses_detail():
    target = masks()
    trimap = trimap_target(target)
    corner, middle_of_side = trimap[0, 8, 8], trimap[0, 8, 24]
    assert corner
    assert not middle_of_side
    assert trimap[1, 18:23, 18:23].all()  # the hole, dilated by two pixels
    assert not trimap[1, 15, 20:30].any()  # deep inside
    assert not trimap[:, 0].any()  # far outside
    assert not trimap_target(torch.zeros(1, 5, 6)).any()  # smaller than an eighth


def test_trimap_loss_by_hand():
    target = masks()
    band = trimap_target(target).float()
    torch.testing.assert_close(trimap_loss(torch.zeros(2, 32, 48), target), torch.full((2,), 2.0).log())
    confident = (2 * band - 1) * 20
    assert (trimap_loss(confident, target) < 1e-6).all()
    target[0, :, :24] = -1
    assert torch.equal(
        trimap_loss(torch.where(target < 0, 7.0, confident), target), trimap_loss(confident, target)
    )  # ignored pixels have no say


def test_refined_outline_weighs_half():
    target, generator = masks(), torch.Generator().manual_seed(0)
    refined = torch.randn(2, 32, 48, generator=generator).requires_grad_()
    trimap = torch.randn(2, 32, 48, generator=generator).requires_grad_()
    band = trimap_target(target).float()
    expected = (
        0.5 * normalised_focal_loss(refined, target)
        + 0.5 * normalised_focal_loss(refined, target, band)
        + trimap_loss(trimap, target)
    ).mean()
    loss = refinement_loss(refined, trimap, target)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    steepness = refined.grad.abs()
    assert steepness[band > 0].mean() > 1.5 * steepness[band == 0].mean()
    assert (trimap.grad != 0).all()
    refined.grad = None
    refinement_loss(refined, trimap, target, weight=torch.zeros(2, 32, 48)).backward()
    assert refined.grad.abs().max() == 0
