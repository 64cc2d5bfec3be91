"""``wsanalyzer analyze``: its options, and where they are read together with the configuration."""

from __future__ import annotations

from typing import Annotated

import typer

from analyzer.cli import words


def analyze(
    captures: Annotated[list[str], typer.Argument(metavar="CAPTURE", help="Files, folders, patterns; - is stdin.")],
    format: words.Format = None,
    output: words.Output = None,
    select: words.Select = None,
    ignore: words.Ignore = None,
    severity: words.Severities = None,
    fail_on: words.FailOn = None,
    baseline: words.Baseline = None,
    update_baseline: words.UpdateBaseline = None,
    redact: words.Redact = None,
    records: words.Records = None,
    payloads: words.Payloads = None,
    decode_as: words.DecodeAs = None,
    keylog: words.Keylog = None,
    engine: words.Engine = None,
    tshark_option: words.TsharkOption = None,
    timeout: words.Timeout = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for what is still written to the last file; Ctrl-C ends it.")
    ] = False,
    quiet: words.Quiet = False,
    verbose: words.Verbose = False,
    color: words.Color = None,
    no_progress: words.NoProgress = False,
    config: words.Config = None,
    isolated: words.Isolated = False,
) -> int:
    """Judge the WebSocket traffic of captures.

    Exit status: 0 nothing at or above --fail-on, 1 findings at or above it, 2 usage, input or output errors. An
    input that cannot be read is left out: what the others hold is still reported, and the status is 2.
    """
    from analyzer.cli.config import asked
    from analyzer.cli.run import run

    options = asked(
        config,
        isolated,
        format=format,
        output=output,
        select=select,
        ignore=ignore,
        severity=severity,
        fail_on=fail_on,
        baseline=baseline,
        update_baseline=update_baseline,
        redact=redact,
        records=records,
        payloads=payloads,
        decode_as=decode_as,
        keylog=keylog,
        engine=engine,
        tshark_option=tshark_option,
        timeout=timeout,
        follow=follow or None,
        color=color,
        progress=False if no_progress else None,
    )
    return run(captures, options, quiet=quiet, verbose=verbose)
