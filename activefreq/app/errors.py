"""User errors as one line on standard error and exit code 2."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import typer

__all__ = ["one_line_errors"]

Command = TypeVar("Command", bound=Callable[..., Any])


def one_line_errors(command: Command) -> Command:
    """Wrap a command: errors about what it was given end it with one line, unless `activefreq --debug` was asked for.

    Everything else, such as an AttributeError, is a fault of this program and keeps its traceback.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        import click

        try:
            return command(*args, **kwargs)
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            context = click.get_current_context(silent=True)
            if isinstance(error, RuntimeError) and _is_control_flow(error):
                raise
            if context is not None and (context.find_root().obj or {}).get("debug"):
                raise
            typer.echo(f"activefreq: error: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(2) from error

    return wrapped  # type: ignore[return-value]


def _is_control_flow(error: RuntimeError) -> bool:
    """Click's Exit and Abort are RuntimeErrors."""
    import click

    return isinstance(error, (click.exceptions.Exit, click.exceptions.Abort))
