"""The options that commands share, as Typer takes them: name, placeholder and help stand here once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Several = list[str] | None
"""An option that may be repeated, and whose words may each hold several, joined by commas."""

Format = Annotated[
    Several,
    typer.Option(
        "-f",
        "--format",
        metavar="FORMAT",
        help="text, concise, jsonl, json, markdown, sarif, junit, github, csv, parquet or pcapng; repeatable.",
    ),
]
Output = Annotated[
    Several, typer.Option("-o", "--output", metavar="PATH", help="Where the -f of the same rank goes; - is stdout.")
]
Select = Annotated[
    Several, typer.Option(metavar="RULES", help="Report only these ids or prefixes; ALL: also what is off by default.")
]
Ignore = Annotated[Several, typer.Option(metavar="RULES", help="Do not report these ids or prefixes.")]
Severities = Annotated[
    Several,
    typer.Option("--severity", metavar="ID=LEVEL", help="Another severity for a rule: error, warning, info."),
]
FailOn = Annotated[
    str | None, typer.Option(metavar="LEVEL", help="Exit 1 from this severity on: error, warning, info, never.")
]
Baseline = Annotated[
    str | None, typer.Option(metavar="FILE", help="Findings known already: neither shown nor a reason to fail.")
]
UpdateBaseline = Annotated[
    bool | None, typer.Option("--update-baseline", help="Write what is found to the --baseline file, and exit 0.")
]
Redact = Annotated[
    bool | None, typer.Option("--redact", help="Leave out cookies, credentials, tokens and payloads in every format.")
]
Records = Annotated[
    Several,
    typer.Option(metavar="KINDS", help="connections, handshakes, frames, messages, findings, or all."),
]
Payloads = Annotated[bool | None, typer.Option("--payloads", help="Put payloads into message records.")]
DecodeAs = Annotated[
    Several, typer.Option(metavar="PORT", help="Treat this TCP port as WebSocket without an opening handshake.")
]
Keylog = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="TLS key log, to decrypt wss:// with; default: SSLKEYLOGFILE in the environment."
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        metavar="ENGINE", help="Who opens packets: native, or tshark (Wi-Fi and IPsec with keys, any tunnel)."
    ),
]
TsharkOption = Annotated[
    Several, typer.Option("--tshark-option", metavar="NAME:VALUE", help="A preference for --engine tshark, as its -o.")
]
Timeout = Annotated[
    Several, typer.Option(metavar="NAME=SECONDS", help="Patience: pong, close, fail, teardown, follow.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="The verdict only; nothing on stderr but errors.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show every connection and observation.")]
Color = Annotated[str | None, typer.Option(metavar="WHEN", help="auto, always or never.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="No progress bar.")]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Read [tool.wsanalyzer] here instead of ./pyproject.toml.")
]
Isolated = Annotated[bool, typer.Option("--isolated", help="Read no configuration file.")]
