"""`make gpu` as far as it can be seen without a GPU: its plan, its time boxes, what it keeps, what it says."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTHING_LACKING = {"build": [], "tests": [], "benchmarks": []}
STEPS = ["build", "tests", "benchmarks", "memcheck", "racecheck"]


@pytest.fixture(autouse=True)
def _in_checkout(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def python(name, code, at_most=20.0, at_least=0.0, **more):
    from bench.timed_steps import Step

    return Step(name, [sys.executable, "-c", code], at_most, at_least, **more)


def states(outcomes):
    return [outcome.state for outcome in outcomes]


def test_each_step_leaves_its_log_and_its_last_line(tmp_path):
    from bench.timed_steps import run

    seen = []
    steps = [
        python("good", "print('one'); print('two')"),
        python("bad", "print('before'); raise SystemExit(3)"),
        python("dependent", "print('never')", needs="bad"),
        python("other", "import os; print(os.environ['COLOUR'])", environment={"COLOUR": "blue"}),
    ]
    outcomes = run(steps, tmp_path / "logs", 60, seen.append)
    assert outcomes == seen
    assert states(outcomes) == ["passed", "failed", "not run", "passed"]
    assert [outcome.note for outcome in outcomes] == ["two", "before", "bad did not pass", "blue"]
    assert (tmp_path / "logs" / "good.log").read_text() == "one\ntwo\n"
    assert (tmp_path / "logs" / "bad.log").read_text() == "before\n"


def test_a_step_that_runs_out_of_time_is_ended_and_keeps_its_log(tmp_path):
    from bench.timed_steps import run

    child = "[sys.executable, '-c', 'import time; time.sleep(60)']"
    code = f"import subprocess, sys; print('going', flush=True); subprocess.run({child})"
    (outcome,) = run([python("endless", code, at_most=1.5)], tmp_path, 60, lambda outcome: None)
    assert outcome.state == "out of time"
    assert 1.4 < outcome.seconds < 10
    assert (tmp_path / "endless.log").read_text() == "going\n"


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("========= COMPUTE-SANITIZER", "cut short"),
        ("========= ERROR SUMMARY: 0 errors", "cut short"),
        ("========= Invalid __global__ read of size 4 bytes", "failed"),
        ("========= RACECHECK SUMMARY: 2 hazards displayed (2 errors, 0 warnings)", "failed"),
    ],
)
def test_a_memory_check_that_is_cut_short_counts_by_what_it_found(tmp_path, line, state):
    from bench.gpu_session import FOUND
    from bench.timed_steps import run

    code = f"import time; print({line!r}, flush=True); time.sleep(60)"
    (outcome,) = run([python("memcheck", code, at_most=1.0, errors=FOUND)], tmp_path, 60, lambda outcome: None)
    assert (outcome.state, outcome.well) == (state, state == "cut short")


@pytest.mark.parametrize(
    "line",
    [
        "=========================== short test summary info ============================",
        "=================================== FAILURES ===================================",
        "============================== warnings summary ===============================",
    ],
)
def test_lines_of_pytest_are_not_findings(tmp_path, line):
    from bench.gpu_session import FOUND
    from bench.timed_steps import run

    code = f"import time; print({line!r}, flush=True); time.sleep(60)"
    (outcome,) = run([python("memcheck", code, at_most=1.0, errors=FOUND)], tmp_path, 60, lambda outcome: None)
    assert outcome.state == "cut short"


def test_a_memory_check_that_does_not_know_the_device_is_absent(tmp_path):
    from bench.gpu_session import UNSUPPORTED
    from bench.timed_steps import run

    code = "print('========= Error: Device not supported. Please refer to the documentation'); raise SystemExit(1)"
    (outcome,) = run([python("memcheck", code, unsupported=UNSUPPORTED)], tmp_path, 60, lambda outcome: None)
    assert (outcome.state, outcome.note) == ("absent", "Device not supported")
    (outcome,) = run([python("memcheck", "raise SystemExit(1)", unsupported=UNSUPPORTED)], tmp_path, 60, print)
    assert outcome.state == "failed"


def test_time_is_kept_for_later_steps(tmp_path, monkeypatch):
    from bench import timed_steps

    given = {}

    def noting(step, log, seconds):
        given[step.name] = seconds
        return timed_steps.Outcome(step.name, "passed")

    monkeypatch.setattr(timed_steps, "_run_one", noting)
    monkeypatch.setattr(timed_steps.time, "monotonic", lambda: 0.0)
    steps = [
        python("first", "", at_most=500, at_least=10),
        python("absent", "", at_most=50, at_least=30, absent="no tool"),
        python("last", "", at_most=100, at_least=40),
    ]
    outcomes = timed_steps.run(steps, tmp_path, 200, lambda outcome: None)
    assert given == {"first": 160.0, "last": 100}
    assert states(outcomes) == ["passed", "absent", "passed"]
    assert timed_steps.run(steps[2:], tmp_path, 0.5, lambda outcome: None)[0].note == "no time was left"


def test_the_plan_builds_for_the_card_without_network():
    from bench.gpu_session import BUDGET, plan

    steps = {step.name: step for step in plan("python3", "90-real", Path("results"), NOTHING_LACKING)}
    assert list(steps) == STEPS
    build = steps["build"].command
    assert {"--no-build-isolation", "--no-deps", "--no-index", "--target"} < set(build)
    assert "--config-settings=cmake.define.CMAKE_CUDA_ARCHITECTURES=90-real" in build
    assert {"bench.gpu_tests", "--require-cuda"} < set(steps["tests"].command)
    assert "test_memory_cuda.py" in " ".join(steps["memcheck"].command)
    assert [step.name for step in steps.values() if step.errors] == ["memcheck", "racecheck"]
    assert [steps[tool].command[2] for tool in ("memcheck", "racecheck")] == ["memcheck", "racecheck"]
    assert all(step.impossible is None for step in steps.values())
    assert sum(step.at_least for step in steps.values()) < BUDGET < 480


def test_missing_packages_are_named_at_the_steps_that_need_them():
    from bench.gpu_session import NEEDED, missing, plan

    assert missing("tests", lambda module: None if module == "pytest" else module) == ["pytest"]
    lacking = {step: missing(step, lambda module: module != "pytest" or None) for step in NEEDED}
    steps = plan("python3", "native", Path("results"), lacking)
    impossible = {step.name: step.impossible for step in steps}
    assert impossible == dict.fromkeys(STEPS, "not installed: pytest") | {"build": None, "benchmarks": None}


@pytest.mark.parametrize(
    ("printed", "expected"),
    [("NVIDIA H200, 9.0", ("NVIDIA H200", "90-real")), ("", ("unknown", "native")), (None, ("unknown", "native"))],
)
def test_the_card(tmp_path, monkeypatch, printed, expected):
    from bench.gpu_session import card

    if printed is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\necho '{printed}'\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin" if printed is not None else str(tmp_path))
    assert card() == expected


def test_the_record_and_the_exit_code(tmp_path, monkeypatch, capsys):
    from bench import gpu_session

    def steps(python_path, architecture, results, lacking):
        return [python("build", "print('built')"), python("tests", "raise SystemExit('1 failed')")]

    monkeypatch.setattr(gpu_session, "plan", steps)
    monkeypatch.setattr(gpu_session, "card", lambda: ("some card", "90-real"))
    assert gpu_session.main(["--results", str(tmp_path), "--offline"]) == 1
    record = json.loads((tmp_path / "gpu-logs" / "steps.json").read_text())
    assert (record["card"], record["passed"]) == ("some card", False)
    assert [(step["name"], step["state"], step["note"]) for step in record["steps"]] == [
        ("build", "passed", "built"),
        ("tests", "failed", "1 failed"),
    ]
    assert "--- the end of tests.log\n1 failed" in capsys.readouterr().out
    monkeypatch.setattr(gpu_session, "plan", lambda *arguments: steps(*arguments)[:1])
    assert gpu_session.main(["--results", str(tmp_path), "--offline"]) == 0


def test_every_file_of_tests_has_a_process_of_its_own(tmp_path, capfd):
    from bench import gpu_tests

    large = "\n\ndef test_beyond_32_bits():\n    print('alone')\n    assert {large}\n"
    (tmp_path / "test_good.py").write_text("def test_it():\n    assert True\n" + large.format(large=True))
    (tmp_path / "test_fatal.py").write_text("import os\n\ndef test_it():\n    os._exit(3)\n")
    options = ["-p", "no:cacheprovider"]
    assert gpu_tests.main([str(tmp_path), *options]) == 1
    printed = capfd.readouterr().out
    assert printed.count("1 passed, 1 deselected") == 1  # of the good file
    assert printed.index("--- beyond_32_bits") > max(printed.index("--- test_good"), printed.index("--- test_fatal"))
    assert "2 of 3 runs passed; not test_fatal.py" in printed
    (tmp_path / "test_fatal.py").unlink()
    assert gpu_tests.main([str(tmp_path), *options]) == 0
    (tmp_path / "test_good.py").write_text(large.format(large=False))
    assert gpu_tests.main([str(tmp_path), *options]) == 1
    assert "1 of 2 runs passed; not beyond_32_bits" in capfd.readouterr().out
    with pytest.raises(SystemExit, match=r"holds no test_\*\.py"):
        gpu_tests.main([str(tmp_path / "nowhere")])


def test_packages_come_from_pyproject():
    from bench.gpu_session import packages

    environment, install = packages(Path("venv/bin/python"))
    assert environment.command[-1] == "venv"
    assert any(part.startswith("torch>=") for part in install.command)
    assert any(part.startswith("scikit-build-core") for part in install.command)
    assert not any("activefreq" in part.split("/")[-1] for part in install.command)
