import numpy as np
import pytest
import torch
from PIL import Image

from activefreq.models import HFSTINet
from activefreq.models.network_input import normalise
from activefreq.tasks import make_task
from activefreq.tasks.hfsti_net import _back_and_forth
from activefreq.tasks.weighted_losses import boundary_weight, weighted_bce_iou


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A bright disk that drifts over noise: six videos of four frames, four to train on and two to test."""
    root = tmp_path_factory.mktemp("disks")
    for name in ("images", "masks"):
        (root / name).mkdir()
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:48, :48]
    rows = ["stem,split,video"]
    for video in range(6):
        centre, speed = generator.uniform(14, 34, 2), generator.uniform(-2, 2, 2)
        for frame in range(4):
            mask = ((np.stack([y, x], -1) - centre - frame * speed) ** 2).sum(-1) <= 81
            image = generator.uniform(0, 90, (48, 48, 3)) + 120 * mask[..., None]
            stem = f"{video * 4 + frame:02}"
            Image.fromarray(image.astype(np.uint8)).save(root / "images" / f"{stem}.png")
            Image.fromarray(mask.astype(np.uint8) * 255).save(root / "masks" / f"{stem}.png")
            rows.append(f"{stem},{'train' if video < 4 else 'test'},{video}")
    (root / "split.csv").write_text("\n".join(rows) + "\n")
    return root


def small(**settings):
    torch.manual_seed(0)
    shape = {"encoder_widths": (8, 16, 16, 16), "encoder_depths": (1, 1, 1, 1), "encoder_heads": (1, 1, 1, 1)}
    return HFSTINet.small(input_size=32, width=8, **(shape | settings))


def test_items(videos):
    task = make_task("hfsti-net", clip=2, size=32)
    assert task.items(videos, None).names == ["4", "5"]
    clips = task.training_items(videos, "train", limit=3)
    assert clips.names == ["0@00", "0@02", "1@04"]
    assert len(make_task("hfsti-net", starts=[0, 16]).items(videos, "all")) == 2


def test_batches_follow_the_generator(videos):
    task = make_task("hfsti-net", clip=3, size=32)
    clips = task.training_items(videos, "train")
    items = [clips[0], clips[2]]
    first, again, other = (task.batch(items, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first["images"].shape == (2, 3, 3, 32, 32)
    assert first["masks"].shape == (2, 3, 1, 32, 32)
    assert set(first["masks"].unique().tolist()) == {0.0, 1.0}
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["images"], other["images"])


def test_images_and_masks_move_together(videos):
    """The disk is bright wherever augmentation put it."""
    task = make_task("hfsti-net", clip=4, size=48)
    clips = task.training_items(videos, "train")
    for seed in range(6):
        batch = task.batch([clips[0]], torch.Generator().manual_seed(seed))
        inside = batch["masks"] > 0.5
        bright = batch["images"].mean(2, keepdim=True)
        assert bright[inside].mean() > bright[~inside].mean() + 0.25


def test_without_augmentation_frames_are_what_they_were(videos):
    task = make_task("hfsti-net", clip=4, size=48, augmentation=False)
    clip = task.training_items(videos, "train")[1]
    batch = task.batch([clip], torch.Generator())
    assert np.array_equal(batch["masks"][0, :, 0].bool().numpy(), clip.masks)
    np.testing.assert_allclose(batch["images"][0].permute(0, 2, 3, 1).numpy() * 255, clip.images, atol=1e-3)


def test_short_videos_go_back_and_forth():
    assert _back_and_forth(3, 7).tolist() == [0, 1, 2, 1, 0, 1, 2]
    assert _back_and_forth(1, 3).tolist() == [0, 0, 0]
    assert _back_and_forth(4, 4).tolist() == [0, 1, 2, 3]


def test_boundaries_weigh_more():
    target = torch.zeros(1, 1, 64, 64)
    target[..., 16:48, 16:48] = 1
    weight = boundary_weight(target)
    assert weight.min() >= 1
    assert weight.max() <= 6
    assert weight[0, 0, 32, 16] > weight[0, 0, 32, 32] + 1
    assert weight[0, 0, 0, 0] == pytest.approx(1, abs=0.3)


def test_loss_by_hand():
    """Constant weights: plain cross-entropy and soft IoU with one added above and below."""
    target = torch.zeros(2, 1, 64, 64)
    logits = torch.full((2, 1, 64, 64), -1.0)
    probability = torch.sigmoid(torch.tensor(-1.0))
    expected = -torch.log(1 - probability) + 1 - 1 / (64 * 64 * probability + 1)
    torch.testing.assert_close(weighted_bce_iou(logits, target), expected)
    target[..., 20:40, 20:40] = 1
    confident = 50 * (2 * target - 1)
    assert weighted_bce_iou(confident, target) < 1e-3
    assert weighted_bce_iou(-confident, target) > 10


def test_levels_count_half_as_much_each(videos):
    task = make_task("hfsti-net", clip=2, size=32)
    clips = task.training_items(videos, "train")
    batch = task.batch([clips[0]], torch.Generator().manual_seed(0))
    network = small().train()
    levels = network.supervised(normalise(batch["images"]))
    masks = batch["masks"].flatten(0, 1)
    losses = [weighted_bce_iou(level.flatten(0, 1), masks) for level in levels]
    expected = losses[0] + losses[1] / 2 + losses[2] / 4 + losses[3] / 8
    torch.testing.assert_close(task.loss(network, batch), expected)


def test_another_input_size_is_met(videos):
    """Frames of 64 pixels that are flat in blocks of two are those of 32."""
    task, network = make_task("hfsti-net", clip=2), small(drop_path=0.0).train()
    images, masks = torch.rand(1, 2, 3, 32, 32), (torch.rand(1, 2, 1, 32, 32) > 0.5).float()
    expected = task.loss(network, {"images": images, "masks": masks})
    larger = {
        name: t.repeat_interleave(2, -1).repeat_interleave(2, -2) for name, t in (("images", images), ("masks", masks))
    }
    assert task.loss(network, larger).isfinite()
    torch.testing.assert_close(task.loss(network, larger), expected, rtol=0.2, atol=0)


def test_answers_are_frames_of_their_video(videos):
    task = make_task("hfsti-net", size=32)
    items, network = task.items(videos, "test"), small().eval()
    answers = list(task.answers(network, items[1]))
    assert [answer.name for answer in answers] == ["20", "21", "22", "23"]
    assert all(answer.attributes == {"video": "5"} for answer in answers)
    assert np.array_equal(answers[2].target[0].numpy(), items[1].masks[2])
    assert answers[0].prediction.shape == (1, 48, 48)
    again = list(task.answers(network, items[1]))  # nothing is remembered from one video to the next
    assert all(torch.equal(a.prediction, b.prediction) for a, b in zip(answers, again, strict=True))


def test_a_stream_sees_frames_as_training_does(videos):
    """Large frames lose what a small network cannot see before they are made small, here as there."""
    network, task = HFSTINet.small(input_size=32).eval(), make_task("hfsti-net", clip=1, size=32, augmentation=False)
    frame = torch.rand(3, 97, 131, generator=torch.Generator().manual_seed(0))
    seen = []
    network.encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network.stream().step(frame)
    expected = normalise(torch.nn.functional.interpolate(frame[None], (32, 32), mode="bilinear", antialias=True))
    torch.testing.assert_close(seen[0], expected)
    assert task.size == 32


def test_trains_to_better_than_chance(videos):
    """Everything called object has Dice 2 p / (1 + p) with p the share of the disk: about 0.2."""
    task = make_task("hfsti-net", clip=4, size=32)
    clips = task.training_items(videos, "train")
    network = small().train()
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    items = [clips[i] for i in range(4)]
    for _ in range(16):
        optimizer.zero_grad()
        task.loss(network, task.batch(items, generator)).backward()
        optimizer.step()
    scores = []
    test = task.items(videos, "test")
    for index in range(2):
        for answer in task.answers(network, test[index]):
            overlap = (answer.prediction & answer.target).sum()
            scores.append(2 * overlap / (answer.prediction.sum() + answer.target.sum()))
    assert torch.stack(scores).mean() > 0.5, scores


def test_bad_settings_teach():
    with pytest.raises(ValueError, match="HFSTINetTask: clip and size must be positive, got 0 and 352"):
        make_task("hfsti-net", clip=0)


def test_options_that_videos_do_not_have_are_refused(videos):
    with pytest.raises(ValueError, match="hfsti-net: videos are not read with ignore; there is: masks"):
        make_task("hfsti-net").items(videos, "test", ignore=128)
    assert len(make_task("hfsti-net").items(videos, "test", masks="masks")) == 2
