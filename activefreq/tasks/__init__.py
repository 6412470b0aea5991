"""Training and scoring without clicks: one task per system, named as the network it is for.

Arrows: app → evaluation, training → tasks → models, data.
"""

from __future__ import annotations

import inspect
import pkgutil
from typing import Any

from activefreq.tasks.interface import Answer, Items, Task

__all__ = ["TASKS", "Answer", "Items", "Task", "make_task", "task_options"]

TASKS = {
    "frequency-disentangled": "activefreq.tasks.frequency_disentangled:FrequencyDisentangledTask",
    "freqmedclip": "activefreq.tasks.freqmedclip:FreqMedCLIPTask",
    "hfsti-net": "activefreq.tasks.hfsti_net:HFSTINetTask",
}
"""Module and class of every name; a module is imported when its task is asked for."""


def make_task(name: str, **options: Any) -> Task:  # noqa: ANN401 (the task checks them)
    """A task by name.

    Args:
        name: of `TASKS`.
        options: keyword arguments of the task's class, JSON values; a list stands for a tuple, and so does a single
            value where the class takes several.

    Raises:
        ValueError: no such name or option; the message lists those there are.
    """
    there_are = task_options(name)
    for option in options:
        if option not in there_are:
            raise ValueError(f"task {name} has no option {option!r}; there are: {', '.join(there_are) or 'none'}")
    made_by = pkgutil.resolve_name(TASKS[name])
    takes = inspect.signature(made_by).parameters
    plain = {key: _as_taken(value, str(takes[key].annotation)) for key, value in options.items()}
    task: Task = made_by(**plain)
    return task


def _as_taken(value: Any, annotation: str) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(value, list):
        return tuple(value)
    several = annotation.startswith(("tuple[", "Sequence["))
    return (value,) if several and isinstance(value, (str, int, float)) else value


def task_options(name: str) -> list[str]:
    """The options that `make_task` takes for a task, sorted.

    Raises:
        ValueError: no such task.
    """
    if name not in TASKS:
        raise ValueError(f"there is no task {name!r}; there is: {', '.join(TASKS)}")
    return sorted(inspect.signature(pkgutil.resolve_name(TASKS[name])).parameters)
