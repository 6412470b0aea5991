import pytest
import torch
from torch import nn

from activefreq.models import FreqFormer
from activefreq.models.cost import freq_module_macs, network_cost, refine_macs
from activefreq.nn import FreqModule, RefineLayer


def test_by_hand():
    network = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), FreqModule(8, (4, 4), axes=("hw",)), nn.Conv2d(8, 1, 1))
    cost = network_cost(network, (4, 4))
    frequency = 9 * 2 * 16 + (5 * 32 * 4 + 3 * 32) / 2  # depth-wise, then log2(16) = 4
    assert cost.macs == 16 * 6 * 8 * 9 + frequency + 16 * 8
    assert cost.parts["1"] == (2 * 9 + 2 + 2 * 4 * 3 * 2, frequency)
    assert cost.parameters == sum(p.numel() for p in network.parameters())


def test_attention_counts_as_its_matrix_products():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.project = nn.Linear(6, 6, bias=False)

        def forward(self, x):
            tokens = self.project(x.flatten(2).transpose(1, 2))
            return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)

    assert network_cost(Attention(), (4, 4)).macs == 16 * 6 * 6 + 2 * 16 * 16 * 6


def test_leaves_the_network_as_it_was():
    network = FreqFormer(input_size=32, widths=(8, 16, 16, 32), heads=(1, 2, 2, 4), decoder_width=16).train()
    network.encoder.eval()  # kept frozen
    x = torch.rand(2, 6, 32, 32)
    torch.manual_seed(0)
    before = network(x)
    cost = network_cost(network, (32, 32))
    torch.manual_seed(0)
    assert torch.equal(network(x), before)
    assert network.training
    assert not any(part.training for part in network.encoder.modules())
    assert cost.macs == pytest.approx(sum(macs for _, macs in cost.parts.values()))
    assert cost.macs > 0


def test_scalar_costs_no_transform():
    scalar = freq_module_macs(FreqModule(16, (8, 8), weight="scalar"), 8, 8)
    assert scalar == (9 + 3) * 4 * 64
    assert freq_module_macs(FreqModule(16, (8, 8)), 8, 8) > 3 * scalar


def test_refine_layer_by_hand():
    layer = RefineLayer(10, width=4).train()
    x_conv = 9 * 4 + 4 * 4
    half = 6 * 4 * 9 + 4 * x_conv + 2 * 9 * 4  # per pixel at half the resolution: image branch, fusion, heads
    assert refine_macs(layer, 10, 16) == 64 * half + 16 * 10 * 4
    assert layer.training
