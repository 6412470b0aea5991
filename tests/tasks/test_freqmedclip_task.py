import math

import numpy as np
import pytest
import torch
from PIL import Image

from activefreq.models.checkpoint import load_network, save_network
from activefreq.models.freqmedclip import FreqMedCLIP
from activefreq.models.network_input import normalise
from activefreq.tasks import make_task
from activefreq.tasks.freqmedclip import PhrasedImage, PhrasedImages, dice_loss
from activefreq.tasks.phrases import PHRASES

TINY = {
    "input_size": 32,
    "vision_width": 16,
    "vision_heads": 2,
    "patch": 8,
    "text_width": 32,
    "text_layers": 1,
    "text_heads": 2,
    "adapter_width": 8,
    "pyramid": (24, 24, 16, 16),
    "frequency_widths": (16, 16, 24, 24),
    "frequency_depths": (1, 1, 1, 1),
    "bridge_width": 24,
}


class Shapes:
    """Noisy images of one disk or one square; both are brighter than what surrounds them."""

    split = "all"
    skipped: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, name, count, first=0):
        self.name, self.names = name, [str(number) for number in range(first, first + count)]
        self.fingerprint = f"{name}{count}{first}"

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        chance = np.random.default_rng(1000 * (self.name == "disks") + int(self.names[index]))
        y, x = chance.integers(8, 24, 2)
        rows, columns = np.mgrid[:32, :32]
        near = np.abs(rows - y) + 1j * np.abs(columns - x)
        inside = np.abs(near) <= 6 if self.name == "disks" else np.maximum(near.real, near.imag) <= 5
        colour = np.array([200, 120, 60] if self.name == "disks" else [60, 120, 200])
        image = np.where(inside[..., None], colour, 90) + chance.normal(0, 15, (32, 32, 3))
        return PhrasedImage(self.names[index], self.name, image.clip(0, 255).astype(np.uint8), inside.astype(np.int8))


PHRASES_OF_SHAPES = {"disks": ["a disk", "the round thing"], "squares": ["a square"]}


def shapes_task(**options):
    """With phrases of the two made-up sets alone, so that each is the other's wrong phrase."""
    task = make_task("freqmedclip", size=32, phrases=PHRASES_OF_SHAPES, **options)
    for name in PHRASES:
        del task._rows[name]
        del task.phrases[name]
    return task


@pytest.fixture(scope="module")
def trained():
    """Trained for ten seconds on both sets, wrong phrases included: it first learns the objects, then to listen."""
    torch.manual_seed(0)
    network = FreqMedCLIP.small(**TINY).train()
    task = shapes_task(wrong=0.4)
    items = PhrasedImages([Shapes("disks", 60), Shapes("squares", 60)], "train")
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=4e-3)
    for _ in range(110):
        picked = torch.randint(len(items), (8,), generator=generator).tolist()
        loss = task.loss(network, task.batch([items[index] for index in picked], generator))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    return network.eval()


def mean_dice(network, task):
    items = PhrasedImages([Shapes("disks", 10, 500), Shapes("squares", 10, 500)], "test")
    values = []
    with torch.inference_mode():
        for index in range(len(items)):
            for answer in task.answers(network, items[index]):
                both = (answer.prediction & answer.target).sum()
                values.append(float(2 * both / (answer.prediction.sum() + answer.target.sum())))
    return sum(values) / len(values)


def test_learns_the_objects_and_listens(trained):
    """Chance, everything or nothing marked, has a Dice of 0.2 at most here. The wrong phrase finds less."""
    right, wrong = mean_dice(trained, shapes_task()), mean_dice(trained, shapes_task(phrase="wrong"))
    assert right > 0.6
    assert wrong < 0.3


def test_answers(trained, tmp_path):
    item = Shapes("disks", 1)[0]
    ignored = item.mask.copy()
    ignored[:, :16] = -1
    item = PhrasedImage("disks/0", "disks", item.image, ignored)
    task = shapes_task()
    with torch.inference_mode():
        (answer,) = task.answers(trained, item)
    assert answer.name == "disks/0"
    assert answer.attributes == {"set": "disks", "phrase": "a disk"}
    assert answer.prediction.shape == answer.target.shape == (1, 32, 32)
    assert torch.equal(answer.target[0], torch.from_numpy(item.mask == 1))
    assert not answer.prediction[0, :, :16].any()
    save_network(tmp_path / "model.safetensors", trained, {})
    again, header = load_network(tmp_path / "model.safetensors")
    assert header["model"] == "freqmedclip"
    x = normalise(torch.rand(1, 3, 32, 32))
    assert torch.equal(again(x, ["a disk"]), trained(x, ["a disk"]))


def test_what_is_asked():
    assert make_task("freqmedclip").asked("isic2017") == PHRASES["isic2017"][0]
    assert make_task("freqmedclip", phrase="wrong").asked("isic2017") == PHRASES["cvc_clinicdb_612"][0]
    assert make_task("freqmedclip", phrase="wrong").asked("cvc_clinicdb_612") == PHRASES["isic2017"][0]
    assert make_task("freqmedclip", phrase="a mole").asked("cvc_clinicdb_612") == "a mole"
    named = make_task("freqmedclip", phrases=["the liver", "a liver"])
    assert named.asked("livers") == "the liver"
    assert named.asked("isic2017") == PHRASES["isic2017"][0]


def test_a_batch_pairs_images_with_phrases():
    task = make_task("freqmedclip", size=32, phrases=PHRASES_OF_SHAPES, wrong=0.5)
    every = [phrase for phrases in task.phrases.values() for phrase in phrases]
    items = [Shapes("disks", 40)[index] for index in range(40)]
    batch = task.batch(items, torch.Generator().manual_seed(0))
    assert batch["image"].shape == (40, 3, 32, 32)
    asked = [every[row] for row in batch["phrase"].tolist()]
    right = [phrase in PHRASES_OF_SHAPES["disks"] for phrase in asked]
    assert 10 < sum(right) < 30
    assert len(set(asked)) > 5
    for target, expected in zip(batch["target"], right, strict=True):
        assert target.dtype == torch.int8
        assert bool((target == 1).any()) == expected
    again = task.batch(items, torch.Generator().manual_seed(0))
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    never = make_task("freqmedclip", size=32, phrases=PHRASES_OF_SHAPES, wrong=0).batch(items, torch.Generator())
    assert (never["target"] == 1).any(dim=(1, 2)).all()


def test_ignored_pixels_take_no_part():
    torch.manual_seed(0)
    target = torch.randint(-1, 2, (2, 6, 6)).to(torch.int8)
    logits = torch.randn(2, 6, 6)
    other = torch.where(target < 0, logits + 5, logits)
    torch.testing.assert_close(dice_loss(other, target), dice_loss(logits, target))
    empty = torch.zeros_like(target)
    assert dice_loss(logits - 50, empty) == pytest.approx(0, abs=1e-6)
    assert dice_loss(logits + 50, empty) > 0.9


def test_loss_is_the_papers(monkeypatch):
    torch.manual_seed(0)
    network = FreqMedCLIP.small(**TINY)
    maps = [torch.randn(1, 1, 32, 32) for _ in range(3)]
    monkeypatch.setattr(network, "all_logits", lambda image, text: maps)
    target = (torch.rand(1, 32, 32) < 0.3).to(torch.int8)
    batch = {"image": torch.zeros(1, 3, 32, 32), "target": target, "phrase": torch.tensor([0])}
    probability = maps[0][0, 0].sigmoid()
    entropy = -(torch.where(target[0] == 1, probability, 1 - probability)).log().mean()
    fused, semantic, frequency = (dice_loss(part.squeeze(1), target) for part in maps)
    expected = fused + 2 * entropy + 0.4 * (semantic + frequency)
    torch.testing.assert_close(make_task("freqmedclip", bce=2.0).loss(network, batch), expected)


def test_several_sets_balanced():
    sets = [Shapes("disks", 9), Shapes("squares", 4)]
    plain, balanced = PhrasedImages(sets, "train"), PhrasedImages(sets, "train", balanced=True)
    assert (len(plain), len(balanced)) == (13, 17)
    assert balanced.names[9:] == [f"squares/{number}" for number in (0, 1, 2, 3)] * 2
    assert plain.name == "disks+squares"
    assert plain[9].name == "squares/0"
    assert plain[9].source == "squares"
    assert plain.fingerprint != balanced.fingerprint


def test_what_is_left_out_is_said():
    disks, squares = Shapes("disks", 2), Shapes("squares", 2)
    disks.skipped = {"7": "no object"}
    assert PhrasedImages([disks, squares], "all").skipped == {"disks/7": "no object"}


def test_opening_data():
    task = make_task("freqmedclip")
    items = task.items("phantom, phantom", "val", limit=3)
    assert len(items) == 6
    assert items.split == "val"
    assert items[3].source == "phantom"
    assert math.prod(items[3].mask.shape) > 0


def test_bad_input_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"wrong must lie in \[0, 1\], got 2"):
        make_task("freqmedclip", wrong=2)
    with pytest.raises(ValueError, match="phrase must be right, wrong or a phrase, got an empty one"):
        make_task("freqmedclip", phrase=" ")
    with pytest.raises(ValueError, match="phrases of disks must be one or more that are not empty"):
        make_task("freqmedclip", phrases={"disks": []})
    with pytest.raises(FileNotFoundError, match="nowhere"):
        make_task("freqmedclip").items(str(tmp_path / "nowhere"), "val")
    for folder in ("images", "masks"):
        (tmp_path / "livers" / folder).mkdir(parents=True)
        Image.new("L", (8, 8), 1).save(tmp_path / "livers" / folder / "1.png")
    with pytest.raises(ValueError, match="no phrase for the data set 'livers'"):
        make_task("freqmedclip").items(str(tmp_path / "livers"), "all")
