r"""The language of the examples in rule docstrings: a conversation in a few lines, and the capture of it.

    client: 81 85 37 fa 21 3d 7f 9f 4d 51 58      bytes in hex, one segment, acknowledged by the peer
    client: 82 fe 00 80 00 00 00 00 41*128        41 a hundred and twenty-eight times
    server: http HTTP/1.1 101 OK | Upgrade: a     an HTTP head: lines between bars, each ended by CRLF, then
                                                  the empty line; \r \n \t \\ and \xNN stand for those bytes
    client: FIN        server: RST                the end of one side's TCP stream, or of the connection
    repeat 3 client: 89 80 00 00 00 00            the same again and again
    repeat 700 client: 89 80 {mt19937}            likewise, each time with 4 more bytes of MT19937
    client: raw 16 03 01                          the same without an opening put before
    again client 11: 81 85 37 fa 21 3d 00         other bytes, or the same, where the client's last 11 bytes stood
    +30s    +500ms    -5s                         time passes; or the capture's clock is set back
    snaplen 90                                    from here on only so much of each packet is captured
    unacked                                       the next segment is not acknowledged
    badsum                                        the next segment's TCP checksum is wrong
    hops client 57                                from here on the client's packets have 57 hops to go
    gap client 5                                  the client sent 5 more bytes, which the capture missed
    connection 2:                                 what follows is on another TCP connection
    ports of 1                                    which uses the ports of connection 1 again
    extensions: permessage-deflate                agreed on in the opening that is put before
    subprotocol: chat                             likewise
    tls    tls: no-sni                            all is sent over TLS, and the capture holds the secrets; the
                                                  ClientHello names server.example, or no server
    midstream                                     the capture began after the opening: no SYN, no handshake
    server: silent                                no answer is put after the client's request
    # a remark

What an example does not say is filled in correctly. Without an ``http`` line there is a whole opening
handshake before the first bytes; with only the server's, a right request is put before; after the client's last
one, where no head of the server follows it, comes a 101 with the right accept value. ``{accept}`` in a server's
line stands for the accept value of the last request's key. Where the answer given holds the accept value of
RFC 6455's own examples, the request put before carries their key. A capture ends where its transcript ends.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Literal, cast

import msgspec

from analyzer.model import Direction
from samples import opening
from samples.tls import Tls
from samples.traffic import Conversation, Wire, capture_bytes

Kind = Literal[
    "bytes",
    "http",
    "raw",
    "again",
    "fin",
    "rst",
    "silent",
    "wait",
    "snaplen",
    "unacked",
    "badsum",
    "hops",
    "ports",
    "gap",
    "extensions",
    "subprotocol",
    "midstream",
    "tls",
]


class Step(msgspec.Struct, frozen=True):
    """One line of a transcript, understood."""

    line: int
    """From 1."""
    connection: int
    kind: Kind
    side: Direction | None = None
    data: bytes = b""
    """The bytes sent; for ``extensions`` and ``subprotocol``, the field's value."""
    number: int = 0
    """Nanoseconds to wait; bytes in the gap, to go back, or to capture; hops to go; whose ports; 1: without SNI."""


SERVER_NAME = "server.example"
"""What a ClientHello asks for, as the Host of `samples.opening`."""

_UNITS = {"ms": 1_000_000, "s": 1_000_000_000}

_LINE = re.compile(
    r"""  \#.*
        | (?P<connection>connection)\s+(?P<which>\d+)\s*:
        | (?P<sign>[+-])(?P<wait>\d+)\s*(?P<unit>ms|s)
        | snaplen\s+(?P<snaplen>\d+)
        | again\s+(?P<again>client|server)\s+(?P<back>\d+)\s*:\s*(?P<copy>.*)
        | (?P<tls>tls)(?:\s*:\s*(?P<nameless>no-sni))?
        | (?P<flag>unacked|midstream|badsum)
        | hops\s+(?P<far>client|server)\s+(?P<hops>\d+)
        | ports\s+of\s+(?P<ports>\d+)
        | gap\s+(?P<hole>client|server)\s+(?P<length>\d+)
        | (?P<agreed>extensions|subprotocol)\s*:\s*(?P<value>.+)
        | (?:repeat\s+(?P<times>\d+)\s+)?(?P<side>client|server)\s*:\s*(?P<said>.*)
    """,
    re.VERBOSE,
)
_WORDS: dict[str, Kind] = {"FIN": "fin", "RST": "rst", "silent": "silent"}
_HEX = re.compile(r"([0-9A-Fa-f]{2})(?:\*(\d+))?")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.)|$)")
_ESCAPED = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}
_TWISTER = "{mt19937}"
SEED = 6455
"""Of the Mersenne Twister."""
_BAR = re.compile(r" ?\| ?")

LONGEST = 1 << 26
"""Bytes a repetition may come to: a slip of the pen must not fill the memory."""


def parse(transcript: str) -> list[Step]:
    """The steps of a transcript, in order. Raises ValueError, with the line, where it is not understood."""
    steps: list[Step] = []
    connection = 1
    for number, text in enumerate(transcript.splitlines(), 1):
        line = text.strip()
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} of the transcript is not understood: {line}")
        if match["connection"]:
            connection = int(match["which"])
            continue
        try:
            steps.extend(_steps(match, number, connection))
        except ValueError as error:
            raise ValueError(f"line {number} of the transcript: {error}: {line}") from None
    return steps


def play(transcript: str, wire: Wire | None = None, base_port: int = 40000, server_port: int = 80) -> Wire:
    """The packets of a transcript. Connection N's client has port ``base_port`` + N."""
    wire = Wire() if wire is None else wire
    steps = parse(transcript)
    players: dict[int, _Player] = {}
    for step in steps:
        player = players.get(step.connection)
        if player is None:
            own = [other for other in steps if other.connection == step.connection]
            player = players[step.connection] = _Player(wire, step.connection, base_port, server_port, own)
        player.play(step)
    wire.snaplen = None
    return wire


def over_tls(transcript: str) -> bool:
    """Whether some connection of a transcript is over TLS."""
    return any(step.kind == "tls" for step in parse(transcript))


def capture(transcript: str) -> bytes:
    """A transcript as a pcap file; as a pcapng file with the secrets inside where it has TLS."""
    return capture_bytes(play(transcript))


def _steps(match: re.Match[str], line: int, connection: int) -> Iterator[Step]:
    if match["wait"]:
        sign = -1 if match["sign"] == "-" else 1
        yield Step(line, connection, "wait", number=sign * int(match["wait"]) * _UNITS[match["unit"]])
    elif match["snaplen"]:
        yield Step(line, connection, "snaplen", number=int(match["snaplen"]))
    elif match["again"]:
        side, data = cast(Direction, match["again"]), _from_hex(match["copy"])
        yield Step(line, connection, "again", side, data, int(match["back"]))
    elif match["tls"]:
        yield Step(line, connection, "tls", number=bool(match["nameless"]))
    elif match["flag"]:
        yield Step(line, connection, cast(Kind, match["flag"]))
    elif match["far"]:
        yield Step(line, connection, "hops", cast(Direction, match["far"]), number=int(match["hops"]))
    elif match["ports"]:
        yield Step(line, connection, "ports", number=int(match["ports"]))
    elif match["hole"]:
        yield Step(line, connection, "gap", cast(Direction, match["hole"]), number=int(match["length"]))
    elif match["agreed"]:
        yield Step(line, connection, cast(Kind, match["agreed"]), data=match["value"].encode("latin-1"))
    elif match["side"]:
        side, said = cast(Direction, match["side"]), match["said"]
        if said in _WORDS:
            step = Step(line, connection, _WORDS[said], side)
        elif said.startswith("http "):
            lines = _BAR.split(said.removeprefix("http ").lstrip())
            step = Step(line, connection, "http", side, opening.head([_unescape(text) for text in lines]))
        elif said.startswith("raw "):
            step = Step(line, connection, "raw", side, _from_hex(said.removeprefix("raw ")))
        else:
            step = Step(line, connection, "bytes", side, _from_hex(said.replace(_TWISTER, "00 00 00 00")))
        times = int(match["times"] or 1)
        if times * len(step.data) > LONGEST:
            raise ValueError(f"more than {LONGEST} bytes")
        twister = random.Random(SEED)
        for _ in range(times):
            if step.kind == "bytes" and _TWISTER in said:
                drawn = re.sub(_TWISTER, lambda _: twister.randbytes(4).hex(" "), said)
                step = msgspec.structs.replace(step, data=_from_hex(drawn))
            yield step


def _from_hex(text: str) -> bytes:
    parts = bytearray()
    for token in text.split():
        match = _HEX.fullmatch(token)
        if match is None:
            raise ValueError(f"{token!r} is not a byte in hex")
        times = int(match[2] or 1)
        if len(parts) + times > LONGEST:
            raise ValueError(f"more than {LONGEST} bytes")
        parts += bytes.fromhex(match[1]) * times
    if not parts:
        raise ValueError("no bytes")
    return bytes(parts)


def _unescape(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        if match[2] not in _ESCAPED:
            raise ValueError(f"unknown escape {match[0]}")
        return _ESCAPED[match[2]]

    return _ESCAPE.sub(character, text)


class _Player:
    """Plays the steps of one connection, and the opening they leave out."""

    def __init__(self, wire: Wire, number: int, base_port: int, server_port: int, steps: list[Step]) -> None:
        heads = [step for step in steps if step.kind == "http"]
        requests = [step for step in heads if step.side == "client"]
        kinds = {step.kind for step in steps}
        midstream = "midstream" in kinds
        bare = midstream or "raw" in kinds
        self.conversation = Conversation(
            wire,
            client=("192.0.2.1", base_port + next((step.number for step in steps if step.kind == "ports"), number)),
            server=("192.0.2.80", server_port),
            midstream=midstream,
            again=number if "ports" in kinds else 0,
        )
        sealed = next((step for step in steps if step.kind == "tls"), None)
        if sealed is not None:
            self.conversation.tls = Tls(base_port + number, None if sealed.number else SERVER_NAME)
        rfc_answer = opening.accept_for(opening.RFC_KEY).encode()
        self.key = opening.RFC_KEY if any(rfc_answer in step.data for step in heads) else self.conversation.key
        answered = "silent" in kinds or (bool(heads) and heads[-1].side == "server")
        self.puts_request = not requests and not bare
        self.puts_response = not answered and not bare
        self.last_request = requests[-1] if requests else None
        self.agreed: dict[str, str | None] = {
            step.kind: step.data.decode("latin-1") for step in steps if step.kind in _AGREED
        }

    def play(self, step: Step) -> None:
        conversation = self.conversation
        if step.kind == "wait":
            conversation.wire.wait(step.number)
            return
        if step.kind == "snaplen":
            conversation.wire.snaplen = step.number
            return
        if step.kind == "unacked":
            self._begin()
            conversation.unacked()
            return
        if step.kind == "badsum":
            self._begin()
            conversation.damaged()
            return
        if step.side is None or step.kind == "silent":
            return
        self._begin()
        match step.kind:
            case "again":
                conversation.again(step.side, step.number, step.data)
            case "bytes" | "raw":
                conversation.send(step.side, step.data)
            case "http":
                self._http(step, step.side)
            case "hops":
                conversation.hops(step.side, step.number)
            case "gap":
                conversation.gap(step.side, step.number)
            case "fin":
                conversation.fin(step.side)
            case "rst":
                conversation.rst(step.side)
            case other:
                raise AssertionError(other)

    def _begin(self) -> None:
        if self.puts_request:
            self.puts_request = False
            self.conversation.client(opening.head(opening.request(self.key, **self._chosen())))
            if self.puts_response:
                self._answer()

    def _http(self, step: Step, side: Direction) -> None:
        if side == "server":
            accept = opening.accept_for(self.key).encode()
            self.conversation.server(step.data.replace(b"{accept}", accept))
            return
        self.key = _key_in(step.data)
        self.conversation.client(step.data)
        if self.puts_response and step is self.last_request:
            self._answer()

    def _answer(self) -> None:
        self.puts_response = False
        self.conversation.server(opening.head(opening.response(self.key, **self._chosen())))

    def _chosen(self) -> dict[str, str | None]:
        return {name: self.agreed.get(name) for name in _AGREED}


_AGREED = ("extensions", "subprotocol")


def _key_in(head: bytes) -> str:
    """The value of the first Sec-WebSocket-Key field, or an empty one."""
    match = re.search(rb"^sec-websocket-key[ \t]*:[ \t]*([^\r\n]*)", head, re.IGNORECASE | re.MULTILINE)
    return match[1].strip().decode("latin-1") if match else ""
