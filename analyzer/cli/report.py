"""``wsanalyzer report``: a stored result in any other format, without the capture."""

from __future__ import annotations

from typing import Annotated

import typer

from analyzer.cli import words


def report(
    result: Annotated[str, typer.Argument(metavar="RESULT", help="Written by analyze -f jsonl; - is stdin.")],
    format: words.Format = None,
    output: words.Output = None,
    fail_on: words.FailOn = None,
    baseline: words.Baseline = None,
    update_baseline: words.UpdateBaseline = None,
    redact: words.Redact = None,
    quiet: words.Quiet = False,
    verbose: words.Verbose = False,
    color: words.Color = None,
) -> int:
    """Show a stored result in another format. Exit status as of analyze.

    It holds the kinds of record that analyze was asked to write (--records): a format shows what is there.
    """
    from analyzer.cli.options import COLORS, FAIL_ON, Options, choice
    from analyzer.cli.stored import rewritten

    options = Options(
        format=format or None,
        output=output or None,
        fail_on=fail_on,
        baseline=baseline,
        update_baseline=update_baseline,
        redact=redact,
        color=color,
    )
    choice("--fail-on", options.fail_on or "error", FAIL_ON)
    choice("--color", options.color or "auto", COLORS)
    return rewritten(result, options, quiet=quiet, verbose=verbose)
