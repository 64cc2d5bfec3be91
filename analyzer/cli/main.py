"""The ``wsanalyzer`` command: its table of subcommands, and how every failure looks to a user.

A command is a function that returns its exit status. Whatever goes wrong is one line on standard error and
status 2, never a traceback; set WSANALYZER_DEBUG to see one. Everything heavy is imported inside the
commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from analyzer.cli.analyze import analyze
from analyzer.cli.catalogue import explain, rules
from analyzer.cli.crosscheck import crosscheck
from analyzer.cli.doctor import doctor
from analyzer.cli.report import report
from analyzer.cli.schema import schema
from analyzer.cli.show import show
from analyzer.cli.sniff import sniff
from analyzer.cli.startup import begin
from analyzer.cli.terminal import say
from analyzer.cli.walkthrough import walkthrough

FAILED = 2
INTERRUPTED = 130

# rich is told to keep out of help and errors: both contain what strangers wrote, and start in half the time
app = typer.Typer(
    name="wsanalyzer",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _quiet_pipe(command: Callable[..., int]) -> Callable[..., int]:
    """The command, ending quietly where the reader of its output has gone (click would exit 1: a verdict)."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> int:
        try:
            status = command(*arguments, **options)
            sys.stdout.flush()
            return status
        except BrokenPipeError:
            from analyzer.report.outputs import mute_stdout

            mute_stdout()
            return 0

    return wrapped


for command in (analyze, sniff, walkthrough, show, report, rules, explain, crosscheck, schema, doctor):
    app.command()(_quiet_pipe(command))


def _version(wanted: bool) -> None:
    if wanted:
        from analyzer import __version__

        typer.echo(f"wsanalyzer {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Judge WebSocket traffic in packet captures: who broke which rule of RFC 6455, in which packet."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    try:
        return _invoke(sys.argv[1:] if arguments is None else list(arguments))
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        if os.environ.get("WSANALYZER_DEBUG"):
            raise
        say(_message(error))
        return FAILED


def _invoke(arguments: list[str]) -> int:
    command: Any = typer.main.get_command(app)
    result = command.main(arguments, prog_name="wsanalyzer", standalone_mode=False)
    return result if isinstance(result, int) else 0


def _message(error: Exception) -> str:
    from analyzer.errors import AnalyzerError

    if isinstance(error, AnalyzerError):
        return str(error)
    if isinstance(error, OSError):  # inputs and outputs report theirs; what is left is standard output
        from analyzer.report.outputs import mute_stdout

        mute_stdout()
        return f"{error.filename or 'standard output'}: {error.strerror or error}"
    format_message = getattr(error, "format_message", None)  # click's usage errors, wherever typer keeps click
    if format_message is not None:
        return f"{format_message().rstrip('.')} (see wsanalyzer --help)"
    words = str(error).partition("\n")[0]
    return f"internal error, please report it: {type(error).__name__}: {words} (WSANALYZER_DEBUG=1 shows where)"


def run() -> None:
    """Entry point of the console script. Never returns."""
    begin()
    sys.exit(main())
