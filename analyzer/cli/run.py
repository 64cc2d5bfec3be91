"""One analysis for the command line: the pipeline's records to every output, and the exit status.

Everything a user can get wrong is found first, in this order: options, inputs, outputs. Then the records
flow; an output whose reader has gone is dropped, and when none is left the analysis stops. Files are put in
their place only after the last record.
"""

from __future__ import annotations

import sys

import msgspec

from analyzer import pipeline
from analyzer.capture.source import Source, digest, expand, open_source
from analyzer.cli.interrupt import Interrupt
from analyzer.cli.options import NEVER, Options, destinations, settings
from analyzer.cli.progress import Bar
from analyzer.cli.startup import settle
from analyzer.cli.terminal import say, use_color, width
from analyzer.model import Finding, Record, Run, Severity, Summary
from analyzer.report.formats import FORMATS, Format
from analyzer.report.outputs import STDOUT, Output, refuse_overlap
from analyzer.report.sink import Look
from analyzer.report.verdict import plural
from analyzer.rules import registry
from analyzer.settings import Settings

UNREADABLE = 2
"""Exit status where an input could not be read, whatever was found in the others."""
SIGNALLED = 128
"""Exit status after a signal is this and its number, as shells have it: 130 after Ctrl-C."""


def run(captures: list[str], options: Options, *, quiet: bool, verbose: bool) -> int:
    """Analyse ``captures`` and write every result; the exit status. Raises AnalyzerError."""
    rules = registry.load()
    chosen = settings(options, rules)
    wanted = destinations(options)
    paths = expand(captures)
    refuse_overlap([path for _, path in wanted], paths)
    fail_on = options.fail_on or Severity.ERROR
    look = Look(
        records=chosen.records,
        kept_findings=chosen.kept_findings,
        kept_connections=chosen.kept_connections,
        rules=rules,
        verbose=verbose,
        fail_on=None if fail_on == NEVER else Severity(fail_on),
    )
    results = Results(chosen, fail_on)
    try:
        for name, path in wanted:
            results.add(FORMATS[name], path, look, options.color or "auto", quiet)
        interrupt = Interrupt(expected=chosen.follow)
        settle()
        with interrupt.listening(), open_source(paths, chosen) as source:
            bar = results.bar(source) if options.progress is not False and not quiet else None

            def after_batch(source: Source = source, bar: Bar | None = bar) -> None:
                if bar is not None:
                    bar()
                if source.waits:
                    results.flush()

            try:
                for record in pipeline.run(interrupt.guard(source), results.settings(), after_batch):
                    if not results.write(record):
                        break
            finally:
                if bar is not None:
                    bar.close()
        results.close()
    finally:
        results.abandon()
    results.tell(quiet)
    if interrupt.number is not None and not interrupt.expected:
        return SIGNALLED + interrupt.number
    return results.status()


class Results:
    """The outputs of one analysis."""

    def __init__(self, chosen: Settings, fail_on: str) -> None:
        """None yet. ``fail_on`` is a severity or ``never``."""
        self._settings = chosen
        self._fail_on = fail_on
        self._outputs: list[tuple[Format, Output]] = []
        self._severities: dict[str, int] = {}
        self._summary: Summary | None = None

    def add(self, entry: Format, path: str, look: Look, color: str, quiet: bool) -> None:
        """Open one more output. Colour, the terminal's width and quiet apply to people's standard output."""
        output = Output(path)
        self._outputs.append((entry, output))
        if entry.human and path == STDOUT:
            look = msgspec.structs.replace(look, color=use_color(color), width=width(), quiet=quiet)
        output.attach(entry.make(output.stream, look))

    def settings(self) -> Settings:
        """The settings, with the records that the formats need and that the exit status depends on."""
        needs = {kind for entry, _ in self._outputs for kind in (entry.needs or self._settings.records)}
        if self._fail_on != NEVER:
            needs.add("findings")
        return msgspec.structs.replace(self._settings, records=frozenset(needs))

    def bar(self, source: Source) -> Bar | None:
        """A progress bar, where a terminal shows it and no result runs over the same terminal."""
        streaming = any(entry.streams and output.path == STDOUT for entry, output in self._outputs)
        shown = sys.stderr.isatty() and not (streaming and sys.stdout.isatty())
        return Bar(source) if shown else None

    def write(self, record: Record) -> bool:
        """Hand the record to every output; whether anybody still listens."""
        if isinstance(record, Finding):
            self._severities[record.severity] = self._severities.get(record.severity, 0) + record.count
        elif isinstance(record, Run):
            record = self._described(record)
        elif isinstance(record, Summary):
            self._summary = record
        listening = False
        for _, output in self._outputs:
            output.write(record)
            listening |= output.open
        return listening

    def _described(self, run: Run) -> Run:
        """The run record as the user asked for it, with digests where a format states them."""
        stated = {name: value for name, value in run.settings.items() if name != "records"}
        if self._settings.records != Settings().records:
            stated["records"] = sorted(self._settings.records)
        inputs = run.inputs
        if any(entry.digests for entry, _ in self._outputs):
            inputs = [
                entry if entry.bytes is None else msgspec.structs.replace(entry, sha256=_digest(entry.path))
                for entry in inputs
            ]
        return msgspec.structs.replace(run, settings=stated, inputs=inputs)

    def flush(self) -> None:
        """Let readers see what was written so far. Raises OutputError."""
        for _, output in self._outputs:
            output.flush()

    def close(self) -> None:
        """Finish every output. Raises OutputError."""
        for _, output in self._outputs:
            output.close()

    def abandon(self) -> None:
        """Remove what was not finished."""
        for _, output in self._outputs:
            output.abandon()

    def tell(self, quiet: bool) -> None:
        """On standard error: notes about the input, what was written, and the verdict if no output shows it.

        ``quiet``: only what is an error.
        """
        summary = self._summary
        if quiet:
            for path in summary.unreadable if summary is not None else ():
                say(f"{path}: cannot be read; left out")
            return
        if summary is not None:
            for note in summary.notes:
                say(f"note: {note}")
        files = [output.path for _, output in self._outputs if output.path != STDOUT]
        for path in files:
            say(f"wrote {path}")
        if summary is not None and len(files) == len(self._outputs):
            counts = ", ".join(plural(summary.severities.get(name, 0), name) for name in ("error", "warning"))
            say(f"{counts} in {plural(summary.connections, 'WebSocket connection')}")

    def status(self) -> int:
        """0, or 1 where something is at or above the severity to fail on; 2 where an input could not be read."""
        if self._summary is not None and self._summary.unreadable:
            return UNREADABLE
        if self._fail_on == NEVER:
            return 0
        found = self._severities if self._summary is None else self._summary.severities
        worst = Severity(self._fail_on).rank
        return int(any(count and Severity(name).rank <= worst for name, count in found.items()))


def _digest(path: str) -> str | None:
    """SHA-256 of an input, None where it cannot be read."""
    try:
        return digest(path)
    except OSError:
        return None
