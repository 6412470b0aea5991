"""The study of a self-supervised start: what is hidden, what the start takes over, how the budget is made equal."""

import json

import numpy as np
import pytest
import torch

import activefreq as af
from activefreq.data import open_dataset
from activefreq.models import FreqFormer
from activefreq.models.network_input import normalise
from activefreq.training.chance import Chance
from bench import self_supervised
from bench.ablation import settings
from bench.pretraining import SQUARE, Reconstruction, hidden_squares, load_start, pretrain
from bench.self_supervised_tables import difference
from bench.self_supervised_tables import self_supervised as table


def chance(batch, seed=0):
    return Chance(torch.Generator().manual_seed(seed), batch)


def test_three_fifths_of_the_squares_are_hidden_whole():
    hidden = hidden_squares(chance(8), 96, 90)
    assert hidden.shape == (8, 1, 96, 90)
    squares = hidden[:, :, ::SQUARE, ::SQUARE]
    assert squares.sum((1, 2, 3)).tolist() == [22] * 8  # of 36
    whole = squares.repeat_interleave(SQUARE, 2).repeat_interleave(SQUARE, 3)[..., :90]
    assert torch.equal(hidden, whole)
    assert len({tuple(image.flatten().tolist()) for image in squares}) == 8


def test_what_is_hidden_is_not_seen_and_alone_counts():
    model = Reconstruction(FreqFormer(input_size=64)).eval()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    hidden = hidden_squares(chance(2), 64, 64)
    other = torch.where(hidden, 1 - images, images)
    with torch.no_grad():
        drawn = model(normalise(images), hidden)
        assert drawn.shape == images.shape
        assert torch.equal(model(normalise(other), hidden), drawn)
        error = (drawn - normalise(images)).abs().permute(0, 2, 3, 1)[hidden.squeeze(1)]
        torch.testing.assert_close(model.loss(images, chance(2)), error.mean())


def test_a_pretraining_learns_to_draw_and_is_taken_over_without_the_logit_head(tmp_path, capsys):
    torch.manual_seed(0)
    network = FreqFormer(input_size=32)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    pretrain(network, open_dataset("phantom", split="train", limit=32), tmp_path / "a", settings(4, 32, 0))
    losses = [json.loads(line)["loss"] for line in capsys.readouterr().out.splitlines()]
    assert losses[-1] < losses[0]
    pretrained = network.state_dict()
    for encoder_alone in (False, True):
        torch.manual_seed(5)
        started = FreqFormer(input_size=32)
        random = {name: tensor.clone() for name, tensor in started.state_dict().items()}
        load_start(started, tmp_path / "a", encoder_alone)
        for name, tensor in started.state_dict().items():
            taken = name.startswith("encoder.") if encoder_alone else not name.startswith("head.")
            assert torch.equal(tensor, (pretrained if taken else random)[name]), name
    moved = [name for name, tensor in network.named_parameters() if not torch.equal(tensor, before[name])]
    assert {name.split(".")[0] for name in moved} == {"encoder", "freq_layers", "align", "fuse", "norm"}


def test_the_longer_training_makes_as_many_passes():
    config = settings(5, 96, 0)
    longer = self_supervised.longer_epochs(config, 9)
    training, pretraining = 3 + config.iterations / 2, 3
    assert longer * training == 5 * training + 9 * pretraining


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A tiny study, run in two parts, its folder and the command of the second."""
    folder = tmp_path_factory.mktemp("study")
    command = ["--data", "phantom", "--runs", str(folder / "runs"), "--json", str(folder / "a.json"), "--limit", "16"]
    command += ["--epochs", "1", "--pretrain-epochs", "2", "--crop", "32", "--seeds", "0"]
    self_supervised.main([*command, "--starts", "random"])
    self_supervised.main(command)
    return folder, command


def test_the_study_compares_four_starts_and_goes_on_where_it_was(study, capsys):
    folder, command = study
    record = json.loads((folder / "a.json").read_text())
    rows = {row["start"]: row for row in record["rows"]}
    expected = {"random": 1, "encoder": 1, "self-supervised": 1, "longer": 2}
    assert {start: row["epochs"] for start, row in rows.items()} == expected
    assert len(rows["self-supervised"]["pretraining"]["loss"]) == 2
    for row in rows.values():
        assert len(row["training"]["loss"]) == row["epochs"]
        clicks = row["clicks"]["acselect"]["90"]
        assert len(clicks) == record["summary"]["objects"]
        assert np.mean(clicks) == pytest.approx(row["figures"]["acselect"]["noc"]["90"])
    networks = [af.load(folder / "runs" / f"{start}-seed0").network for start in ("random", "self-supervised")]
    assert not torch.equal(networks[0].fuse[0].weight, networks[1].fuse[0].weight)
    written = (folder / "a.json").stat().st_mtime_ns
    self_supervised.main(command)
    assert (folder / "a.json").stat().st_mtime_ns == written
    text = table(record)
    assert "| self-supervised, encoder alone | 2 + 1 | 1 | " in text
    assert "| random weights, longer | 2 | 1 | " in text
    assert "as many passes as pretraining and training" in text
    record["rows"] = [row for row in record["rows"] if row["start"] != "longer"]
    assert "as many passes" not in table(record)
    with pytest.raises(SystemExit):
        self_supervised.main([*command, "--epochs", "2"])
    assert "other settings" in capsys.readouterr().err


def test_weights_of_another_pretraining_are_refused(study):
    folder, command = study
    with pytest.raises(SystemExit, match="pretrained with other settings"):
        self_supervised.main(
            [*command, "--pretrain-epochs", "3", "--json", str(folder / "b.json"), "--starts", "self-supervised"]
        )


def test_differences_pair_objects_within_a_seed():
    def row(start, seed, clicks):
        return {"start": start, "seed": seed, "clicks": {"largest": {"90": clicks}}}

    rows = [row("random", 0, [3, 5]), row("self-supervised", 0, [2, 4]), row("random", 1, [3, 3])]
    assert difference(rows, "self-supervised", "random", "largest", "90") == "-1.00 [-1.00, -1.00] (-1.00)"
    rows.append(row("self-supervised", 1, [6, 6]))
    assert difference(rows, "self-supervised", "random", "largest", "90") == "+1.00 [+1.00, +1.00] (-1.00, +3.00)"
    assert difference(rows, "longer", "random", "largest", "90") == ""
