"""SEC-013: credentials in the text of messages that everybody on the path can read (RFC 6455 10.6)."""

from __future__ import annotations

import numpy as np

from analyzer.messages.columns import MessageColumns
from analyzer.model import Level, Role, Severity
from analyzer.rules.faults import Hits
from analyzer.rules.registry import rule


@rule("SEC-013", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 10.6", role=Role.BOTH, default=False)
def secret_in_message(messages: MessageColumns) -> Hits:
    r"""Credential-like data in clear messages.

    A text message has a JSON member that is called password, token or the like, or a private key. The names are all
    there is to go by, so this is a guess, and off unless it is asked for: messages are not looked at otherwise. Use
    wss.

    Violates:
        server: 81 10 7b 22 70 61 73 73 77 6f 72 64 22 3a 22 78 22 7d

    Conforms:
        server: 81 0d 7b 22 6f 70 22 3a 22 70 69 6e 67 22 7d
    """
    return Hits(
        rows=np.asarray(messages.secret == 1),
        expected="no credentials, or TLS",
        found=lambda row: f'"{messages.row(row).detail}" in a text message',
    )
