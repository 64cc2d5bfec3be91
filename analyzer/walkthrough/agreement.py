"""What both sides know after the opening handshake: what was agreed, and what no field speaks of."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.model import Extension, Handshake
from analyzer.walkthrough.document import Block, Points, Words, code, paragraph, words
from analyzer.walkthrough.moments import duration
from analyzer.walkthrough.opening import agreed, values

DEFLATE = "permessage-deflate"
WINDOWS = {
    "server_max_window_bits": ("server", "client"),
    "client_max_window_bits": ("client", "server"),
}
"""Who compresses with this window, and who needs as much memory to inflate it."""
COMPRESSION = {
    DEFLATE: "a message may be compressed with DEFLATE; RSV1 of its first frame says whether it is (RFC 7692 6)",
    "server_no_context_takeover": "the server begins each message with an empty window, so it can forget the last",
    "client_no_context_takeover": "the client begins each message with an empty window, so the server can forget it",
}
"""RFC 7692 7.1."""


def blocks(opening: Handshake, *, used: bool) -> list[Block]:
    """What came of ``opening``; ``used``: frames followed."""
    if opening.status is None and used:
        return [
            paragraph(
                "That the server agreed, since frames follow. To what it agreed is not known: its answer is not in the"
                " capture."
            )
        ]
    if opening.status is None:
        return [paragraph("Nothing yet: a client must not send data before it has the answer (RFC 6455 4.1).")]
    if not agreed(opening):
        return list(_refused(opening))
    return [Points([*_agreed(opening)])]


def _refused(opening: Handshake) -> Iterator[Block]:
    yield paragraph(
        f"That this connection will not be a WebSocket: the server answered {opening.status}, and only 101 is a yes."
        " What the client does now is a matter of HTTP: it may authenticate after a 401 or follow a redirect, but need"
        " not (RFC 6455 4.1)."
    )
    if values(opening.request, "origin"):
        yield paragraph(
            "A script in a browser learns none of this. It gets an error event and then a close event with code 1006,"
            " whatever the status; the reason is kept from it, so that a page cannot explore the network it is viewed"
            " from. Who wants to know looks into the browser's developer tools, the server's log, or a capture."
        )


def _agreed(opening: Handshake) -> Iterator[Words]:
    yield _version(opening)
    yield _origin(opening)
    yield _subprotocol(opening)
    yield from _extensions(opening)
    yield words(
        "Masks: no field speaks of them. From here on the client masks every frame and the server none (RFC 6455 5.1)."
    )
    yield words(
        "Limits: no field speaks of these either. How long a message the other side takes, each learns only when a"
        " Close with code 1009 comes back (RFC 6455 7.4.1)."
    )
    if opening.request is not None and opening.response is not None:
        took = opening.response.time_ns - opening.request.time_ns
        yield words(f"Time: the server took {duration(took)} from the first byte of the request to its answer.")
    yield words(
        "From the next byte on each side may send frames whenever it likes: nobody asks and nobody has to answer. In a"
        " browser, this is when onopen is called."
    )


def _version(opening: Handshake) -> Words:
    sent = values(opening.request, "sec-websocket-version")
    if not sent:
        return words("Version: none was named; 13 is that of RFC 6455.")
    return words("Version: ", code(", ".join(sent)), "; 13 is that of RFC 6455, and no later one exists.")


def _origin(opening: Handshake) -> Words:
    sent = values(opening.request, "origin")
    if opening.request is None:
        return words("Origin: the request is not in the capture.")
    if not sent:
        return words("Origin: none was sent, so the client is no browser, or hides that it is (RFC 6455 4.1).")
    return words(
        "Origin: ", code(", ".join(sent)), ", and the server took it. No script can change what a browser writes"
        " there; other programs write what they like (RFC 6455 10.2).",
    )  # fmt: skip


def _subprotocol(opening: Handshake) -> Words:
    offered = values(opening.request, "sec-websocket-protocol")
    chosen = values(opening.response, "sec-websocket-protocol")
    if not offered and not chosen:
        return words("Subprotocol: none offered and none chosen; what the messages mean is agreed elsewhere.")
    without = "" if chosen else ": the connection has none, and the client decides whether it can live with that"
    return words(
        "Subprotocol: offered ", code(", ".join(offered)) if offered else "none",
        ", chosen ", code(", ".join(chosen)) if chosen else "none", f"{without}.",
    )  # fmt: skip


def _extensions(opening: Handshake) -> Iterator[Words]:
    offered = values(opening.request, "sec-websocket-extensions")
    chosen = values(opening.response, "sec-websocket-extensions")
    if not offered and not chosen:
        yield words("Extensions: none offered, none agreed. The reserved bits of every frame have to be 0.")
        return
    yield words(
        "Extensions: offered ", code(", ".join(offered)) if offered else "none",
        ", agreed ", code(", ".join(chosen)) if chosen else "none",
        "." if chosen else ". What was offered and not agreed does not exist: the reserved bits have to be 0.",
    )  # fmt: skip
    for extension in opening.extensions:
        yield from _explained(extension)


def _explained(extension: Extension) -> Iterator[Words]:
    names = [name for name, _ in extension.params]
    for name, value in [(extension.name, None), *extension.params]:
        said = code(name if value is None else f"{name}={value}")
        if name in COMPRESSION:
            yield words(said, f": {COMPRESSION[name]}.")
        elif name in WINDOWS and value is not None and value.isdecimal() and len(value) <= 2:
            who, other = WINDOWS[name]
            yield words(
                said, f": the {who} refers back at most {1 << int(value)} bytes, 2 to the power of {value}; the {other}"
                " needs to remember no more to inflate it (RFC 7692 7.1.2).",
            )  # fmt: skip
    if extension.name == DEFLATE and not {"server_no_context_takeover", "client_no_context_takeover"} & {*names}:
        yield words(
            "No ", code("no_context_takeover"), ": both sides go on with the window of the message before, so what was"
            " said once costs little when it is said again (RFC 7692 7.1.1).",
        )  # fmt: skip
