import json
import os
import subprocess
import sys

import pytest
from toy_objects import ToyDataset

import activefreq.data
from activefreq.app.command_line import main
from activefreq.models import FreqFormer, HFSTINet
from activefreq.models.checkpoint import save_network

EVALUATE = ["evaluate", "--model", "nearest-click", "--data", "toy", "--max-clicks", "4"]


@pytest.fixture
def opened(monkeypatch):
    """Let every --data be the toy objects; the calls of `open_dataset` are kept."""
    calls = []

    def open_dataset(data, **options):
        calls.append({"data": data, **options})
        return ToyDataset(options["limit"] or 8)

    monkeypatch.setattr(activefreq.data, "open_dataset", open_dataset)
    return calls


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main([*map(str, arguments)])
    return end.value.code or 0


def test_one_strategy_writes_its_folder(tmp_path, opened, capsys):
    assert run(*EVALUATE, "--out", tmp_path / "out", "--strategy", "largest", "--limit", 5, "--ignore", 128) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"configuration.json", "metrics.json", "objects.csv", "clicks.jsonl", "report.html"}
    assert (opened[0]["data"], opened[0]["ignore"], opened[0]["split"]) == ("toy", 128, None)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["objects"] == 5
    output = capsys.readouterr().out.splitlines()
    assert output[0].split()[:2] == ["strategy", "NoC@80"]
    assert output[1].split()[:2] == ["largest", f"{metrics['noc']['80']:.2f}"]
    assert output[-1] == f"report: {tmp_path / 'out' / 'report.html'}"


def test_several_strategies_write_a_folder_each(tmp_path, opened, capsys):
    assert run(*EVALUATE, "--out", tmp_path, "--strategy", "all") == 0
    strategies = ["largest", "random", "entropy", "least-confidence", "acselect"]
    for name in strategies:
        assert json.loads((tmp_path / name / "metrics.json").read_text())["strategy"] == name
    assert not (tmp_path / "metrics.json").exists()
    assert (tmp_path / "report.html").exists()
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:6]] == strategies


def test_the_default_folder_is_named_after_the_run(tmp_path, opened, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*EVALUATE, "--limit", 2) == 0
    assert (tmp_path / "runs" / "nearest-click-toy-test" / "metrics.json").exists()


def test_a_folder_with_results_is_refused_before_anything_runs(tmp_path, opened, capsys):
    assert run(*EVALUATE, "--out", tmp_path) == 0
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert run(*EVALUATE, "--out", tmp_path) == 2
    assert "add --resume" in capsys.readouterr().err
    assert run(*EVALUATE, "--out", tmp_path, "--seed", 1, "--resume") == 2
    assert "another run" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert run(*EVALUATE, "--out", tmp_path, "--resume") == 0


def test_resume_refuses_other_data_of_the_same_name(tmp_path, opened, monkeypatch, capsys):
    def open_other(*_, **__):
        other = ToyDataset(8)
        other.fingerprint = "other files"
        return other

    assert run(*EVALUATE, "--out", tmp_path) == 0
    monkeypatch.setattr(activefreq.data, "open_dataset", open_other)
    assert run(*EVALUATE, "--out", tmp_path, "--resume") == 2
    assert "holds results of another run (other data)" in capsys.readouterr().err


def test_ctrl_c_keeps_what_was_done(tmp_path, opened, monkeypatch, capsys):
    whole = ToyDataset(30)

    class Interrupting(ToyDataset):
        def __getitem__(self, index):
            if index == 25:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    arguments = [*EVALUATE, "--out", tmp_path, "--batch-size", 4, "--strategy", "largest,acselect"]
    monkeypatch.setattr(activefreq.data, "open_dataset", lambda *_, **__: Interrupting(30))
    assert run(*arguments) == 130
    error = capsys.readouterr().err
    assert "interrupted: " in error
    assert f"of 30 objects are kept in {tmp_path / 'largest'}; the same command with --resume goes on" in error
    assert "Traceback" not in error
    monkeypatch.setattr(activefreq.data, "open_dataset", lambda *_, **__: whole)
    assert run(*arguments, "--resume") == 0
    assert json.loads((tmp_path / "acselect" / "metrics.json").read_text())["objects"] == 30
    assert json.loads((tmp_path / "largest" / "metrics.json").read_text())["objects"] == 30


def test_options_of_acselect(tmp_path, opened, capsys):
    options = ["--reading", "literal", "--placement", "distance_error"]
    assert run(*EVALUATE, "--out", tmp_path, *options, "--strategy", "acselect,largest") == 0
    for name, expected in [("acselect", {"reading": "literal", "placement": "distance_error"}), ("largest", {})]:
        stored = json.loads((tmp_path / name / "metrics.json").read_text())["settings"]["strategy_options"]
        assert stored == expected
    assert run(*EVALUATE, "--out", tmp_path / "other", *options, "--strategy", "largest") == 2
    assert "--reading and --placement belong to acselect" in capsys.readouterr().err


def test_strategy_options(tmp_path, opened):
    options = ["--strategy-option", "weights=1,0,0.5", "--strategy-option", "reach=0.1"]
    options += ["--strategy-option", "placement=distance_error"]
    arguments = [*EVALUATE, "--out", tmp_path, "--reading", "literal", "--limit", 4]
    assert run(*arguments, "--strategy", "acselect,grouped", *options) == 0
    expected = {
        "acselect": {"reading": "literal", "weights": [1, 0, 0.5], "placement": "distance_error"},
        "grouped": {"reach": 0.1, "placement": "distance_error"},
    }
    for name, stored in expected.items():
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())
        assert metrics["strategy"] == name
        assert metrics["settings"]["strategy_options"] == stored


def test_look_ahead_says_where_it_uses_the_truth(tmp_path, opened, capsys):
    arguments = ["--strategy", "look-ahead,look-ahead-bound", "--limit", 2, "--strategy-option", "candidates=4"]
    assert run(*EVALUATE, "--out", tmp_path, *arguments) == 0
    output = capsys.readouterr().out.splitlines()
    assert output[1].startswith("look-ahead ")
    assert output[2].startswith("look-ahead-bound (a bound: uses the truth)")
    assert "uses the truth" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strategy", "smallest"], "smallest"),
        (
            ["--strategy-option", "speed=3"],
            "--strategy-option speed: no chosen strategy has it; there are connectivity",
        ),
        (["--strategy-option", "speed"], "--strategy-option must be NAME=VALUE, got 'speed'"),
        (["--strategy-option", "min_area=1.5"], "min_area must be a whole number between 1 and 2**31 - 1, got 1.5"),
        (["--strategy-option", "min_area=big"], "min_area must be a whole number"),
        (["--reading", "literal", "--strategy-option", "weights=1"], "weights must be three finite numbers"),
        (["--reading", "literal", "--strategy-option", "weights=a,b,c"], "weights must be three finite numbers"),
        (["--reading", "literal", "--strategy-option", "rgu_eps=x"], "rgu_eps must be a finite number > 0, got 'x'"),
        (["--strategy", "grouped", "--strategy-option", "reach=x"], "reach must lie in [0, 1], got 'x'"),
        (["--strategy", "look-ahead", "--strategy-option", "candidates=x"], "candidates must be a whole number of"),
        (
            ["--strategy-option", "weights=1,0,0"],
            "weights is for reading literal, class_sum, bounded; this is",
        ),
        (["--strategy", "random", "--strategy-option", "rgu_eps=0.1"], "rgu_eps: no chosen strategy has it"),
        (
            ["--reading", "literal", "--strategy-option", "reading=bounded"],
            "reading is given twice, by --reading",
        ),
        (["--model", "no-such-model"], "no model 'no-such-model'"),
        (["--reading", "aloud"], "aloud"),
        (["--batch-size", "0"], "batch_size must be at least 1, got 0"),
        (["--threads", "0"], "--threads must be at least 1, got 0"),
    ],
)
def test_user_errors_are_one_line(tmp_path, opened, capsys, arguments, message):
    assert run(*EVALUATE, "--out", tmp_path / "out", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("activefreq: error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--batch-size", 0), "evaluate: batch_size must be at least 1, got 0"),
        (("--max-clicks", 0), "evaluate: max_clicks must be at least 1, got 0"),
        (("--threshold", 2), "evaluate: threshold must be in [0, 1), got 2.0"),
        (("--device", "cuda"), "--device cuda: this torch has no CUDA"),
        (("--device", "meta"), "--device meta: no such device type; there is cpu, cuda"),
        (("--device", "foo"), "--device foo: no such device type; there is cpu, cuda"),
    ],
)
@pytest.mark.parametrize("model", ["nearest-click", "freqformer-isic2017"])
def test_bad_values_leave_nothing(tmp_path, opened, capsys, monkeypatch, option, message, model):
    monkeypatch.setattr("torch.backends.cuda.is_built", lambda: False)
    out = tmp_path / "out"
    assert run(*EVALUATE, "--out", out, *option, "--model", model) == 2
    assert capsys.readouterr().err == f"activefreq: error: {message}\n"
    assert not out.exists()


def test_a_run_without_a_finished_object_blocks_nothing(tmp_path, opened, monkeypatch, capsys):
    class Broken(ToyDataset):
        def __getitem__(self, index):
            raise OSError("no such disk")

    arguments = [*EVALUATE, "--out", tmp_path, "--strategy", "largest,random"]
    with monkeypatch.context() as broken:
        broken.setattr(activefreq.data, "open_dataset", lambda *_, **__: Broken(4))
        assert run(*arguments) == 2
    assert "no such disk" in capsys.readouterr().err
    assert (tmp_path / "largest" / "clicks.partial.jsonl").read_text() == ""
    assert run(*arguments, "--seed", 1) == 0


def test_bench_without_its_packages_is_one_line(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "bench.click", raising=False)
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert run("bench") == 2
    error = capsys.readouterr().err
    assert error.startswith("activefreq: error: bench: needs opencv, ")
    assert error.endswith("pip install '.[bench]'\n")
    assert error.count("\n") == 1


def test_debug_shows_the_traceback(opened):
    with pytest.raises(ValueError, match="no-such-model"):
        main([*EVALUATE, "--model", "no-such-model", "--debug"])


def test_threads(tmp_path, opened, restore_threads):
    import torch

    assert run(*EVALUATE, "--out", tmp_path, "--limit", 2, "--threads", 1) == 0
    assert torch.get_num_threads() == 1


def test_version_and_info(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"activefreq {activefreq.__version__}\n"
    assert run("info") == 0
    output = capsys.readouterr().out
    for word in ("torch", "operators on cpu", "operators on cuda", "weights"):
        assert word in output


@pytest.mark.parametrize("command", [[], ["evaluate"], ["train"], ["info"]])
def test_help_does_not_load_torch(command):
    script = (
        "import sys; from activefreq.app.command_line import main\n"
        f"try: main({[*command, '--help']!r})\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: activefreq" in done.stdout


def test_steps_are_for_networks(tmp_path, opened, capsys):
    assert run(*EVALUATE, "--out", tmp_path / "out", "--steps", "none") != 0
    assert "--steps is for networks, which nearest-click is not" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_steps_have_the_threshold_of_the_evaluation(tmp_path, opened, capsys):
    """What is in the mask is decided in one place: a step must not keep what the evaluation counts."""
    network = FreqFormer(input_size=32, decoder_width=8, depths=(1, 1, 1, 1))
    save_network(tmp_path / "model.safetensors", network, {})
    options = ["evaluate", "--model", tmp_path, "--data", "toy", "--limit", 2, "--max-clicks", 2]
    assert run(*options, "--out", tmp_path / "out", "--threshold", 0.3) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (metrics["model"]["steps"]["threshold"], metrics["settings"]["threshold"]) == (0.3, 0.3)
    assert run(*options, "--out", tmp_path / "refined", "--steps", "target-crop,refine") == 2
    assert "has no refine layer" in capsys.readouterr().err
    assert not (tmp_path / "refined").exists()


def test_information_on_a_network_without_clicks(tmp_path, capsys):
    save_network(tmp_path / "video.safetensors", HFSTINet.small(), {})
    assert run("info", "--model", tmp_path / "video.safetensors") == 0
    last = capsys.readouterr().out.splitlines()[-1].split()
    assert last == ["video", f"{sum(p.numel() for p in HFSTINet.small().parameters()) / 1e6:.2f}"]


@pytest.mark.parametrize("command", [["--help"], ["evaluate", "--help"], ["train", "--help"]])
def test_help_for_a_terminal_of_few_characters(command):
    script = f"from activefreq.app.command_line import main; main({command!r})"
    surroundings = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=surroundings, check=False)
    assert (done.returncode, done.stderr) == (0, "")
