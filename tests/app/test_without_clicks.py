"""`activefreq train` and `evaluate` for networks that answer without clicks, and for those that can do both."""

import json
import sys

import pytest
import torch
from tiny_system import Squares, SquaresTask, Tiny

from activefreq.app.command_line import main
from activefreq.app.networks import _with_options
from activefreq.app.options import value
from activefreq.models import FreqFormer, load_network, save_network
from activefreq.predictor import load

pytestmark = pytest.mark.usefixtures("tiny_system")
TRAIN = ["train", "--model", "tiny", "--data", "squares", "--epochs", 1]
CLICKS = ["train", "--data", "phantom", "--limit", 4, "--batch-size", 2, "--crop", 32]
SHORT_CLICKS = [*CLICKS, "--epochs", 1, "--validate-every", 0]


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main([*map(str, arguments)])
    return end.value.code or 0


def one_line(capsys):
    """The error's line, behind a progress bar where one had begun."""
    *before, error = capsys.readouterr().err.splitlines()
    assert error.startswith("activefreq: error: ")
    assert all(line.startswith("epoch ") for line in before)
    return error


@pytest.fixture
def trained(tmp_path):
    """Weights of a network that was trained without clicks."""
    save_network(tmp_path / "squares.safetensors", Tiny(), {"task": {"name": "tiny", "options": {"threshold": 0.4}}})
    return tmp_path / "squares.safetensors"


def test_train_takes_the_recipe_of_the_task(tmp_path, capsys):
    options = ["--network-option", "width=6", "--network-option", "sizes=3,5", "--task-option", "noise=0.1"]
    assert run(*TRAIN, *options, "--validate-every", 1, "--out", tmp_path / "a") == 0
    assert f"weights: {tmp_path / 'a' / 'model.safetensors'}\nseconds per epoch: " in capsys.readouterr().out
    network, header = load_network(tmp_path / "a" / "model.safetensors")
    assert (network.config.width, network.config.sizes) == (6, (3, 5))
    history = header["history"]
    assert history["task"] == {"name": "tiny", "options": {"size": 16, "noise": 0.1}}  # the size is the network's
    assert (history["data"], history["split"]) == ("squares", "train")
    assert {"epochs": 1, "batch_size": 2, "learning_rate": 1e-2}.items() <= history["training"].items()
    assert "dice" in history["figures"]


def test_train_resumes_and_starts_from_another(tmp_path, capsys):
    options = [*TRAIN[:-2], "--validate-every", 0, "--small", "--out", tmp_path / "a"]
    assert run(*options) == 0
    assert run(*options) == 2
    assert "continue it with --resume" in one_line(capsys)
    assert run(*options, "--resume") == 0
    assert load_network(tmp_path / "a" / "model.safetensors")[0].config.width == 2
    again = ["train", *TRAIN[3:], "--validate-every", 0, "--start-from", tmp_path / "a", "--out", tmp_path / "b"]
    assert run(*again) == 0
    assert load_network(tmp_path / "b" / "model.safetensors")[1]["history"]["started_from"]["data"] == "squares"


def test_a_network_learns_clicks_from_where_it_is(trained, tmp_path):
    """Its new channels begin at zero, so it starts as the network it was."""
    options = [*SHORT_CLICKS, "--model", "tiny", "--network-option", "clicks=true", "--learning-rate", 1e-12]
    assert run(*options, "--start-from", trained, "--out", tmp_path / "clicks") == 0
    before, after = load_network(trained)[0], load(tmp_path / "clicks").network
    image = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(after(image), before(image), rtol=0, atol=1e-2)  # kept at half precision
    assert after.config.clicks
    assert after.further is not None


def test_no_weight_is_lost_where_clicks_are_new():
    class Renaming(Tiny):
        def __init__(self, config=None, **settings):
            super().__init__(config, **settings)
            if self.config.clicks:
                self.stem = self.first
                del self.first

    with pytest.raises(ValueError, match=r"Renaming with clicks=true has no place for first\.bias of --start-from"):
        _with_options(Renaming(), {"clicks": True}, small=False)


def test_evaluate_scores_what_has_no_clicks(trained, tmp_path, capsys):
    options = ["evaluate", "--model", trained, "--data", "squares", "--task-option", "noise=0", "--limit", 4]
    assert run(*options, "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split()[:3] == ["class", "Dice", "IoU"]
    assert printed[-1] == f"results: {tmp_path / 'out'}"
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"configuration.json", "metrics.json", "objects.csv"}
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["answers"] == 4
    assert metrics["settings"]["task"] == {"name": "tiny", "options": {"threshold": 0.4, "noise": 0}}
    assert (metrics["model"]["network"], metrics["data"]["split"]) == ("tiny", "test")
    assert metrics["settings"]["data_options"] == {"limit": 4}
    assert run(*options, "--out", tmp_path / "out") == 2
    assert "already holds this run" in one_line(capsys)
    assert run(*options, "--out", tmp_path / "out", "--split", "val", "--resume") == 2
    assert "holds results of another run (other data)" in one_line(capsys)


def test_ctrl_c_leaves_a_folder_that_can_be_used(trained, tmp_path, monkeypatch, capsys):
    options = ["evaluate", "--model", trained, "--data", "squares", "--out", tmp_path / "out"]

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(SquaresTask, "answers", interrupted)
        assert run(*options) == 130
    assert "interrupted" in capsys.readouterr().err
    assert run(*options) == 0


def test_clicks_are_counted_where_a_network_takes_them(tmp_path, capsys):
    """As it was trained, if nothing is said; --clicks and --no-clicks choose."""
    both = {"task": {"name": "tiny", "options": {}}}
    save_network(tmp_path / "free.safetensors", Tiny(clicks=True), both)
    save_network(tmp_path / "clicked.safetensors", Tiny(clicks=True), {})
    clicking = ["--data", "phantom", "--limit", 2, "--max-clicks", 2]
    for number, (name, option, data, first) in enumerate(
        [
            ("clicked", [], clicking, "strategy"),
            ("free", ["--clicks"], clicking, "strategy"),
            ("free", [], ["--data", "squares"], "class"),
            ("clicked", ["--no-clicks"], ["--data", "squares"], "class"),
        ]
    ):
        model = ["evaluate", "--model", tmp_path / f"{name}.safetensors", *option, *data]
        assert run(*model, "--out", tmp_path / str(number)) == 0, name
        assert capsys.readouterr().out.split()[0] == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--zoom", 0.5], "--zoom belongs to training with clicks; tiny has them with --network-option clicks=true"),
        (["--task-option", "speed=3"], "task tiny has no option 'speed'; there are: noise, size, threshold"),
        (["--task-option", "speed"], "train: --task-option must be NAME=VALUE, got 'speed'"),
        (["--network-option", "depth=3"], "train: tiny has no network option 'depth'; there are: input_size, width, "),
        (["--weight", "scalar"], "train: tiny has no network option 'weight'"),
        (["--encoder-from", "nvidia/mit-b0"], "train: --encoder-from is for freqformer and hfsti-net"),
        (["--network-option", "clicks=true", "--task-option", "noise=1"], "--task-option belongs to training without"),
        (["--split", "holdout"], "squares has no split 'holdout'"),
        (["--masks", "elsewhere"], "--data squares {'masks': 'elsewhere'}: tiny reads squares, as they are"),
        (["--batch-size", 16], "train: batch_size 16 is larger than the 6 training objects"),
    ],
)
def test_wrong_training_teaches(tmp_path, capsys, options, message):
    assert run(*TRAIN, "--out", tmp_path / "out", *options) == 2
    assert message in one_line(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "freqformer", "--small"], "--small: freqformer has no small variant"),
        (["--model", "freqformer", "--task-option", "noise=1"], "--task-option belongs to training without clicks"),
        (["--model", "freqformer", "--start-from", "{}"], "--model freqformer, but --start-from holds a tiny"),
        (["--start-from", "{}", "--network-option", "width=8"], "--network-option width 8, but --start-from has 4"),
        (["--start-from", "{}", "--small"], "--small is for a new network"),
        (["--start-from", "{}", "--network-option", "clicks=true", "--stage", "both"], "stage both needs a FreqFormer"),
    ],
)
def test_wrong_starts_teach(trained, tmp_path, capsys, options, message):
    filled = [option.format(trained) for option in options]
    assert run(*SHORT_CLICKS, "--out", tmp_path / "out", *filled) == 2
    assert message in one_line(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--strategy", "largest"], "--strategy is about clicks, which squares is scored without"),
        (["--clicks"], "load: squares holds a tiny network that takes no clicks"),
        (["--split", "holdout"], "squares has no split 'holdout'"),
        (["--task-option", "speed=3"], "task tiny has no option 'speed'"),
        (["--ignore", 128], "--data squares {'ignore': 128}: tiny reads"),
    ],
)
def test_wrong_scoring_teaches(trained, tmp_path, capsys, options, message):
    assert run("evaluate", "--model", trained, "--data", "squares", "--out", tmp_path / "out", *options) == 2
    assert message in one_line(capsys)
    assert not (tmp_path / "out").exists()


def test_freqformer_answers_clicks_only(tmp_path, capsys):
    shape = {"widths": (8, 8, 8, 8), "heads": (1, 1, 1, 1), "depths": (1, 1, 1, 1), "decoder_width": 8}
    save_network(tmp_path / "f.safetensors", FreqFormer(input_size=32, **shape), {})
    options = ["evaluate", "--model", tmp_path / "f.safetensors", "--data", "phantom", "--out", tmp_path / "out"]
    assert run(*options, "--no-clicks") == 2
    assert "--no-clicks: freqformer answers clicks only" in one_line(capsys)
    assert run(*options, "--task-option", "noise=1") == 2
    assert "--task-option belongs to scores without clicks" in one_line(capsys)
    assert run("evaluate", "--model", "nearest-click", "--data", "phantom", "--no-clicks") == 2
    assert "nearest-click does not" in one_line(capsys)


def test_info_shows_the_cost_of_a_network_with_clicks(trained, tmp_path, capsys):
    save_network(tmp_path / "clicked.safetensors", Tiny(clicks=True), {})
    assert run("info", "--model", tmp_path / "clicked.safetensors") == 0
    printed = capsys.readouterr().out
    assert "clicked " in printed
    assert "Table 3" not in printed  # FreqFormer's
    assert run("info", "--model", trained) == 0  # what the task feeds it is not known here: parameters alone
    assert "part" in (printed := capsys.readouterr().out)
    assert "GMAC" not in printed


def test_values():
    assert [value(text) for text in ("true", "false", "none", "3", "0.5", "a", "1,b", "1,")] == [
        True,
        False,
        None,
        3,
        0.5,
        "a",
        [1, "b"],
        [1],
    ]


def test_without_monai_nothing_is_written(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "monai.metrics", None)
    assert run("evaluate", "--model", trained, "--data", "squares", "--out", tmp_path / "out") == 2
    assert "pip install 'activefreq[medical]'" in one_line(capsys)
    assert not (tmp_path / "out").exists()


def test_what_was_left_out_is_said_and_kept(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Squares, "skipped", {"empty": "no object"}, raising=False)
    assert run("evaluate", "--model", trained, "--data", "squares", "--out", tmp_path / "out") == 0
    assert "skipped 1 images (empty: no object)" in capsys.readouterr().err
    stored = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert stored["settings"]["skipped"] == {"empty": "no object"}
