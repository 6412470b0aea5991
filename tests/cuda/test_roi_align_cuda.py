import pytest
import torch
from tolerances import REORDERED, relative_error

import activefreq as af


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("shape", "size", "samples"), [((3, 5, 33, 41), (8, 5), 2), ((2, 3, 7, 9), (40, 31), 1)])
def test_equals_cpu(cuda, shape, size, samples, dtype):
    """The same bits forward, the gradient in another order but the same in every run; outside the batch zeros."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(shape, generator=generator).to(dtype).requires_grad_()
    boxes = (torch.rand(6, 4, generator=generator) * 40 - 2).to(dtype)
    index = torch.randint(0, shape[0], (6,), generator=generator)
    crops = af.ops.roi_align(features, boxes, index, size, samples)
    g = torch.randn(crops.shape, generator=generator).to(dtype)
    (gradient,) = torch.autograd.grad(crops, features, g)
    there = features.detach().to(cuda).requires_grad_()
    results = []
    for _ in range(2):
        theirs = af.ops.roi_align(there, boxes.to(cuda), index.to(cuda), size, samples)
        results.append(torch.autograd.grad(theirs, there, g.to(cuda))[0])
    assert torch.equal(theirs.cpu(), crops)
    assert torch.equal(results[0], results[1])
    assert relative_error(results[0].cpu(), gradient) <= REORDERED
    assert not af.ops.roi_align(there, boxes.to(cuda), index.to(cuda) + shape[0], size, samples).any()
