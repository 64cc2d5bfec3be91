"""What the numbers and names of the protocol mean: opcodes, close codes, header fields.

Data of RFC 6455 (sections 5.2, 7.4, 11) and of the IANA WebSocket registries, for ``explain``, ``show`` and the
walkthrough.
"""

from __future__ import annotations

from analyzer.model import Opcode
from analyzer.wire.frame import CONTROL_BIT

OPCODES = {
    Opcode.CONTINUATION: "goes on with the message begun by an earlier frame without FIN (RFC 6455 5.4)",
    Opcode.TEXT: "begins a message of UTF-8 text (RFC 6455 5.6, 8.1)",
    Opcode.BINARY: "begins a message of arbitrary bytes (RFC 6455 5.6)",
    Opcode.CLOSE: "begins or answers the closing handshake; may carry a code and a reason (RFC 6455 5.5.1, 7)",
    Opcode.PING: "asks for a Pong with the same payload (RFC 6455 5.5.2)",
    Opcode.PONG: "answers a Ping with its payload, or is a one-way heartbeat (RFC 6455 5.5.3)",
}
LAST_OPCODE = 15

CLOSE_CODES = {
    1000: "normal closure: the purpose was fulfilled",
    1001: "going away: a server shuts down or a browser leaves the page",
    1002: "protocol error",
    1003: "unsupported data: a kind of data that cannot be accepted",
    1004: "reserved; must not be sent",
    1005: "no status received: stands for a Close without a code; must not be sent",
    1006: "abnormal closure: stands for a connection that ended without a Close; must not be sent",
    1007: "invalid payload: data not of the message's type, such as text that is not UTF-8",
    1008: "policy violation",
    1009: "message too big",
    1010: "mandatory extension: the client expected one that the server did not agree to",
    1011: "internal error of the server",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
    1015: "TLS handshake failed: stands for it; must not be sent",
    3000: "unauthorized",
    3003: "forbidden",
    3008: "timeout",
}
"""RFC 6455 7.4.1 and the IANA close code registry."""

CLOSE_RANGES = (
    (range(1000), "not used"),
    (range(1000, 3000), "reserved for the protocol and its extensions, not assigned"),
    (range(3000, 4000), "for libraries, frameworks and applications, registered with IANA; this one is not"),
    (range(4000, 5000), "private use: what it means is agreed between the two applications"),
    (range(5000, 1 << 16), "outside every range that RFC 6455 7.4.2 defines"),
)

HEADERS = {
    "Upgrade": "names the protocol to switch to: websocket, in both heads (RFC 6455 4.1, 4.2.2)",
    "Connection": "must list Upgrade, in both heads (RFC 6455 4.1, 4.2.2)",
    "Host": "authority of the resource (RFC 6455 4.1)",
    "Origin": "the web page's origin; browsers always send it (RFC 6455 4.1, 10.2)",
    "Sec-WebSocket-Key": "base64 of 16 random bytes that the server must prove to have read (RFC 6455 11.3.1)",
    "Sec-WebSocket-Accept": "base64 of the SHA-1 of the key and a fixed GUID (RFC 6455 11.3.3, 4.2.2)",
    "Sec-WebSocket-Version": "13 in the request; in a refusal, the versions the server speaks (RFC 6455 11.3.5, 4.4)",
    "Sec-WebSocket-Protocol": "subprotocols offered, and the one chosen (RFC 6455 11.3.4)",
    "Sec-WebSocket-Extensions": "extensions offered, and those agreed to (RFC 6455 11.3.2, 9.1)",
    "Sec-WebSocket-Key1": "a number hidden among spaces and letters, answered with an MD5 (hixie-76, hybi-00)",
    "Sec-WebSocket-Key2": "a second number hidden like that of Sec-WebSocket-Key1 (hixie-76, hybi-00)",
    "Sec-WebSocket-Location": "URI of the WebSocket, in the answer (hixie-76, hybi-00)",
    "Sec-WebSocket-Origin": "the web page's origin: in the answer (hixie-76), or Origin's name (drafts up to 10)",
    "WebSocket-Location": "URI of the WebSocket, in the answer (hixie-75)",
    "WebSocket-Origin": "the web page's origin, in the answer (hixie-75)",
    "WebSocket-Protocol": "the subprotocol (hixie-75)",
    "Content-Length": "bytes of content after the head; none belong after a 101 (RFC 9110 8.6)",
    "Transfer-Encoding": "how content after the head is framed; not allowed in a 101 (RFC 9112 6.1)",
    "Location": "where a redirect leads (RFC 9110 10.2.2)",
    "Retry-After": "how long to wait before asking again (RFC 9110 10.2.3)",
    "Allow": "methods that the resource has; must come with a 405 (RFC 9110 10.2.1)",
    "WWW-Authenticate": "how to authenticate to the server; must come with a 401 (RFC 9110 11.6.1)",
    "Authorization": "credentials for the server (RFC 9110 11.6.2)",
    "Proxy-Authenticate": "how to authenticate to the proxy; must come with a 407 (RFC 9110 11.7.1)",
    "Cookie": "what the server asked the client to send back (RFC 6265 5.4)",
    "Set-Cookie": "what the client is to send back with later requests (RFC 6265 4.1)",
    "User-Agent": "names the client's software (RFC 9110 10.1.5)",
    "Server": "names the server's software (RFC 9110 10.2.4)",
    "Date": "when the answer was made (RFC 9110 6.6.1)",
    "Accept-Encoding": "codings of content that the client takes; frames have none (RFC 9110 12.5.3)",
    "Accept-Language": "languages that the user prefers (RFC 9110 12.5.4)",
    "Cache-Control": "what caches may do with the answer (RFC 9111 5.2)",
    "Pragma": "no-cache, for caches of HTTP/1.0 (RFC 9111 5.4)",
    "Content-Type": "what kind of content follows the head (RFC 9110 8.3)",
    "Via": "proxies on the way (RFC 9110 7.6.3)",
    "Forwarded": "what a proxy knew of the request before it (RFC 7239 4)",
    "X-Forwarded-For": "addresses that a proxy had the request from; not standardised, see Forwarded",
    "X-Forwarded-Host": "Host of the request before the proxy; not standardised, see Forwarded",
    "X-Forwarded-Proto": "scheme of the request before the proxy; not standardised, see Forwarded",
}


def opcode(number: int) -> str:
    """One line about an opcode, 0 to 15."""
    kind = next((kind for kind in Opcode if kind == number), None)
    if kind is not None:
        return f"opcode {number:#x} {kind.name.lower()}: {OPCODES[kind]}"
    kind_name = "control" if number >= CONTROL_BIT else "data"
    return f"opcode {number:#x}: reserved for a further {kind_name} frame (RFC 6455 5.2); must not be used"


def close_code(number: int) -> str:
    """One line about a close code, 0 to 65535."""
    meaning = CLOSE_CODES.get(number) or next(text for numbers, text in CLOSE_RANGES if number in numbers)
    return f"close code {number}: {meaning} (RFC 6455 7.4)"


def look_up(word: str) -> str | None:
    """One line about an opcode (``0x9``, ``9``, ``ping``), a close code or a header field; None if unknown."""
    named = {kind.name.lower(): kind.value for kind in Opcode}
    if word.lower() in named:
        return opcode(named[word.lower()])
    for header, text in HEADERS.items():
        if word.lower() == header.lower():
            return f"{header}: {text}"
    try:
        number = int(word, 0)
    except ValueError:
        return None
    if 0 <= number <= LAST_OPCODE:
        return opcode(number)
    return close_code(number) if LAST_OPCODE < number < 1 << 16 else None


def words() -> list[str]:
    """Every name that `look_up` knows."""
    return [*(kind.name.lower() for kind in Opcode), *HEADERS]
