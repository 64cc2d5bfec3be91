"""The outputs of one command: every record to each of them, what is told on standard error, and the exit status."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import msgspec

from analyzer.capture.source import digest
from analyzer.cli.options import NEVER, Options, destinations
from analyzer.cli.terminal import say, use_color, width
from analyzer.errors import UsageError
from analyzer.model import Finding, Record, Run, Severity, Summary
from analyzer.report.baseline import Baseline
from analyzer.report.formats import FORMATS, Format
from analyzer.report.outputs import STDOUT, Output, refuse_overlap
from analyzer.report.redact import Redactor
from analyzer.report.rows import row_kind
from analyzer.report.sink import Look
from analyzer.report.verdict import plural
from analyzer.rules.registry import Rule
from analyzer.settings import Settings

UNREADABLE = 2
"""Exit status where an input could not be read, whatever was found in the others."""


class Results:
    """The outputs of one command, and what is asked of the records on their way there."""

    def __init__(
        self,
        chosen: Settings,
        options: Options,
        rules: Mapping[str, Rule],
        inputs: list[str],
        *,
        quiet: bool,
        verbose: bool,
    ) -> None:
        """Find out what can go wrong with the outputs, opening none. Raises UsageError, InputError."""
        self._settings = chosen
        self._fail_on = options.fail_on or Severity.ERROR
        self._wanted = destinations(options)
        refuse_overlap([path for _, path in self._wanted], inputs)
        self._color = options.color or "auto"
        self._quiet = quiet
        self._look = Look(
            records=chosen.records,
            kept_findings=chosen.kept_findings,
            kept_connections=chosen.kept_connections,
            rules=rules,
            verbose=verbose,
            redact=bool(options.redact),
            fail_on=None if self._fail_on == NEVER else Severity(self._fail_on),
        )
        self._update = options.update_baseline is True
        self._baseline = _baseline(options, chosen)
        self._redactor = Redactor(chosen.kept_connections) if options.redact else None
        self._outputs: list[tuple[Format, Output]] = []
        self._severities: dict[str, int] = {}
        self._summary: Summary | None = None

    def open(self) -> None:
        """Open every output. Raises OutputError."""
        for name, path in self._wanted:
            self._add(FORMATS[name], path)

    def _add(self, entry: Format, path: str) -> None:
        """Open one more output. Colour, the terminal's width and quiet apply to people's standard output."""
        output = Output(path)
        self._outputs.append((entry, output))
        look = self._look
        if entry.table:
            look = msgspec.structs.replace(look, kind=row_kind(path, self._settings.records))
        if entry.human and path == STDOUT:
            look = msgspec.structs.replace(look, color=use_color(self._color), width=width(), quiet=self._quiet)
        output.attach(entry.make(output.stream, look))

    def settings(self) -> Settings:
        """The settings, with the records and bytes that the formats need and that the exit status depends on."""
        needs = {
            kind
            for entry, output in self._outputs
            for kind in (
                (row_kind(output.path, self._settings.records),)
                if entry.table
                else entry.needs or self._settings.records
            )
        }
        if self._fail_on != NEVER:
            needs.add("findings")
        if self._baseline is not None:
            needs |= {"handshakes", "findings"}
        if self._redactor is not None:
            needs.add("handshakes")
        formats = [entry for entry, _ in self._outputs]
        return msgspec.structs.replace(
            self._settings,
            records=frozenset(needs),
            frame_bytes=max(self._settings.frame_bytes, *(entry.frame_bytes for entry in formats)),
            inflated_bytes=max(self._settings.inflated_bytes, *(entry.inflated_bytes for entry in formats)),
        )

    def bar_fits(self) -> bool:
        """Whether a terminal would show a progress bar, and no result runs over the same terminal."""
        streaming = any(entry.streams and output.path == STDOUT for entry, output in self._outputs)
        return not self._quiet and sys.stderr.isatty() and not (streaming and sys.stdout.isatty())

    def write(self, record: Record) -> bool:
        """Hand the record to every output; whether anybody still listens."""
        if self._baseline is not None:
            left = self._baseline.see(record)
            if left is None:
                return self._listening()
            record = left
        if self._redactor is not None:
            record = self._redactor.see(record)
        if isinstance(record, Finding):
            self._severities[record.severity] = self._severities.get(record.severity, 0) + record.count
        elif isinstance(record, Run):
            record = self._stated(record)
        elif isinstance(record, Summary):
            self._summary = record
        for _, output in self._outputs:
            output.write(record)
        return self._listening()

    def _listening(self) -> bool:
        return any(output.open for _, output in self._outputs)

    def _stated(self, run: Run) -> Run:
        """The run record with the inputs' digests, where a format states them and they are not known."""
        if not any(entry.digests for entry, _ in self._outputs):
            return run
        inputs = [
            entry
            if entry.bytes is None or entry.sha256 is not None
            else msgspec.structs.replace(entry, sha256=_digest(entry.path))
            for entry in run.inputs
        ]
        return msgspec.structs.replace(run, inputs=inputs)

    def flush(self) -> None:
        """Let readers see what was written so far. Raises OutputError."""
        for _, output in self._outputs:
            output.flush()

    def close(self) -> None:
        """Finish every output, and the baseline where it is to be updated. Raises OutputError."""
        for _, output in self._outputs:
            output.close()
        if self._baseline is not None and self._update and self._summary is not None:
            self._baseline.write()

    def abandon(self) -> None:
        """Remove what was not finished."""
        for _, output in self._outputs:
            output.abandon()

    def tell(self) -> None:
        """On standard error: notes about the input, what was written, and the verdict if no output shows it.

        When quiet only what is an error.
        """
        summary = self._summary
        if self._quiet:
            for path in summary.unreadable if summary is not None else ():
                say(f"{path}: cannot be read; left out")
            return
        if summary is not None:
            for note in summary.notes:
                say(f"note: {note}")
        files = [output.path for _, output in self._outputs if output.path != STDOUT]
        updated = [self._baseline.path] if self._baseline is not None and self._update else []
        for path in (*files, *updated):
            say(f"wrote {path}")
        if summary is not None and len(files) == len(self._outputs):
            counts = ", ".join(plural(summary.severities.get(name, 0), name) for name in ("error", "warning"))
            say(f"{counts} in {plural(summary.connections, 'WebSocket connection')}")

    def status(self) -> int:
        """0, or 1 where something is at or above the severity to fail on; 2 where an input could not be read."""
        if self._summary is not None and self._summary.unreadable:
            return UNREADABLE
        if self._fail_on == NEVER or self._update:
            return 0
        found = self._severities if self._summary is None else self._summary.severities
        worst = Severity(self._fail_on).rank
        return int(any(count and Severity(name).rank <= worst for name, count in found.items()))


def _baseline(options: Options, chosen: Settings) -> Baseline | None:
    if options.baseline is None:
        if options.update_baseline:
            raise UsageError("--update-baseline: name the file with --baseline")
        return None
    return Baseline(options.baseline, chosen.kept_connections, update=options.update_baseline is True)


def _digest(path: str) -> str | None:
    """SHA-256 of an input, None where it cannot be read."""
    try:
        return digest(path)
    except OSError:
        return None
