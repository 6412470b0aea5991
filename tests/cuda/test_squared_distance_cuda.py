import pytest
import torch
from error_scenes import KINDS, masks, random_mask

import activefreq as af

SIZES = ((1, 1), (1, 77), (70, 1), (33, 65), (40, 130), (224, 224))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 16])
def test_equals_cpu(cuda, kind, batch):
    for seed, size in enumerate(SIZES):
        mask = masks(kind, batch, *size, seed)
        squared = af.ops.squared_distance(mask.to(cuda))
        assert squared.device.type == "cuda"
        assert torch.equal(squared.cpu(), af.ops.squared_distance(mask)), size


@pytest.mark.parametrize("density", [0.5, 0.99, 0.9999, 1.0])
def test_equals_cpu_where_distances_are_long(cuda, density):
    mask = random_mask((2, 1000, 1111), density, 3)
    assert torch.equal(af.ops.squared_distance(mask.to(cuda)).cpu(), af.ops.squared_distance(mask))


def test_any_layout_and_empty_input(cuda):
    mask = masks("dense", 2, 40, 90, 1).to(cuda)
    turned = af.ops.squared_distance(mask.transpose(1, 2))
    assert torch.equal(turned.transpose(1, 2), af.ops.squared_distance(mask))
    for shape in ((0, 4, 4), (2, 0, 4), (2, 4, 0)):
        assert af.ops.squared_distance(torch.zeros(shape, dtype=torch.bool, device=cuda)).shape == shape


def test_a_replayed_graph_reads_its_inputs_again(cuda):
    first, second = (masks(kind, 3, 90, 121, 2).to(cuda) for kind in ("smooth", "dense"))
    mask = first.clone()
    af.ops.squared_distance(mask)  # loads the module before the capture
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        squared = af.ops.squared_distance(mask)
    for values in (second, first):
        mask.copy_(values)
        graph.replay()
        assert torch.equal(squared.cpu(), af.ops.squared_distance(values.cpu()))


def test_offsets_beyond_32_bits(cuda):
    torch.cuda.empty_cache()  # what the tests before left with torch
    free, _ = torch.cuda.mem_get_info()
    if free < 44 << 30:
        pytest.skip("needs 44 GB of device memory")
    batch = 2**32 // (4096 * 4096) + 1
    mask = torch.zeros(batch, 4096, 4096, dtype=torch.bool, device=cuda)
    mask[-1] = masks("blob", 1, 4096, 4096, 1)[0].to(cuda)
    squared = af.ops.squared_distance(mask)
    assert torch.equal(squared[-1:].cpu(), af.ops.squared_distance(mask[-1:].cpu()))
    assert not bool(squared[:-1].any())
