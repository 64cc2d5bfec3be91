"""``wsanalyzer sniff``: the packets of an interface, judged as they come."""

from __future__ import annotations

from typing import Annotated

import typer

from analyzer.cli import words


def sniff(
    interface: Annotated[
        list[str] | None, typer.Option("-i", "--interface", metavar="NAME", help="Where to listen; repeatable; or any.")
    ] = None,
    list_interfaces: Annotated[bool, typer.Option("--list-interfaces", help="Name the interfaces, and end.")] = False,
    bpf: Annotated[
        str | None, typer.Option("--bpf", metavar="EXPR", help="Capture only this, as tcpdump's filters have it.")
    ] = None,
    duration: Annotated[str | None, typer.Option(metavar="TIME", help="End after this: 90, 30s, 10min, 1h.")] = None,
    packets: Annotated[int | None, typer.Option(metavar="N", min=1, help="End after so many packets.")] = None,
    write: Annotated[
        str | None, typer.Option("-w", "--write", metavar="FILE", help="Keep all packets, as pcapng.")
    ] = None,
    rotate: Annotated[
        list[str] | None,
        typer.Option(metavar="SIZE|TIME", help="Begin a new numbered --write file after 100MB, 10min; repeatable."),
    ] = None,
    backend: Annotated[
        str, typer.Option(metavar="NAME", help="auto, dumpcap or socket (a packet socket, Linux).")
    ] = "auto",
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
    timeout: words.Timeout = None,
    quiet: words.Quiet = False,
    verbose: words.Verbose = False,
    color: words.Color = None,
    no_progress: words.NoProgress = False,
    config: words.Config = None,
    isolated: words.Isolated = False,
) -> int:
    """Judge WebSocket traffic as it happens.

    At a terminal a live view, then the report; Ctrl-C or q ends it. Elsewhere a line for each finding as it comes,
    or the formats asked for. Exit status as that of analyze.
    """
    if list_interfaces:
        return _list()
    from analyzer.capture.live import Plan
    from analyzer.capture.writer import Rotation, nanoseconds
    from analyzer.cli.config import asked
    from analyzer.cli.live import Keeping, run

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
        timeout=timeout,
        color=color,
        progress=False if no_progress else None,
    )
    plan = Plan(
        interfaces=interface or [],
        backend=backend,
        expression=bpf,
        packets=packets,
        duration=None if duration is None else nanoseconds("--duration", duration),
    )
    return run(plan, Keeping(write, Rotation.parse(rotate or [])), options, quiet=quiet, verbose=verbose)


def _list() -> int:
    from analyzer.capture.interfaces import ANY, is_up, names

    for name in names():
        typer.echo(name if is_up(name) else f"{name} (down)")
    typer.echo(f"{ANY} (all that are up)")
    return 0
