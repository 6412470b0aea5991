import pytest
import torch

import activefreq as af


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 64), (224, 224)])
@pytest.mark.parametrize("batch", [1, 5])
def test_equals_cpu(cuda, size, batch):
    generator = torch.Generator().manual_seed(1)
    clicks = torch.rand(batch, 9, 3, generator=generator) * torch.tensor([size[0] + 4.0, size[1] + 4.0, 1.0]) - 2
    clicks[:, :, 2] = torch.randint(-1, 2, (batch, 9), generator=generator).float()
    maps = af.ops.click_maps(clicks.to(cuda), size, 5.0)
    assert maps.device.type == "cuda"
    assert torch.equal(maps.cpu(), af.ops.click_maps(clicks, size, 5.0))


def test_runs_on_the_current_stream_and_in_a_graph(cuda):
    clicks = torch.tensor([[[3.0, 4.0, 1.0], [5.0, 6.0, 0.0]]], device=cuda)
    expected = af.ops.click_maps(clicks.cpu(), (16, 16), 2.0)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        maps = af.ops.click_maps(clicks, (16, 16), 2.0)
    stream.synchronize()
    assert torch.equal(maps.cpu(), expected)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        maps = af.ops.click_maps(clicks, (16, 16), 2.0)
    clicks[0, 0, 0] = 8.0
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(maps.cpu(), af.ops.click_maps(clicks.cpu(), (16, 16), 2.0))
