"""Networks compile in one graph, and give what they give without: forward and backward."""

import pytest
import torch

import activefreq as af
from activefreq.models import FreqFormer

VARIANTS = [
    {},
    {"weight": "scalar"},
    {"weight": "generated"},
    {"weight": "low-rank"},
    {"transform": "haar"},
    {"transform": "dft3"},
]
# The inductor backend imports parts of torch that torch itself declares deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")

BACKENDS = ["aot_eager", pytest.param("inductor", marks=pytest.mark.long)]


def small_network():
    torch.manual_seed(0)
    return FreqFormer(
        input_size=32, widths=(8, 16, 16, 32), heads=(1, 2, 2, 4), depths=(1, 1, 1, 1), decoder_width=16, drop_path=0.0
    )


def compare(module, x, backend, rtol, atol):
    """Output, and gradients of the input and every parameter, of the module and of its compiled form."""
    torch._dynamo.reset()
    compiled = torch.compile(module, fullgraph=True, backend=backend)
    inputs = [x.requires_grad_(), *module.parameters()]
    results = []
    for forward in (module, compiled):
        y = forward(x)
        results.append([y, *torch.autograd.grad(y.square().mean(), inputs)])
    names = ["y", "x", *(name for name, _ in module.named_parameters())]
    for name, expected, value in zip(names, *results, strict=True):
        torch.testing.assert_close(value, expected, rtol=rtol, atol=atol, msg=lambda m, name=name: f"{name}: {m}")


@pytest.fixture(autouse=True)
def _forget_graphs():
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_freq_module(options, backend):
    torch.manual_seed(0)
    module = af.FreqModule(16, (8, 6), **options)
    compare(module, torch.randn(2, 16, 7, 9), backend, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layer", ["global_filter", "mew_block"])
def test_published_layers(layer, backend):
    torch.manual_seed(0)
    if layer == "global_filter":
        compare(af.GlobalFilter(8, (6, 5)), torch.randn(2, 8, 6, 5), backend, rtol=1e-4, atol=1e-6)
    else:
        compare(af.nn.MEWBlock(16), torch.randn(2, 16, 6, 5), backend, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_freqformer(backend):
    """In eval mode, where batch norm is the same affine map in both; dropout is off."""
    compare(small_network().eval(), torch.rand(2, 6, 32, 32), backend, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_freqformer_in_training(backend):
    """One step: the loss, all gradients, and the batch norm's running mean."""
    x, target = torch.rand(2, 6, 32, 32), (torch.rand(2, 1, 32, 32) > 0.5).float()
    results = []
    for compiling in (False, True):
        torch._dynamo.reset()
        network = small_network().train()
        forward = torch.compile(network, fullgraph=True, backend=backend) if compiling else network
        loss = torch.nn.functional.binary_cross_entropy_with_logits(forward(x), target)
        loss.backward()
        results.append([loss.detach(), network.norm.running_mean, *(p.grad for p in network.parameters())])
    for expected, value in zip(*results, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-3, atol=1e-5)
