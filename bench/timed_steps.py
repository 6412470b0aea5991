"""Commands one after the other, each within a time box, each with a log: what `bench.gpu_session` is made of."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Step:
    """One command with its time box."""

    name: str
    command: list[str]
    """`{seconds}` stands for the seconds that the step has."""
    at_most: float
    at_least: float
    """Kept free for it by the steps before."""
    environment: dict[str, str] = field(default_factory=dict)
    needs: str | None = None
    """The step without which this one makes no sense."""
    absent: str | None = None
    """Why it cannot run on this machine though nothing is wrong."""
    impossible: str | None = None
    """Why it cannot run at all."""
    errors: str | None = None
    """A step that has this may be cut short: what counts then is that no line of its log matches this expression."""
    unsupported: str | None = None
    """What a failed step's log holds where it cannot run on this machine though nothing is wrong."""


@dataclass
class Outcome:
    """How a step went."""

    name: str
    state: str
    """passed; failed; out of time; not run; cut short (nothing found until then); absent (not on this machine)."""
    seconds: float = 0.0
    note: str = ""
    """The last line of its log, or why it did not run."""

    @property
    def well(self) -> bool:
        """Whether nothing is wrong as far as was seen."""
        return self.state in ("passed", "cut short", "absent")


def run(steps: list[Step], logs: Path, budget: float, report: Callable[[Outcome], None]) -> list[Outcome]:
    """Run the steps one after the other, each within its box and with room left for those after it."""
    logs.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + budget
    outcomes: list[Outcome] = []
    for index, step in enumerate(steps):
        failed = {outcome.name for outcome in outcomes if outcome.state != "passed"}
        reserved = sum(later.at_least for later in steps[index + 1 :] if later.absent is None)
        seconds = min(step.at_most, end - time.monotonic() - reserved)
        if step.absent:
            outcome = Outcome(step.name, "absent", note=step.absent)
        elif step.impossible:
            outcome = Outcome(step.name, "failed", note=step.impossible)
        elif step.needs in failed:
            outcome = Outcome(step.name, "not run", note=f"{step.needs} did not pass")
        elif seconds < 1:
            outcome = Outcome(step.name, "not run", note="no time was left")
        else:
            outcome = _run_one(step, logs / f"{step.name}.log", seconds)
        outcomes.append(outcome)
        report(outcome)
    return outcomes


def _run_one(step: Step, log: Path, seconds: float) -> Outcome:
    # What is measured inside starts after imports and ends with the last part's overrun: a third is left for these.
    command = [part.replace("{seconds}", str(int(seconds * 2 / 3))) for part in step.command]
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **step.environment},
                start_new_session=True,  # so that a step is ended with everything that it started
            )
        except OSError as error:
            return Outcome(step.name, "failed", note=str(error))
        try:
            code = process.wait(timeout=seconds)
            state = "passed" if code == 0 else "failed"
        except subprocess.TimeoutExpired:
            state = "out of time"
            _end(process)
        except BaseException:
            _end(process)
            raise
    if state == "out of time" and step.errors:
        found = re.search(step.errors, log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        state = "failed" if found else "cut short"
    if state == "failed" and step.unsupported:
        said = re.search(step.unsupported, log.read_text(encoding="utf-8", errors="replace"))
        if said:
            return Outcome(step.name, "absent", time.monotonic() - started, said[0])
    return Outcome(step.name, state, time.monotonic() - started, _last_line(log))


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def show(outcome: Outcome) -> None:
    """One line per step, and what to look at where it did not pass."""
    print(f"{outcome.name:<12} {outcome.seconds:7.1f} s  {outcome.state:<11}  {outcome.note}", flush=True)
