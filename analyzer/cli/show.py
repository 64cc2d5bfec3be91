"""``wsanalyzer show``: what a capture holds, as tables; no judgement.

Without options: the connections and their openings, and the frames and messages too where there is only one
connection. ``--connection`` gives one connection in full, ``--frame`` one frame field by field.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from analyzer.cli import words as shared


def show(
    captures: Annotated[list[str], typer.Argument(metavar="CAPTURE", help="Files, folders, patterns; - is stdin.")],
    connection: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Handshakes, frames and messages of this connection.")
    ] = None,
    frame: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Every field of this frame of the connection.")
    ] = None,
    direction: Annotated[str | None, typer.Option(metavar="SIDE", help="Only what the client or server sent.")] = None,
    decode_as: Annotated[
        list[str] | None, typer.Option(metavar="PORT", help="Treat this TCP port as WebSocket without an opening.")
    ] = None,
    keylog: shared.Keylog = None,
) -> int:
    """Show what captures hold, as tables."""
    from analyzer.cli.listing import listed
    from analyzer.cli.options import choice, port, words
    from analyzer.cli.options import keylog as chosen_keylog
    from analyzer.cli.results import UNREADABLE
    from analyzer.cli.startup import settle
    from analyzer.cli.terminal import say

    if direction is not None:
        choice("--direction", direction, ("client", "server"))
    ports = [port(word) for word in words(decode_as or [])]
    settle()
    unreadable: list[str] = []
    lines = listed(
        captures,
        unreadable,
        connection=connection,
        frame=frame,
        direction=direction,
        decode_as=ports,
        keylog=chosen_keylog(keylog),
    )
    for line in lines:
        sys.stdout.buffer.write(line.encode() + b"\n")
    for path in unreadable:
        say(f"{path}: cannot be read; left out")
    return UNREADABLE if unreadable else 0
