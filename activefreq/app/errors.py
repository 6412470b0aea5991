"""User errors as one line on standard error and exit code 2."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import typer

__all__ = ["one_line_errors", "show_tracebacks"]

Command = TypeVar("Command", bound=Callable[..., Any])

show_tracebacks: ContextVar[bool] = ContextVar("show_tracebacks", default=False)
"""Whether errors keep their traceback; set by `activefreq --debug`."""


def one_line_errors(command: Command) -> Command:
    """Wrap a command: errors about what it was given end it with one line, unless tracebacks were asked for.

    Everything else, such as an AttributeError, is a fault of this program and keeps its traceback.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort):  # RuntimeErrors that end a command as it wishes
            raise
        except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:  # the last: an extra is missing
            if show_tracebacks.get():
                raise
            typer.echo(f"activefreq: error: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(2) from error

    return wrapped  # type: ignore[return-value]
