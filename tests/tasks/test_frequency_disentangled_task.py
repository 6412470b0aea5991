import json

import pytest
import torch
from nifti_files import write_blobs

from activefreq.app.command_line import main
from activefreq.models.frequency_disentangled import FrequencyDisentangled
from activefreq.tasks import make_task
from activefreq.tasks.frequency_disentangled import squared_dice_loss

SIZE = (16, 16, 12)


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main([*map(str, arguments)])
    return end.value.code or 0


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("volumes") / "blobs")


@pytest.fixture
def task():
    return make_task("frequency-disentangled", size=list(SIZE), classes=["first", "second"])


def test_loss_by_hand():
    """Two voxels, two classes: probabilities 1/4, 1/2, 1/4 and 0, 0, 1; truth 1 and 2."""
    logits = torch.tensor([[[0.25, 0.5, 0.25], [0.0, 0.0, 1.0]]]).clamp(min=1e-12).log().mT[..., None, None]
    target = torch.tensor([[1, 2]])[..., None, None]
    first, second = 2 * 0.5 / (0.25 + 1), 2 * 1 / (1 / 16 + 1 + 1)
    assert squared_dice_loss(logits, target).item() == pytest.approx(1 - (first + second) / 2, abs=1e-6)


def test_loss_knows_right_from_wrong():
    target = torch.randint(0, 3, (2, 4, 4, 4), generator=torch.Generator().manual_seed(0))
    right = 40.0 * torch.nn.functional.one_hot(target, 3).movedim(-1, 1)
    assert squared_dice_loss(right, target) < 1e-6
    assert squared_dice_loss(-right, target) > 0.5
    assert squared_dice_loss(right.roll(1, 1), target) > 0.99


def test_a_batch_has_one_size_and_no_chance(task, blobs):
    items = task.training_items(blobs, "train")
    batches = [task.batch([items[0], items[1]], torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    assert {key: value.shape for key, value in batches[0].items()} == {"image": (2, 1, *SIZE), "target": (2, *SIZE)}
    assert all(torch.equal(batches[0][key], batches[1][key]) for key in batches[0])
    assert batches[0]["target"].unique().tolist() == [0, 1, 2]
    assert (batches[0]["image"].min(), batches[0]["image"].max()) == (0, 1)


def test_an_answer_has_the_volume_s_own_size(task, blobs):
    item = task.items(blobs, "all")[0]
    assert item.labels.shape == (15, 17, 13)

    class Perfect(torch.nn.Module):
        """Tells the truth inside the crop."""

        def __init__(self):
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, image):
            return torch.nn.functional.one_hot(task.batch([item], None)["target"], 3).movedim(-1, 1).float()

    (answer,) = task.answers(Perfect(), item)
    assert (answer.name, answer.spacing) == ("case_001", (1.0, 1.0, 1.0))
    assert torch.equal(answer.target, torch.stack([torch.from_numpy(item.labels == k) for k in (1, 2)]))
    assert torch.equal(answer.prediction, answer.target)  # the objects lie inside the crop


@pytest.mark.parametrize("fusion", ["none", "early", "late"])
def test_learns_made_up_volumes(fusion, task, blobs):
    torch.manual_seed(0)
    training, held = task.training_items(blobs, "train"), task.items(blobs, "test")
    batches = [task.batch([item], torch.Generator()) for item in training]
    network = FrequencyDisentangled.small(fusion=fusion)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for step in range(40):
        loss = task.loss(network, batches[step % len(batches)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        answers = [answer for item in held for answer in task.answers(network.eval(), item)]
    for answer in answers:
        both = (answer.prediction & answer.target).flatten(1).sum(1)
        dice = 2 * both / (answer.prediction.flatten(1).sum(1) + answer.target.flatten(1).sum(1))
        assert dice.min() > 0.6  # an answer of one class everywhere would have 0.15


def test_options_that_do_not_fit_teach(task, blobs):
    with pytest.raises(ValueError, match=r"size must be \(H, W, D\), got \(4, 5\)"):
        make_task("frequency-disentangled", size=(4, 5))
    with pytest.raises(ValueError, match=r"ids must be one per class \('a',\), got \(1, 2\)"):
        make_task("frequency-disentangled", classes=("a",))
    with pytest.raises(ValueError, match="frequency-disentangled reads NIfTI volumes, which --masks is not for"):
        task.items(blobs, "train", masks="x")
    batch = task.batch([task.items(blobs, "all")[0]], torch.Generator())
    with pytest.raises(ValueError, match="the network has 1 classes, the task 2: first, second"):
        task.loss(FrequencyDisentangled.small(classes=1), batch)


def test_the_command_line_trains_and_scores_it(blobs, tmp_path):
    options = ["--data", blobs, "--task-option", "size=16,16,12", "--task-option", "classes=first,second"]
    training = ["--epochs", 4, "--learning-rate", 0.01, "--validate-every", 4, "--out", tmp_path / "run"]
    assert run("train", "--model", "frequency-disentangled", "--small", *options, *training) == 0
    model = tmp_path / "run" / "model.safetensors"
    assert run("evaluate", "--model", model, "--data", blobs, "--out", tmp_path / "scores") == 0
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["mean"]["dice"]["mean"] > 0.3
