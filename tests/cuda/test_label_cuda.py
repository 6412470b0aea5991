import pytest
import torch
from error_scenes import KINDS, masks, random_mask

import activefreq as af

SIZES = ((1, 1), (1, 77), (70, 1), (33, 65), (40, 130), (224, 224))


def assert_equals_cpu(mask, connectivity, device, context=None):
    labels, counts = af.ops.label(mask.to(device), connectivity)
    expected = af.ops.label(mask, connectivity)
    assert labels.device.type == counts.device.type == "cuda"
    assert torch.equal(counts.cpu(), expected[1]), context
    assert torch.equal(labels.cpu(), expected[0]), context


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("batch", [1, 16])
def test_equals_cpu(cuda, kind, connectivity, batch):
    for seed, size in enumerate(SIZES):
        assert_equals_cpu(masks(kind, batch, *size, seed), connectivity, cuda, size)


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("density", [0.1, 0.4, 0.5, 0.593, 0.9])
def test_equals_cpu_on_large_noise(cuda, density, connectivity):
    for _ in range(3):  # ranks meet in another order every time
        assert_equals_cpu(random_mask((3, 1000, 1111), density, 3), connectivity, cuda)


def test_any_layout_and_empty_input(cuda):
    mask = masks("noise", 2, 40, 90, 1)
    assert_equals_cpu(mask.transpose(1, 2), 8, cuda)
    for shape in ((0, 4, 4), (2, 0, 4), (2, 4, 0)):
        assert_equals_cpu(torch.zeros(shape, dtype=torch.bool), 8, cuda)


def test_a_replayed_graph_reads_its_inputs_again(cuda):
    first, second = (masks(kind, 3, 90, 121, 2).to(cuda) for kind in ("noise", "spiral"))
    mask = first.clone()
    af.ops.label(mask)  # loads the module before the capture
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        labels, counts = af.ops.label(mask)
    for values in (second, first):
        mask.copy_(values)
        graph.replay()
        expected = af.ops.label(values.cpu())
        assert torch.equal(labels.cpu(), expected[0])
        assert torch.equal(counts.cpu(), expected[1])


def test_offsets_beyond_32_bits(cuda):
    torch.cuda.empty_cache()  # what the tests before left with torch
    free, _ = torch.cuda.mem_get_info()
    if free < 30 << 30:
        pytest.skip("needs 30 GB of device memory")
    batch = 2**32 // (4096 * 4096) + 1
    mask = torch.zeros(batch, 4096, 4096, dtype=torch.bool, device=cuda)
    mask[-1] = masks("noise", 1, 4096, 4096, 1)[0].to(cuda)
    labels, counts = af.ops.label(mask)
    expected = af.ops.label(mask[-1:].cpu())
    assert torch.equal(labels[-1:].cpu(), expected[0])
    assert counts[-1:].tolist() == expected[1].tolist()
    assert not bool(counts[:-1].any())
