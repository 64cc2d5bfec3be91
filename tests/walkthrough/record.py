"""``python -m tests.walkthrough.record``: takes the captures of this folder, from real peers on the loopback interface.

Both peers are the `websockets` library; what each capture is for stands with the function that takes it. Needs tcpdump
and the permission to capture. A new recording has new ports, keys and times, so the golden walkthroughs change with it
(`tests.walkthrough.stories`).
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from samples.echo.record import capturing

CAPTURES = Path(__file__).parent / "captures"
HOST, PORT = "127.0.0.1", 8766
PAUSE = 0.02
"""Seconds between things that are to be told apart."""
NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST instead of FIN."""

Server = Callable[[ServerConnection], None]


@contextlib.contextmanager
def serving(handler: Server, compression: str | None) -> Iterator[None]:
    """A server in the background."""
    with serve(handler, HOST, PORT, compression=compression, ping_interval=None) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def client(path: str, compression: str | None, **options: object) -> ClientConnection:
    """A client that has connected."""
    return connect(f"ws://{HOST}:{PORT}{path}", compression=compression, ping_interval=None, proxy=None, **options)  # type: ignore[arg-type]


def prices(connection: ServerConnection) -> None:
    """Answer a subscription with a snapshot and a few ticks, which say nearly the same each time."""
    json.loads(connection.recv())
    connection.send(json.dumps([_tick(number, symbol) for number, symbol in enumerate(("ABC", "DEF", "GHI", "JKL"))]))
    for number in range(4, 8):
        time.sleep(PAUSE)
        connection.send(json.dumps(_tick(number, "ABC")))
    connection.ping(b"alive?").wait()
    for message in connection:
        connection.send("ok" if message else "")


def _tick(number: int, symbol: str) -> dict[str, object]:
    return {"type": "price", "symbol": symbol, "bid": 100 + number / 8, "ask": 101 + number / 8, "currency": "EUR"}


def compressed() -> None:
    """permessage-deflate with context takeover: like messages shrink, short ones do not; fragments, a Ping."""
    with client("/prices", "deflate", subprotocols=["prices.v1"]) as connection:
        connection.send(json.dumps({"subscribe": "prices"}))
        for _ in range(5):
            connection.recv()
        time.sleep(PAUSE)
        connection.send([json.dumps({"subscribe": "prices", "symbols": ["ABC", "DEF"]}), ' {"currency": "EUR"}'])
        connection.recv()


def echo(connection: ServerConnection) -> None:
    """Send everything back."""
    with contextlib.suppress(ConnectionClosed):
        for message in connection:
            time.sleep(PAUSE / 2)
            connection.send(message)


def reset() -> None:
    """A client that vanishes without a Close: its TCP is reset, and what it said last is never answered."""
    with contextlib.suppress(ConnectionClosed, OSError), client("/chat", None) as connection:
        for text in ("Hello", "is anybody there?"):
            connection.send(text)
            connection.recv()
            time.sleep(PAUSE)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        connection.send("one more thing")
        connection.socket.close()


def assistant(connection: ServerConnection) -> None:
    """Send everything back, ask once whether the client is there, and leave first."""
    for number, message in enumerate(connection):
        connection.send(message)
        if number == 3:
            connection.ping(b"alive?").wait()
            connection.close(1001, "restarting")


def midstream(connection: ClientConnection) -> None:
    """What is said after tcpdump was started."""
    for number in range(2, 4):
        connection.send(f"message {number}")
        connection.recv()
        time.sleep(PAUSE)
    with contextlib.suppress(ConnectionClosed):
        connection.recv()


def main() -> None:
    """Take them all."""
    CAPTURES.mkdir(exist_ok=True)
    with serving(prices, "deflate"), capturing(CAPTURES / "compressed.pcap", PORT):
        compressed()
    with serving(echo, None), capturing(CAPTURES / "reset.pcap", PORT):
        reset()
    with serving(assistant, None), client("/chat", None) as connection:
        for number in range(2):
            connection.send(f"message {number}")
            connection.recv()
        with capturing(CAPTURES / "midstream.pcap", PORT):
            midstream(connection)


if __name__ == "__main__":
    main()
