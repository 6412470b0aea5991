"""The command `activefreq`. Commands import what they need when they run, so that `--help` is quick."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from activefreq import __version__
from activefreq.app.bench import bench
from activefreq.app.errors import one_line_errors, show_tracebacks
from activefreq.app.evaluate import evaluate
from activefreq.app.information import info
from activefreq.app.train import train

__all__ = ["app", "main"]

app = typer.Typer(name="activefreq", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"activefreq {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="show the version and exit")
    ] = False,
) -> None:
    """Click-based interactive segmentation with frequency-domain networks.

    \b
    Examples:
      activefreq evaluate --model freqformer-isic2017 --data phantom
      activefreq train --data path/to/isic2017 --out runs/first
      activefreq bench
      activefreq info
    """  # noqa: D301
    show_tracebacks.set(debug)


for command in (evaluate, train, info):
    app.command()(one_line_errors(command))
# Its options, --help among them, are those of bench/click.py, passed on as they are.
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
app.command(add_help_option=False, context_settings=_PASS_ON)(one_line_errors(bench))


def main(arguments: list[str] | None = None) -> None:
    """Entry point; `--debug` may stand anywhere in the line."""
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a character shows another in its place
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    given = sys.argv[1:] if arguments is None else arguments
    if "--debug" in given:
        given = ["--debug", *(argument for argument in given if argument != "--debug")]
    app(args=given, prog_name="activefreq")


if __name__ == "__main__":
    main()
