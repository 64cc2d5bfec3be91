"""An echo server that serves the page that talks to it, on the loopback interface only.

One port does both: a request for the page is answered by HTTP, the opening handshake for ``/echo`` by a WebSocket.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

HOST = "127.0.0.1"
PORT = 8765
PAGE = Path(__file__).with_name("index.html")
ECHO = "/echo"


def echo(connection: ServerConnection) -> None:
    """Send every message back as it came, until the other side closes."""
    for message in connection:
        connection.send(message)


def answer(connection: ServerConnection, request: Request) -> Response | None:
    """The page for a request that is no opening handshake; None lets the handshake go on."""
    if request.path == ECHO:
        return None
    if request.path != "/":
        return connection.respond(HTTPStatus.NOT_FOUND, "There is only / here.\n")
    page = PAGE.read_bytes()
    headers = Headers(
        {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(page)), "Connection": "close"}
    )
    return Response(HTTPStatus.OK, "OK", headers, page)


@contextlib.contextmanager
def serving(port: int = 0) -> Iterator[int]:
    """A server in the background, and its port; 0: any free one."""
    # without compression, so that what goes over the wire is the text itself, and the offer of the browser is declined
    with serve(echo, HOST, port, process_request=answer, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever, name="echo", daemon=True)
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()
