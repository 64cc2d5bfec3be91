"""One analysis for the command line: the pipeline's records to every output, and the exit status.

Everything a user can get wrong is found first, in this order: options, inputs, outputs. Then the records
flow; an output whose reader has gone is dropped, and when none is left the analysis stops. Files are put in
their place only after the last record.
"""

from __future__ import annotations

import msgspec

from analyzer import pipeline
from analyzer.capture.source import Source, expand, open_source
from analyzer.cli.interrupt import Interrupt
from analyzer.cli.options import Options, settings
from analyzer.cli.progress import Bar
from analyzer.cli.results import Results
from analyzer.cli.startup import settle
from analyzer.model import Record, Run
from analyzer.rules import registry
from analyzer.settings import Settings

SIGNALLED = 128
"""Exit status after a signal is this and its number, as shells have it: 130 after Ctrl-C."""


def run(captures: list[str], options: Options, *, quiet: bool, verbose: bool) -> int:
    """Analyse ``captures`` and write every result; the exit status. Raises AnalyzerError."""
    rules = registry.load()
    chosen = settings(options, rules)
    paths = expand(captures)
    results = Results(chosen, options, rules, paths, quiet=quiet, verbose=verbose)
    try:
        results.open()
        interrupt = Interrupt(expected=chosen.follow)
        settle()
        with interrupt.listening(), open_source(paths, chosen) as source:
            bar = Bar(source) if options.progress is not False and results.bar_fits() else None

            def after_batch(source: Source = source, bar: Bar | None = bar) -> None:
                if bar is not None:
                    bar()
                if source.waits:
                    results.flush()

            try:
                for record in pipeline.run(interrupt.guard(source), results.settings(), after_batch):
                    if not results.write(as_asked(record, chosen)):
                        break
            finally:
                if bar is not None:
                    bar.close()
        results.close()
    finally:
        results.abandon()
    results.tell()
    if interrupt.number is not None and not interrupt.expected:
        return SIGNALLED + interrupt.number
    return results.status()


def as_asked(record: Record, chosen: Settings) -> Record:
    """A run record with the kinds of record as the user asked for them; formats and options ask for more."""
    if not isinstance(record, Run):
        return record
    stated = {name: value for name, value in record.settings.items() if name != "records"}
    if chosen.records != Settings().records:
        stated["records"] = sorted(chosen.records)
    return msgspec.structs.replace(record, settings=stated)
