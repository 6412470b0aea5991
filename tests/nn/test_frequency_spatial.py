import pytest
import torch

from activefreq.nn.frequency_spatial import (
    FrequencyFiltering,
    FrequencyGate,
    FrequencySpatialInteraction,
    SpatialRefinement,
)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("attention", ["elementwise", "channel"])
@pytest.mark.parametrize("size", [(8, 8), (5, 7), (1, 6)])
def test_shapes_and_gradients(attention, size):
    torch.manual_seed(0)
    module = FrequencySpatialInteraction(8, attention)
    x = random(2, 8, *size).requires_grad_()
    y = module(x)
    assert y.shape == x.shape
    y.square().sum().backward()
    assert x.grad.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_a_gate_of_one_half_halves():
    """σ(0) = ½ at every frequency: the gate is the identity, halved."""
    gate = FrequencyGate(8)
    torch.nn.init.zeros_(gate.gate[-1].weight)
    torch.nn.init.zeros_(gate.gate[-1].bias)
    x = random(2, 8, 6, 9)
    torch.testing.assert_close(gate(x), x / 2, rtol=1e-5, atol=1e-6)


def test_elementwise_attention_by_hand():
    """Q, K and V as convolutions of the image, transformed one by one, as the formula is written."""
    torch.manual_seed(1)
    block, x = FrequencyFiltering(4), random(2, 4, 6, 7)
    image = block.norm(x)
    spectra = [
        torch.fft.rfft2(torch.einsum("oi,bihw->bohw", weight, image), norm="ortho")
        for weight in block.projections.weight[..., 0, 0].chunk(3)
    ]
    query, key, value = spectra
    query, key = (t / (t.abs().square().mean((-2, -1), keepdim=True) + 1e-6).sqrt() for t in (query, key))
    attended = torch.fft.irfft2(query * key * value, s=(6, 7), norm="ortho")
    expected = x + block.mix(torch.cat([attended, block.residual(image)], dim=1))
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-4)


def test_channel_attention_by_hand():
    """Over the whole spectrum of every channel; the inner product of two real images' spectra is real."""
    torch.manual_seed(1)
    block, x = FrequencyFiltering(8, "channel", heads=2), random(1, 8, 4, 6)
    image = block.norm(x)
    query, key, value = (
        torch.einsum("oi,bihw->bohw", weight, image).view(1, 2, 4, 24)
        for weight in block.projections.weight[..., 0, 0].chunk(3)
    )
    spectra = [torch.fft.fft2(t.view(1, 8, 4, 6), norm="ortho").view(1, 2, 4, 24) for t in (query, key)]
    q, k = (t / t.abs().square().sum(-1, keepdim=True).sqrt() for t in spectra)
    scores = q @ k.conj().mT
    assert scores.imag.abs().max() < 1e-6
    attended = (scores.real.softmax(-1) @ value).view(1, 8, 4, 6)
    expected = x + block.mix(torch.cat([attended, block.residual(image)], dim=1))
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-5)


def test_a_flat_affinity_passes_the_values():
    block, x = SpatialRefinement(4), random(1, 4, 5, 6)
    torch.nn.init.zeros_(block.scales[0].small.weight)
    torch.nn.init.zeros_(block.scales[0].large.weight)
    torch.nn.init.zeros_(block.scales[0].small.bias)
    torch.nn.init.zeros_(block.scales[0].large.bias)
    value = block.scales[2](block.expand(block.norm(x)).chunk(3, dim=1)[2])
    torch.testing.assert_close(block(x), x + block.mix(value), rtol=1e-5, atol=1e-5)


def test_bad_settings_teach():
    with pytest.raises(ValueError, match="FrequencyFiltering: attention must be elementwise or channel, got 'spatial'"):
        FrequencyFiltering(8, "spatial")
    with pytest.raises(ValueError, match=r"FrequencyFiltering: heads \(8\) must divide channels \(12\)"):
        FrequencyFiltering(12, "channel")
