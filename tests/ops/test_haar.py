import pytest
import torch

from activefreq.reference.haar import haar_dwt2, haar_idwt2


@pytest.mark.parametrize("size", [(2, 2), (4, 6), (5, 6), (7, 3), (1, 1)])
def test_inverse_restores(size):
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    torch.testing.assert_close(haar_idwt2(haar_dwt2(x), size), x, rtol=0, atol=1e-14)


def test_orthonormal_and_named_by_hand():
    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    assert [band.item() for band in haar_dwt2(x)] == [5.5, -1.5, -2.5, 0.5]
    y = torch.randn(8, 8, dtype=torch.float64)
    energy = sum(band.square().sum() for band in haar_dwt2(y))
    torch.testing.assert_close(energy, y.square().sum(), rtol=1e-12, atol=0)
