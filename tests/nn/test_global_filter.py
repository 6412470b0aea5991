import pytest
import torch

import activefreq as af


def by_definition(tokens, weight, height, width):
    """GFNet's layer: orthonormal transforms of the token grid, times the published complex weight."""
    batch, count, channels = tokens.shape
    spectrum = torch.fft.rfft2(tokens.reshape(batch, height, width, channels), dim=(1, 2), norm="ortho")
    filtered = spectrum * torch.complex(weight[..., 0], weight[..., 1])
    return torch.fft.irfft2(filtered, s=(height, width), dim=(1, 2), norm="ortho").reshape(batch, count, channels)


def published(height, width, channels, dtype=torch.float64):
    """Free weights: imaginary parts at DC and Nyquist are not zero."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(height, width // 2 + 1, channels, 2, generator=generator, dtype=dtype)


@pytest.mark.parametrize("size", [(14, 14), (7, 7), (6, 9), (5, 4)])
def test_loads_gfnet_and_gives_its_outputs(size):
    weight = published(*size, 6)
    layer = af.GlobalFilter(6, size).double()
    assert [(name, tuple(t.shape)) for name, t in layer.state_dict().items()] == [
        ("complex_weight", (size[0], size[1] // 2 + 1, 6, 2))
    ]
    layer.load_state_dict({"complex_weight": weight}, strict=True)
    x = torch.randn(3, size[0] * size[1], 6, dtype=torch.float64, requires_grad=True)
    free = weight.clone().requires_grad_()
    y, expected = layer(x, size), by_definition(x, free, *size)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    g = torch.randn_like(y)
    ours = torch.autograd.grad(y, (x, layer.complex_weight), g)
    for value, theirs in zip(ours, torch.autograd.grad(expected, (x, free), g), strict=True):
        torch.testing.assert_close(value, theirs, rtol=0, atol=1e-12)


def test_tokens_are_a_square_unless_told():
    layer = af.GlobalFilter(4, (6, 6))
    x = torch.randn(2, 36, 4)
    assert torch.equal(layer(x), layer(x, (6, 6)))


@pytest.mark.parametrize("size", [(6, 8), (9, 5)])
def test_a_map_is_its_tokens(size):
    """Also at a size that the spectrum was not made for."""
    layer = af.GlobalFilter(4, (6, 8)).double()
    x = torch.randn(2, 4, *size, dtype=torch.float64)
    tokens = layer(x.flatten(2).transpose(1, 2), size)
    torch.testing.assert_close(layer(x).flatten(2).transpose(1, 2), tokens, rtol=0, atol=1e-13)


def test_half_precision_keeps_its_dtype():
    layer = af.GlobalFilter(4, (4, 4))
    x = torch.randn(2, 16, 4).bfloat16()
    assert torch.equal(layer(x), layer(x.float()).bfloat16())


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ((2, 16, 3), None, r"x must have shape \(B, N, 4\) or \(B, 4, H, W\), got \(2, 16, 3\)"),
        ((2, 3, 4, 4), None, r"x must have shape .* got \(2, 3, 4, 4\)"),
        ((2, 15, 4), None, r"H · W = 15 tokens, got \(3, 3\), the square that is assumed without it"),
        ((2, 16, 4), (4, 5), r"spatial_size must be \(H, W\) with H · W = 16 tokens, got \(4, 5\)$"),
    ],
)
def test_wrong_input_names_the_shape(shape, size, message):
    with pytest.raises(ValueError, match=f"GlobalFilter: .*{message}"):
        af.GlobalFilter(4, (4, 4))(torch.randn(shape), size)


@pytest.mark.parametrize("arguments", [(0, (4, 4)), (4, (0, 4)), (4, (4,))])
def test_wrong_options(arguments):
    with pytest.raises(ValueError, match=r"GlobalFilter: (channels|size) must be"):
        af.GlobalFilter(*arguments)
