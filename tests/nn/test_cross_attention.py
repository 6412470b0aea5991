import pytest
import torch
from torch import nn

from activefreq.nn.cross_attention import CrossAttention


def test_equals_torch_multi_head_attention():
    torch.manual_seed(0)
    ours = CrossAttention(12, 12, 12, heads=3).double()
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    x, context = torch.randn(2, 5, 12).double(), torch.randn(2, 4, 12).double()
    padding = torch.tensor([[False, False, False, True], [False] * 4])
    expected, _ = theirs(x, context, context, key_padding_mask=padding)
    torch.testing.assert_close(ours(x, context, padding), expected)


def test_padding_is_never_read():
    torch.manual_seed(0)
    layer = CrossAttention(8, 6, 4, heads=2)
    x, context = torch.randn(1, 3, 8), torch.randn(1, 4, 6)
    padding = torch.tensor([[False, False, True, True]])
    other = context.clone()
    other[:, 2:] = 1e3
    assert torch.equal(layer(x, context, padding), layer(x, other, padding))


def test_starts_at_zero():
    layer = CrossAttention(8, 6, 4, heads=2, start_at_zero=True)
    assert not layer(torch.randn(1, 3, 8), torch.randn(1, 4, 6)).any()


def test_heads_divide_the_width():
    with pytest.raises(ValueError, match=r"CrossAttention: heads must divide width \(6\), got 4"):
        CrossAttention(8, 8, 6, heads=4)
