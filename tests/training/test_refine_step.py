import json
from dataclasses import replace

import pytest
import torch
from small_run import CONFIG, samples

from activefreq.models import FreqFormer, load_network
from activefreq.models.checkpoint import read_tensors
from activefreq.training.chance import Chance
from activefreq.training.loop import train
from activefreq.training.pixels import load_pixels
from activefreq.training.refine_step import RefineStep, training_focus_boxes
from activefreq.training.steps import CoarseStep

REFINE = replace(CONFIG, stage="refine", crop=48)


def network(refine_width=8):
    torch.manual_seed(0)
    shape = {"widths": (8, 16, 16, 32), "heads": (1, 2, 2, 4), "depths": (1, 1, 1, 1)}
    return FreqFormer(input_size=32, decoder_width=8, refine_width=refine_width, **shape)


def batch(side=48):
    images, masks = load_pixels(samples(), side)
    return images[:4].float() / 255, masks[:4]


def chance(seed=0):
    return Chance(torch.Generator().manual_seed(seed), 4)


def test_only_the_refine_layer_changes(tmp_path):
    before = {name: tensor.clone() for name, tensor in network().state_dict().items()}
    path = train(network(), samples(), tmp_path, REFINE)
    trained, header = load_network(path)
    assert header["history"]["training"]["stage"] == "refine"
    after = read_tensors(tmp_path / "last.safetensors")[0]
    for name, tensor in before.items():
        if name.startswith("refine_layer."):
            assert not torch.equal(tensor, after[f"network.{name}"]), name
        else:
            assert torch.equal(tensor, after[f"network.{name}"]), name  # running statistics too
            assert torch.equal(tensor, after[f"average.{name}"]), name
    assert trained.refine_layer is not None  # both parts in one file
    assert sum(name.startswith("optimizer.") for name in after) == 3 * len(list(trained.refine_layer.parameters()))


def test_both_train_together_and_resume_exactly(tmp_path):
    config = replace(REFINE, stage="both")
    train(network(), samples(), tmp_path / "whole", config)

    def stop(epoch, *_):
        if epoch == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(network(), samples(), tmp_path / "broken", config, progress=stop)
    train(network(), samples(), tmp_path / "broken", config, resume=True)
    whole, broken = (read_tensors(tmp_path / name / "last.safetensors")[0] for name in ("whole", "broken"))
    assert whole.keys() == broken.keys()
    for name in whole:
        assert torch.equal(whole[name], broken[name]), name
    lines = [json.loads(line) for line in (tmp_path / "broken" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    start = network().state_dict()
    for part in ("encoder", "freq_layers", "head", "refine_layer"):
        moved = [not torch.equal(start[n], whole[f"network.{n}"]) for n in start if n.startswith(part)]
        assert sum(moved) > 0.6 * len(moved), part  # attention over one place has no gradient


def test_coarse_training_leaves_a_refine_layer_alone():
    net = network()
    CoarseStep(net, CONFIG)(*batch(32), chance()).backward()
    assert all(p.grad is None for p in net.refine_layer.parameters())
    assert all(p.grad is not None for n, p in net.named_parameters() if not n.startswith("refine_layer."))


def test_learns_one_batch_by_heart():
    net = network(16)
    step = RefineStep(net, replace(REFINE, iterations=0)).train()
    assert not net.norm.training
    optimizer = torch.optim.Adam(net.refine_layer.parameters(), lr=3e-2)
    losses = []
    for _ in range(20):
        loss = step(*batch(), chance())  # the same clicks and boxes every time
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_a_step_in_half_precision_is_close():
    net = network().eval()
    exact, rough = (
        RefineStep(net, replace(REFINE, stage="both", autocast=on))(*batch(), chance()).item() for on in (False, True)
    )
    assert rough != exact
    assert rough == pytest.approx(exact, rel=0.05)


def test_focus_boxes_of_training():
    target = torch.zeros(4, 40, 60, dtype=torch.int8)
    target[:3, 10:30, 20:40] = 1
    previous, probability = torch.zeros(4, 40, 60), torch.zeros(4, 40, 60)
    previous[:2, 10:30, 20:30] = 1
    probability[:2, 10:30, 20:40] = 1  # the click brought the right half
    clicks = torch.tensor([[[20, 35, 1]]]).expand(4, 1, 3)
    boxes = torch.stack(
        [training_focus_boxes(previous, probability, target, clicks, chance(seed)) for seed in range(40)]
    )
    assert (boxes[..., :2] >= 0).all()
    assert (boxes[..., 2] <= 40).all()
    assert (boxes[..., 3] <= 60).all()
    assert (boxes[..., 2:] - boxes[..., :2] >= 3).all()  # half a tenth of 60: never without pixels
    width = boxes[:, 0, 3] - boxes[:, 0, 1]
    around_change, around_object = (width < 20).float().mean(), (width > 22).float().mean()
    assert 0.2 < around_change < 0.8
    assert 0.2 < around_object < 0.8
    tall, wide = (boxes[:, 3, 2:] - boxes[:, 3, :2]).unbind(dim=1)
    assert (tall * wide >= 0.8 * 40 * 60).all()  # nothing there: the image, but for the shaking
    middle = (boxes[:, 2, 1] + boxes[:, 2, 3]) / 2
    assert (middle - 30).abs().max() <= 2.1  # a tenth of the object's side, more where the image ends


def test_stage_two_needs_a_refine_layer(tmp_path):
    with pytest.raises(ValueError, match="train: stage refine needs a network with a refine layer"):
        train(network(0), samples(), tmp_path / "new", REFINE)
    assert not (tmp_path / "new").exists()
    with pytest.raises(ValueError, match="train: stage must be coarse, refine or both, got 'third'"):
        replace(CONFIG, stage="third")
