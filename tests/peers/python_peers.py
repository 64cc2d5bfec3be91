"""Peers made of Python libraries, each in a process of its own so that it can be killed.

    python python_peers.py serve STACK PORT                 on 127.0.0.1, until SIGTERM
    python python_peers.py talk STACK URL SCENE [plain]     SCENE: ordinary, large, closed, quiet, refused

A server gives every message back, but for ``close`` (it closes), ``ping`` (it sends a Ping first) and ``length ...``
(it answers with the length). Only the standard library is imported until a stack is chosen.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

HOST = "127.0.0.1"
Message = str | bytes

CODE, REASON = 4000, "enough"
"""What a server closes with that is asked to."""
PLAIN, WIDE = 3_000, 66_000
"""Lengths that need the 16-bit and the 64-bit form."""
SQUEEZED = 70_000
"""Compresses to a few hundred bytes."""


def told(message: Message) -> Message:
    """What a server answers."""
    return str(len(message)) if isinstance(message, str) and message.startswith("length ") else message


# --- clients


class Client(Protocol):
    """What the scenes need of a client."""

    async def send(self, message: Message) -> None: ...
    async def receive(self) -> Message: ...
    async def ping(self) -> None: ...
    async def close(self, code: int, reason: str) -> None: ...
    async def end(self) -> None:
        """Wait until the connection is over."""


async def play(client: Client, scene: str, plain: bool) -> None:
    """One scene. Raises AssertionError where an answer is not what was sent."""
    await client.send("Hello")
    assert await client.receive() == "Hello"
    if scene == "quiet":
        print("ready", flush=True)
        await client.end()
        return
    if scene == "closed":
        await client.send("close")
        await client.end()
        return
    if scene == "large":
        await client.send("length ".ljust(WIDE, "."))
        assert await client.receive() == str(WIDE)
    size = PLAIN if plain else SQUEEZED
    for message in ("Grüße, 世界", bytes(range(256)), "", b"", "x" * 125, "x" * 126, "WebSocket " * (size // 10)):
        await client.send(message)
        assert await client.receive() == message
    if isinstance(client, Websockets):
        await client.send(["Hel", "", "lo"])  # three fragments
        assert await client.receive() == "Hello"
    await client.ping()
    await client.send("ping")
    assert await client.receive() == "ping"
    for number in range(10):
        await client.send(f"message {number}")
    for number in range(10):
        assert await client.receive() == f"message {number}"
    await client.close(1000, "bye")


class Websockets:
    """The library ``websockets``."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.send = connection.send
        self.receive = connection.recv

    async def ping(self) -> None:
        await (await self.connection.ping(b"from the client"))

    async def close(self, code: int, reason: str) -> None:
        await self.connection.close(code, reason)

    async def end(self) -> None:
        await self.connection.wait_closed()


class Aiohttp:
    """The library ``aiohttp``."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def send(self, message: Message) -> None:
        await (self.connection.send_str(message) if isinstance(message, str) else self.connection.send_bytes(message))

    async def receive(self) -> Message:
        data: Message = (await self.connection.receive()).data
        return data

    async def ping(self) -> None:
        await self.connection.ping(b"from the client")

    async def close(self, code: int, reason: str) -> None:
        await self.connection.close(code=code, message=reason.encode())

    async def end(self) -> None:
        while not self.connection.closed:
            await self.connection.receive()


class Tornado:
    """The library ``tornado``."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.receive = connection.read_message

    async def send(self, message: Message) -> None:
        await self.connection.write_message(message, binary=isinstance(message, bytes))

    async def ping(self) -> None:
        self.connection.ping(b"from the client")

    async def close(self, code: int, reason: str) -> None:
        self.connection.close(code, reason)
        await self.end()

    async def end(self) -> None:
        while await self.connection.read_message() is not None:
            pass


async def talk_websockets(url: str, scene: str, plain: bool) -> None:
    """As the library connects, but for proxies of the environment."""
    from websockets.asyncio.client import connect

    async with connect(url, compression=None if plain else "deflate", proxy=None) as connection:
        await play(Websockets(connection), scene, plain)


async def talk_aiohttp(url: str, scene: str, plain: bool) -> None:
    """It compresses only where it is asked to."""
    import aiohttp

    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, compress=0 if plain else 15) as connection,
    ):
        await play(Aiohttp(connection), scene, plain)


async def talk_tornado(url: str, scene: str, plain: bool) -> None:
    """It compresses only where it is asked to."""
    from tornado.websocket import websocket_connect

    connection = await websocket_connect(url, compression_options=None if plain else {})
    await play(Tornado(connection), scene, plain)


# --- MQTT over WebSocket, for mosquitto


def mqtt(kind: int, *body: bytes) -> bytes:
    """An MQTT 3.1.1 packet of less than 128 bytes."""
    return bytes([kind, sum(map(len, body))]) + b"".join(body)


async def talk_mqtt(url: str, scene: str, plain: bool) -> None:
    """An MQTT client of a few lines on ``websockets``: connects, subscribes, and hears what it publishes."""
    from websockets.asyncio.client import connect
    from websockets.typing import Subprotocol

    compression = None if plain else "deflate"
    async with connect(url, subprotocols=[Subprotocol("mqtt")], compression=compression, proxy=None) as connection:
        topic = b"\0\1a"

        async def asked(packet: bytes) -> bytes:
            await connection.send(packet)
            answer = await connection.recv()
            assert isinstance(answer, bytes)
            return answer

        assert await asked(mqtt(0x10, b"\0\4MQTT\4\2\0\x3c", b"\0\1c")) == mqtt(0x20, b"\0\0")
        if scene == "quiet":
            print("ready", flush=True)
            await connection.wait_closed()
        elif scene == "closed":  # a second CONNECT is an error of MQTT: the broker ends the connection
            await connection.send(mqtt(0x10, b"\0\4MQTT\4\2\0\x3c", b"\0\1c"))
            await connection.wait_closed()
        else:
            assert await asked(mqtt(0x82, b"\0\1", topic, b"\0")) == mqtt(0x90, b"\0\1", b"\0")
            for number in range(5):
                published = mqtt(0x30, topic, b"value %d" % number)
                assert await asked(published) == published
            assert await asked(mqtt(0xC0)) == mqtt(0xD0)
            await connection.send(mqtt(0xE0))


async def talk_paho(url: str, scene: str, plain: bool) -> None:
    """The library ``paho-mqtt``, which has a WebSocket client of its own."""
    import queue

    from paho.mqtt.client import Client as Paho
    from paho.mqtt.enums import CallbackAPIVersion

    heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    client = Paho(CallbackAPIVersion.VERSION2, transport="websockets", reconnect_on_failure=False)
    client.on_message = lambda *given: heard.put(given[2].payload)
    client.on_subscribe = lambda *_: heard.put(b"subscribed")
    client.connect(HOST, int(url.split(":")[2].rstrip("/")))
    client.loop_start()
    client.subscribe("a")
    assert heard.get(timeout=10) == b"subscribed"
    if scene == "quiet":
        print("ready", flush=True)
        while client.is_connected():
            await asyncio.sleep(0.05)
        return
    for number in range(5):
        client.publish("a", b"value %d" % number * 30)
        assert heard.get(timeout=10) == b"value %d" % number * 30
    client.disconnect()
    client.loop_stop()


async def talk_lws(url: str, scene: str, plain: bool) -> None:
    """The protocols of libwebsockets' test server: one counts, one gives all its clients what one of them sent."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed
    from websockets.typing import Subprotocol

    name = Subprotocol("lws-mirror-protocol" if scene == "ordinary" else "dumb-increment-protocol")
    async with connect(url, subprotocols=[name], compression=None if plain else "deflate", proxy=None) as connection:
        if scene == "ordinary":
            for message in ("Hello", "Grüße", "x" * 125, "x" * 126, "WebSocket " * 300):
                await connection.send(message)
                assert await connection.recv() == message
            await (await connection.ping(b"from the client"))
            return
        for _ in range(5):
            await connection.recv()
        if scene == "closed":
            await connection.send("closeme\n")
        else:
            print("ready", flush=True)
        with contextlib.suppress(ConnectionClosed):
            async for _ in connection:
                pass


# --- servers


def terminated() -> asyncio.Event:
    """Set on SIGTERM."""
    event = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, event.set)
    return event


async def serve_websockets(port: int) -> None:
    """Gives the page for browsers too, so that they have an origin."""
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.datastructures import Headers
    from websockets.exceptions import ConnectionClosed
    from websockets.http11 import Request, Response

    async def echo(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                if message == "close":
                    await connection.close(CODE, REASON)
                if message == "ping":
                    await (await connection.ping(b"from the server"))
                await connection.send(told(message))

    def page(connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/":
            return None
        if request.path != "/page":
            return connection.respond(403, "no\n")
        kind = Headers([("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))])
        return Response(200, "OK", kind, PAGE)

    async with serve(echo, HOST, port, process_request=page):
        await terminated().wait()


PAGE = b"<!doctype html><meta charset=utf-8><title>peer</title><link rel=icon href=data:,>"


async def serve_aiohttp(port: int) -> None:
    """Closes what is open when it ends, as its manual has it."""
    from aiohttp import WSCloseCode, WSMsgType, web

    open_now: set[web.WebSocketResponse] = set()

    async def echo(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        open_now.add(connection)
        async for message in connection:
            if message.type == WSMsgType.BINARY:
                await connection.send_bytes(message.data)
            elif message.data == "close":
                await connection.close(code=CODE, message=REASON.encode())
            else:
                if message.data == "ping":
                    await connection.ping(b"from the server")
                await connection.send_str(str(told(message.data)))
        open_now.discard(connection)
        return connection

    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    await terminated().wait()
    for connection in set(open_now):
        await connection.close(code=WSCloseCode.GOING_AWAY, message=b"Server shutdown")
    await runner.cleanup()


async def serve_tornado(port: int) -> None:
    """Ends without a word, as it does by default."""
    from tornado.web import Application
    from tornado.websocket import WebSocketHandler

    class Echo(WebSocketHandler):
        def get_compression_options(self) -> dict[str, Any]:
            return {}

        async def on_message(self, message: Message) -> None:
            if message == "close":
                self.close(CODE, REASON)
                return
            if message == "ping":
                self.ping(b"from the server")
            await self.write_message(told(message), binary=isinstance(message, bytes))

    Application([("/", Echo)]).listen(port, HOST)
    await terminated().wait()


async def application(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
    """The echo as ASGI has it. It has no Pings of its own."""
    assert scope["type"] == "websocket"
    if scope["path"] != "/":
        await receive()
        await send({"type": "websocket.close"})
        return
    while True:
        event = await receive()
        match event["type"]:
            case "websocket.connect":
                await send({"type": "websocket.accept"})
            case "websocket.disconnect":
                return
            case _ if event.get("text") == "close":
                await send({"type": "websocket.close", "code": CODE, "reason": REASON})
                return
            case _ if event.get("text") is not None:
                await send({"type": "websocket.send", "text": told(event["text"])})
            case _:
                await send({"type": "websocket.send", "bytes": event["bytes"]})


async def serve_uvicorn(port: int, protocol: str = "auto") -> None:
    """With the WebSocket implementation named so, and a Ping a second."""
    import uvicorn

    chosen: Any = protocol
    config = uvicorn.Config(
        application, HOST, port, ws=chosen, lifespan="off", log_level="critical", ws_ping_interval=1.0
    )
    await uvicorn.Server(config).serve()


async def serve_uvicorn_wsproto(port: int) -> None:
    """With wsproto."""
    await serve_uvicorn(port, "wsproto")


def main(arguments: list[str]) -> None:
    """As the module's docstring says."""
    logging.disable()
    match arguments:
        case ["serve", stack, port]:
            asyncio.run(globals()[f"serve_{stack}"](int(port)))
        case ["talk", stack, url, scene, *rest]:
            with contextlib.suppress(*gone(scene)):
                asyncio.run(globals()[f"talk_{stack}"](url, scene, rest == ["plain"]))


def gone(scene: str) -> tuple[type[BaseException], ...]:
    """What a client may raise when it is refused, or its server killed: each library has its own tree."""
    return (Exception,) if scene in ("quiet", "refused") else ()


if __name__ == "__main__":
    for variable in list(os.environ):
        if variable.lower().endswith("_proxy"):
            del os.environ[variable]
    main(sys.argv[1:])
