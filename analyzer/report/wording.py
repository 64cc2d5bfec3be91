"""How reports call things: connections by address, request and end, times in seconds."""

from __future__ import annotations

from analyzer.model import Connection, Handshake
from analyzer.report.escape import visible
from analyzer.settings import SECOND


def requested(handshake: Handshake) -> str:
    """Host and target of an opening request, as sent (not escaped)."""
    if handshake.request is None:
        return "(request not captured)"
    host = next((value for name, value in handshake.request.headers if name.lower() == "host"), "")
    words = handshake.request.line.split(" ")
    target = words[1] if len(words) > 1 else handshake.request.line
    return f"{host}{target}" if target.startswith("/") else target


def endpoint(address: tuple[str, int]) -> str:
    """``192.0.2.1:80``, ``[2001:db8::1]:80``."""
    host, port = address
    return f"[{visible(host)}]:{port}" if ":" in host else f"{visible(host)}:{port}"


def ended(connection: Connection) -> str:
    """How the connection ended, with the close codes: one if both sides sent it, else client's / server's."""
    state = visible(connection.state).replace("-", " ")
    codes = [
        "-" if code is None else str(code) for code in (connection.client_close_code, connection.server_close_code)
    ]
    if codes == ["-", "-"]:
        return state
    return f"{state} {codes[0]}" if codes[0] == codes[1] else f"{state} {'/'.join(codes)}"


def seconds(time_ns: int) -> str:
    """Nanoseconds as seconds with six decimals, without passing through a float."""
    whole, rest = divmod(time_ns, SECOND)
    return f"{whole}.{rest // 1000:06d}"
