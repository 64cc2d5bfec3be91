"""One live analysis for the command line: like `analyzer.cli.run`, with an input that has no end of its own.

The interface is opened first, then the privileges that took are given up, then outputs are opened: they belong to the
user who called sudo. The first Ctrl-C or SIGTERM ends the capture, and the report is written; the second is abrupt.
Signals are listened to before the interface is opened, so that none is lost, and none comes between a program and what
would end it.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import NamedTuple

import msgspec

from analyzer import pipeline
from analyzer.capture import privileges
from analyzer.capture.live import Plan, open_live
from analyzer.capture.writer import Rotation, Writer
from analyzer.cli.interrupt import Interrupt
from analyzer.cli.options import Options, destinations, settings
from analyzer.cli.results import Results
from analyzer.cli.run import as_asked
from analyzer.cli.startup import settle
from analyzer.cli.terminal import say
from analyzer.cli.watch import View
from analyzer.errors import UsageError
from analyzer.model import Run
from analyzer.report.formats import FORMATS
from analyzer.report.outputs import STDOUT
from analyzer.rules import registry

FAILED = 2
"""Exit status where the capture ended too early, whatever was found until then."""
SWITCH = 0.0005
"""Seconds after which the analysis lets the thread go on that reads the capture; Python's own 5 ms, once for each
megabyte, would be a limit of 200 MB/s."""
LINES = "concise"
"""The format where standard output is no terminal and nothing was asked for."""


class Keeping(NamedTuple):
    """Where all packets are kept."""

    path: str | None
    rotation: Rotation

    @property
    def single(self) -> str | None:
        """The one file that holds the capture."""
        return None if self.rotation else self.path

    def check(self, options: Options) -> None:
        """Raise UsageError where outputs cannot come from what is kept."""
        if self.path is None and self.rotation:
            raise UsageError("--rotate: name the file with --write")
        if self.path == STDOUT:
            raise UsageError("--write -: packets are kept in files only; tcpdump -w - writes them to standard output")
        for name, path in destinations(options):
            if FORMATS[name].copies and self.single is None:
                raise UsageError(f"{path}: {name} copies the captured packets; keep them in one file with --write")


def run(plan: Plan, keeping: Keeping, options: Options, *, quiet: bool, verbose: bool) -> int:
    """Capture as ``plan`` says and write every result; the exit status. Raises AnalyzerError."""
    if options.format is None and options.output is None and not sys.stdout.isatty():
        options = msgspec.structs.replace(options, format=[LINES])
    rules = registry.load()
    chosen = settings(options, rules)
    keeping.check(options)
    inputs = [] if keeping.single is None else [keeping.single]
    results = Results(chosen, options, rules, inputs, quiet=quiet, verbose=verbose)
    settle()
    interrupt = Interrupt(expected=True)
    try:
        with interrupt.listening(), open_live(plan, chosen) as live:
            interrupt.stops(live.stop)
            privileges.drop()
            results.open()
            if keeping.path is not None:
                live.write_to(Writer(keeping.path, keeping.rotation), keeping.single)
            sys.setswitchinterval(SWITCH)
            view = View(live) if options.progress is not False and results.bar_fits() and sys.stdout.isatty() else None
            with view or nullcontext():
                for record in pipeline.run(live, results.settings(), results.flush, view):
                    if view is not None:
                        view.see(record)
                    if not results.write(as_asked(record, chosen)):
                        break
                    if isinstance(record, Run):
                        results.flush()  # whoever waits for the first line knows that the capture has begun
        results.close()
    finally:
        results.abandon()
    results.tell()
    if live.failed is None:
        return results.status()
    if quiet:
        say(live.failed)
    return FAILED
