import pytest
import torch
import torch.nn.functional as F

import activefreq as af


def inverted_shapes(prefix, before, after, dimensions):
    """Names and shapes of one inverted depth-wise convolution as MEW-UNet publishes them."""
    ones = (1,) * dimensions
    hidden = 2 * before
    return {
        f"{prefix}.conv.0.0.weight": (hidden, before, *ones),
        f"{prefix}.conv.0.1.weight": (hidden,),
        f"{prefix}.conv.0.1.bias": (hidden,),
        f"{prefix}.conv.1.0.weight": (hidden, 1, *(3 * n for n in ones)),
        f"{prefix}.conv.1.1.weight": (hidden,),
        f"{prefix}.conv.1.1.bias": (hidden,),
        f"{prefix}.conv.2.weight": (after, hidden, *ones),
        f"{prefix}.conv.3.weight": (after,),
        f"{prefix}.conv.3.bias": (after,),
    }


def published_shapes(channels, depth, expand):
    quarter, shapes = channels // 4, {}
    for i in range(depth):
        for part in (0, 1):
            shapes[f"layers.{i}.{part}.norm.weight"] = shapes[f"layers.{i}.{part}.norm.bias"] = (channels,)
        mew, mlp = f"layers.{i}.0.fn", f"layers.{i}.1.fn.mlp"
        shapes |= {f"{mew}.{name}": () for name in ("dim", "a", "b", "c_h", "c_w")}
        shapes[f"{mew}.a_weight"] = shapes[f"{mew}.b_weight"] = (2, 1, quarter, 16)
        shapes[f"{mew}.c_weight"] = (2, quarter, 16, 16)
        shapes |= inverted_shapes(f"{mew}.dw_conv", quarter, quarter, 2)
        for name, dimensions in (("wg_a", 1), ("wg_b", 1), ("wg_c", 2)):
            for j, (before, after) in enumerate([(1, 2), (2, 2), (2, 1)]):
                shapes |= inverted_shapes(f"{mew}.{name}.{j}", before * quarter, after * quarter, dimensions)
        shapes |= inverted_shapes(f"{mlp}.0", channels, expand * channels, 2)
        shapes |= inverted_shapes(f"{mlp}.1", expand * channels, channels, 2)
    return shapes


def published(channels, depth=1, expand=4):
    """A checkpoint with free random values."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, shape in published_shapes(channels, depth, expand).items():
        if shape == ():
            tensors[name] = torch.tensor(channels if name.endswith("dim") else 16)
        else:
            tensors[name] = 0.5 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return tensors


class Restated:
    """MEW-UNet's block from its definition, on a dictionary of published tensors."""

    def __init__(self, tensors):
        self.tensors = tensors

    def norm(self, name, x):
        return F.group_norm(x, 4, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def inverted(self, name, x):
        convolve = F.conv2d if x.dim() == 4 else F.conv1d
        expand, depthwise, contract = (self.tensors[f"{name}.conv.{n}.weight"] for n in ("0.0", "1.0", "2"))
        y = F.gelu(self.norm(f"{name}.conv.0.1", convolve(x, expand)))
        y = F.gelu(self.norm(f"{name}.conv.1.1", convolve(y, depthwise, padding=1, groups=y.shape[1])))
        y = self.norm(f"{name}.conv.3", convolve(y, contract))
        return x + y if x.shape[1] == y.shape[1] else y

    def spectrum(self, name, stored, size):
        """The stored weight, stretched from corner to corner to `size`, through three convolutions, as complex."""
        plane = F.interpolate(stored, size=size, mode="bilinear", align_corners=True)
        plane = plane.squeeze(1) if stored.shape[1] == 1 else plane  # vectors per channel: channels are a plane's rows
        for j in range(3):
            plane = self.inverted(f"{name}.{j}", plane)
        return torch.complex(plane[0], plane[1])

    def mew(self, name, x):
        x1, x2, x3, x4 = x.chunk(4, dim=1)
        channels, height, width = x1.shape[1:]
        parts = []
        for part, letter, axes, size in (
            (x1, "a", (1, 3), (channels, width // 2 + 1)),
            (x2, "b", (1, 2), (channels, height // 2 + 1)),
            (x3, "c", (2, 3), (height, width // 2 + 1)),
        ):
            weight = self.spectrum(f"{name}.wg_{letter}", self.tensors[f"{name}.{letter}_weight"], size)
            weight = {"a": lambda w: w[:, None], "b": lambda w: w[..., None], "c": lambda w: w}[letter](weight)
            filtered = torch.fft.rfft2(part, dim=axes, norm="ortho") * weight
            original = [part.shape[axis] for axis in axes]
            parts.append(torch.fft.irfft2(filtered, s=original, dim=axes, norm="ortho"))
        return torch.cat([*parts, self.inverted(f"{name}.dw_conv", x4)], dim=1)

    def __call__(self, x, depth):
        for i in range(depth):
            x = x + self.mew(f"layers.{i}.0.fn", self.norm(f"layers.{i}.0.norm", x))
            y = self.norm(f"layers.{i}.1.norm", x)
            y = self.inverted(f"layers.{i}.1.fn.mlp.1", self.inverted(f"layers.{i}.1.fn.mlp.0", y))
            x = x + F.gelu(y)
        return x


@pytest.mark.parametrize(
    ("channels", "depth", "expand", "size"), [(16, 2, 4, (16, 16)), (32, 1, 2, (7, 10)), (16, 1, 4, (20, 5))]
)
def test_loads_mew_unet_and_gives_its_outputs(channels, depth, expand, size):
    tensors = published(channels, depth, expand)
    block = af.nn.MEWBlock(channels, depth, expand).double()
    assert {name: tuple(t.shape) for name, t in block.state_dict().items()} == published_shapes(channels, depth, expand)
    block.load_state_dict(tensors, strict=True)
    x = torch.randn(2, channels, *size, dtype=torch.float64, requires_grad=True)
    free = {name: t.clone().requires_grad_() if t.is_floating_point() else t for name, t in tensors.items()}
    y, expected = block(x), Restated(free)(x, depth)
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)
    g = torch.randn_like(y)
    parameters = dict(block.named_parameters())
    ours = torch.autograd.grad(y, (x, *parameters.values()), g)
    theirs = torch.autograd.grad(expected, (x, *(free[name] for name in parameters)), g)
    for name, value, other in zip(["x", *parameters], ours, theirs, strict=True):
        torch.testing.assert_close(value, other, rtol=1e-8, atol=1e-8, msg=lambda m, name=name: f"{name}: {m}")


def test_prepared_spectra_follow_a_loaded_checkpoint():
    block = af.nn.MEWBlock(16).eval()
    x = torch.randn(1, 16, 6, 5)
    with torch.no_grad():
        before = block(x)
        assert torch.equal(block(x), before)
        tensors = {name: t.float() if t.is_floating_point() else t for name, t in published(16).items()}
        block.load_state_dict(tensors)
        torch.testing.assert_close(block(x), Restated(tensors)(x, 1), rtol=1e-4, atol=1e-4)


def test_errors_teach():
    with pytest.raises(ValueError, match="MEWBlock: channels must be a positive multiple of 16, got 24"):
        af.nn.MEWBlock(24)
    with pytest.raises(ValueError, match=r"MEWBlock: x must have shape \(B, 16, H, W\), got \(1, 8, 4, 4\)"):
        af.nn.MultiAxisExternalWeights(16)(torch.randn(1, 8, 4, 4))
