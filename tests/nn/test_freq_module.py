import copy

import numpy as np
import pytest
import torch

import activefreq as af
from activefreq.nn.spectrum import resample_spectrum

VARIANTS = [
    {},
    {"weight": "scalar"},
    {"weight": "generated"},
    {"weight": "low-rank"},
    {"transform": "haar"},
    {"transform": "haar", "weight": "scalar"},
    {"transform": "dft3"},
    {"conv": "separable"},
    {"axes": ("hw",)},
    {"axes": ()},
]


def by_numpy(module, x):
    """The layer's definition with numpy's transforms: weight="full", at the layer's own size."""
    quarter = x.shape[1] // 4
    x1, x2, x3, x4 = (x[:, i * quarter : (i + 1) * quarter].numpy() for i in range(4))
    y1 = module.conv(torch.from_numpy(x1)).detach().numpy()

    def filtered(part, pair, axes, shape):
        weight = torch.view_as_complex(module.spectra[pair].weight.detach().contiguous()).numpy().reshape(shape)
        return np.fft.irfft2(np.fft.rfft2(part, axes=axes) * weight, s=[part.shape[a] for a in axes], axes=axes)

    height, width = x.shape[2:]
    y2 = filtered(x2, "hw", (2, 3), (1, quarter, height, width // 2 + 1))
    y3 = filtered(x3, "hc", (1, 2), (1, quarter, height // 2 + 1, 1))
    y4 = filtered(x4, "wc", (1, 3), (1, quarter, 1, width // 2 + 1))
    return np.concatenate([y1, y2, y3, y4], axis=1)


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (13, 4)])
def test_equals_numpy(size):
    torch.manual_seed(0)
    module = af.FreqModule(8, size).double()
    for parameter in module.parameters():  # free weights: imaginary parts at DC and Nyquist are not zero
        torch.nn.init.normal_(parameter)
    x = torch.randn(3, 8, *size, dtype=torch.float64)
    np.testing.assert_allclose(module(x).detach().numpy(), by_numpy(module, x), rtol=0, atol=1e-12)


def test_scalar_is_a_multiple_of_the_identity():
    """IDFT(w · DFT(x)) = w · x: the scalar reading of Eq. 12 equals a constant spectrum."""
    torch.manual_seed(0)
    scalar, full = af.FreqModule(8, (6, 5), weight="scalar").double(), af.FreqModule(8, (6, 5)).double()
    full.conv.load_state_dict(scalar.conv.state_dict())
    with torch.no_grad():
        scalar.scale.copy_(torch.tensor([0.5, -2.0, 3.0]))
        for value, pair in zip((0.5, -2.0, 3.0), ("hw", "hc", "wc"), strict=True):
            full.spectra[pair].weight.copy_(torch.tensor([value, 0.0]).expand_as(full.spectra[pair].weight))
    x = torch.randn(2, 8, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(full(x), scalar(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_variants_train_and_infer(options):
    torch.manual_seed(0)
    module = af.FreqModule(16, (8, 6), **options)
    x = torch.randn(2, 16, 8, 6, requires_grad=True)
    y = module(x)
    assert y.shape == x.shape
    y.square().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert x.grad.abs().sum() > 0
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    with torch.inference_mode():
        again = module.eval()(x)
    torch.testing.assert_close(again, y, rtol=1e-5, atol=1e-5)
    assert module(torch.randn(1, 16, 11, 9)).shape == (1, 16, 11, 9)


@pytest.mark.parametrize("pair", af.nn.AXIS_PAIRS)
def test_left_out_pair_passes_its_quarter(pair):
    module = af.FreqModule(8, (5, 6), axes=[other for other in af.nn.AXIS_PAIRS if other != pair])
    x = torch.randn(2, 8, 5, 6)
    quarter = slice(2 * (1 + af.nn.AXIS_PAIRS.index(pair)), 2 * (2 + af.nn.AXIS_PAIRS.index(pair)))
    assert torch.equal(module(x)[:, quarter], x[:, quarter])


def test_prepared_spectra_are_kept_and_renewed():
    module = af.FreqModule(8, (6, 6), weight="generated").eval()
    x = torch.randn(1, 8, 9, 9)
    with torch.inference_mode():
        first = module(x)
        kept = module.spectra_for(9, 9)["hw"]
        assert module.spectra_for(9, 9)["hw"] is kept
        with torch.no_grad():
            module.spectra["hw"].weight.mul_(2)
        assert module.spectra_for(9, 9)["hw"] is not kept
        assert not torch.equal(module(x), first)
        module.load_state_dict(af.FreqModule(8, (6, 6), weight="generated").state_dict())
        assert not torch.equal(module.spectra_for(9, 9)["hw"], kept)
    assert module.spectra_for(9, 9)["hw"].requires_grad  # with gradients nothing kept is used


def step(module, **options):
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.5, **options)
    for parameter in module.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()


def assigned(module, change):
    for parameter in module.parameters():
        parameter.data = change(parameter.data)


def written(module, change):
    for parameter in module.parameters():
        parameter.data.copy_(change(parameter.data))


def copied(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter))


def one_number_more(module):
    """A change that the sum of the float32 values would lose."""
    weight = module.spectra["hw"].weight.data.view(-1)
    weight[0] = torch.nextafter(weight[0], torch.tensor(torch.inf))


def other(weight="generated"):
    return af.FreqModule(8, (6, 6), weight=weight).state_dict()


CHANGES = {
    "fused step": lambda module: step(module, fused=True),
    "plain step": step,
    "to float64": lambda module: module.double(),
    "copy_": copied,
    "data assigned": lambda module: assigned(module, lambda t: 1.5 * t),
    "data assigned, turned": lambda module: assigned(module, lambda t: t.flip(0)),
    "data written": lambda module: written(module, lambda t: 1.5 * t),
    "data written, same sum": lambda module: written(module, lambda t: t.flip(0)),
    "data written, one bit": one_number_more,
    "state": lambda module: module.load_state_dict(other(module.weight)),
    "state assigned": lambda module: module.load_state_dict(other(module.weight), assign=True),
}


@pytest.mark.parametrize("weight", ["full", "generated"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_renews_the_spectra(change, weight):
    torch.manual_seed(0)
    module = af.FreqModule(8, (6, 6), weight=weight).eval()
    with torch.no_grad():
        before = {size: module.spectra_for(size, size) for size in (7, 9)}
        change(module)
        fresh = copy.deepcopy(module)
        for size, kept in before.items():
            spectra, expected = module.spectra_for(size, size), fresh.spectra_for(size, size)
            assert spectra["hw"] is not kept["hw"]
            assert all(torch.equal(spectra[pair], expected[pair]) for pair in af.nn.AXIS_PAIRS)
            assert module.spectra_for(size, size)["hw"] is spectra["hw"]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_compiled_module_follows_every_change(change):
    torch.manual_seed(0)
    module = af.FreqModule(8, (6, 6), weight="generated").eval()
    compiled = torch.compile(module, backend="eager")
    x = torch.randn(1, 8, 9, 9)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), module(x), rtol=0, atol=1e-6)
        change(module)
        torch.testing.assert_close(compiled(x), copy.deepcopy(module)(x), rtol=0, atol=1e-6)


def test_few_sizes_are_kept():
    module = af.FreqModule(8, (6, 6)).eval()
    with torch.no_grad():
        for side in range(4, 16):
            module(torch.randn(1, 8, side, side))
    assert len(module._prepared._kept) <= 4
    assert len(copy.deepcopy(module)._prepared._kept) == 0


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own formulas are scripts
def test_forward_mode_is_not_dropped_silently():
    module = af.FreqModule(8, (6, 6)).requires_grad_(False)
    x, tangent = torch.randn(1, 8, 6, 6), torch.randn(1, 8, 6, 6)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, tangent)
        moved = torch.autograd.forward_ad.unpack_dual(module(dual)).tangent
    assert moved is not None
    torch.testing.assert_close(moved, module(x + tangent) - module(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("old", [(8, 8), (7, 9)])
@pytest.mark.parametrize("new", [(8, 8), (16, 16), (5, 6)])
def test_constant_spectrum_stays_constant(old, new):
    spectrum = torch.tensor([2.0, 0.0]).expand(3, old[0], old[1] // 2 + 1, 2)
    moved = resample_spectrum(spectrum, ("channel", "full", "half"), (3, *old), (3, *new))
    assert moved.shape == (3, new[0], new[1] // 2 + 1, 2)
    assert torch.equal(moved, torch.tensor([2.0, 0.0]).expand_as(moved))


def test_resample_keeps_frequency_per_pixel():
    """A low pass made at one size cuts the same cycles per pixel at twice the size."""
    n = 16
    frequency = torch.fft.fftfreq(n)
    gain = (frequency.abs() <= 0.25).float()
    spectrum = torch.stack([gain, torch.zeros(n)], dim=-1).unsqueeze(0)
    moved = resample_spectrum(spectrum, ("channel", "full"), (1, n), (1, 2 * n))[0, :, 0]
    finer = torch.fft.fftfreq(2 * n).abs()
    assert torch.equal(moved[finer <= 0.25], torch.ones(int((finer <= 0.25).sum())))
    assert torch.equal(moved[finer >= 0.25 + 1 / n], torch.zeros(int((finer >= 0.25 + 1 / n).sum())))


def test_resample_keeps_modes_per_image():
    n = 9
    spectrum = torch.randn(1, n, 2)
    wide = resample_spectrum(spectrum, ("channel", "full"), (1, n), (1, 15), "cycles-per-image")
    assert torch.equal(wide[:, :5], spectrum[:, :5])
    assert torch.equal(wide[:, -4:], spectrum[:, -4:])
    assert wide[:, 5:-4].abs().sum() == 0
    back = resample_spectrum(wide, ("channel", "full"), (1, 15), (1, n), "cycles-per-image")
    assert torch.equal(back, spectrum)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 6}, "channels must be a positive multiple of 4 .* got 6"),
        ({"channels": 8.0}, "channels must be a positive multiple of 4 .* got 8.0"),
        ({"size": 8}, r"size must be \(H, W\) with H, W >= 1, got 8"),
        ({"rank": 0}, "rank must be at least 1, got 0"),
        ({"size": (0, 4)}, r"size must be \(H, W\) with H, W >= 1, got \(0, 4\)"),
        ({"weight": "wide"}, "weight must be one of full, scalar, generated, low-rank, got 'wide'"),
        ({"transform": "dct"}, "transform must be one of"),
        ({"axes": ("hw", "ww")}, "axes must be a sequence of pairs"),
        ({"axes": "hw"}, "axes must be a sequence of pairs"),
        ({"conv": "dense"}, "conv must be one of"),
        ({"transform": "haar", "weight": "low-rank"}, ".*knows weight full and scalar only"),
        ({"transform": "dft3", "axes": ("hw",)}, ".*filters all axes at once"),
    ],
)
def test_errors_teach(options, message):
    with pytest.raises(ValueError, match=f"FreqModule: {message}"):
        af.FreqModule(**{"channels": 8, "size": (4, 4), **options})


def test_wrong_input_names_the_shape():
    with pytest.raises(ValueError, match=r"FreqModule: x must have shape \(B, 8, H, W\), got \(1, 4, 4, 4\)"):
        af.FreqModule(8, (4, 4))(torch.randn(1, 4, 4, 4))


@pytest.mark.parametrize("feed_forward", ["plain", "inverted-depthwise"])
def test_freq_block(feed_forward):
    torch.manual_seed(0)
    block = af.FreqBlock(16, (8, 8), feed_forward=feed_forward)
    x = torch.randn(2, 16, 8, 8)
    inner = x + block.freq_module(block.norm1(x))
    torch.testing.assert_close(block(x), inner + block.ffn(block.norm2(inner)), rtol=0, atol=0)
    with pytest.raises(ValueError, match="FreqBlock: feed_forward must be plain or inverted-depthwise, got 'wide'"):
        af.FreqBlock(16, (8, 8), feed_forward="wide")


def test_spectra_that_a_cuda_graph_reads_stay(monkeypatch):
    """Recording is played: what was kept before stays in memory, what is made meanwhile is not kept."""
    module = af.FreqModule(8, (6, 6)).eval()
    with torch.no_grad():
        kept = module.spectra_for(9, 9)["hw"]
        monkeypatch.setattr("activefreq.nn.prepared_spectra._recording", lambda parameters: True)
        assert module.spectra_for(9, 9)["hw"] is module.spectra_for(9, 9)["hw"] is kept
        assert module.spectra_for(7, 7)["hw"] is not module.spectra_for(7, 7)["hw"]
        monkeypatch.undo()
        for side in range(10, 16):
            module.spectra_for(side, side)
        assert module.spectra_for(9, 9)["hw"] is not kept
    assert [spectra["hw"] is kept for spectra in module._prepared._recorded] == [True]
