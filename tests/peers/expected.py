"""What the analyzer says of the recordings of real peers from a warning upwards, each with its reason.

Recorded anew, a capture may hold fewer of them, or the other end of a race, but nothing of another kind. What is not
listed here draws no warning: every Close, every answer, every compressed message of all these stacks.
"""

from __future__ import annotations

from typing import NamedTuple


class Expected(NamedTuple):
    """A finding, by the connection's number in the bundled capture."""

    connection: int
    rule: str
    side: str
    why: str


# SC-013 is a FIN without any Close before it, SC-014 a RST before the closing handshake was complete. The other side's
# application gets 1006 (RFC 6455 7.1.5), which is what the scene wanted: the warning is its visible trace.
CLIENT_KILLED = "the client was killed: its kernel ends TCP, nobody is left to send a Close"
SERVER_KILLED = "the server was killed: its kernel ends TCP, nobody is left to send a Close"
SERVER_ENDED = "told to end, the server exits without closing its connections"
PASSED_ON = "the proxy speaks TCP only here: it passes on how the other side ended"
TIMED_OUT = "the proxy's time-out ends the quiet connection on both sides, with TCP's means only"
PROXY_ENDED = "told to end, the proxy drops what it relays on both sides, with TCP's means only"

MQTT_OVER = "on MQTT's DISCONNECT mosquitto ends TCP at once; the client's Close comes after that FIN"
MQTT_ERROR = "on an error of MQTT mosquitto ends TCP at once"
MQTT_LEFT = "paho-mqtt has no Close: it ends TCP after MQTT's DISCONNECT; or mosquitto does, which it reaches first"
LWS_ENDED = "told to end or killed, the test client ends TCP without a Close; with unread bytes that is a RST"

AFTER_CLOSE = """A true defect of libwebsockets' test server. Asked to close ("closeme") it sends its Close, and its
counter's next number after it, because a write was due already: "The application MUST NOT send any more data frames
after sending a Close frame" (RFC 6455 5.5.1)."""

KILLS = [
    Expected(3, "SC-013", "client", CLIENT_KILLED),
    Expected(4, "SC-013", "server", SERVER_KILLED),
]
# In a proxy's recording each scene has two connections: the client's to the proxy, and the proxy's to the server.
THROUGH = [
    Expected(6, "SC-013", "client", CLIENT_KILLED),
    Expected(7, "SC-013", "client", PASSED_ON),
    Expected(8, "SC-013", "server", PASSED_ON),
    Expected(9, "SC-013", "server", SERVER_KILLED),
    Expected(14, "SC-013", "server", TIMED_OUT),
    Expected(16, "SC-013", "server", PROXY_ENDED),
    Expected(17, "SC-013", "client", PROXY_ENDED),
]

EXPECTED: dict[str, list[Expected]] = {
    "websockets": KILLS,
    "aiohttp": KILLS,
    "tornado": [*KILLS, Expected(5, "SC-013", "server", SERVER_ENDED)],
    "uvicorn": KILLS,
    "uvicorn_wsproto": KILLS,
    "ws": KILLS,
    "socketio": KILLS,
    "chromium": [
        # The page that was left for another is kept in the back/forward cache, and its connection open.
        Expected(3, "SC-013", "server", SERVER_KILLED),
        Expected(4, "SC-013", "server", SERVER_KILLED),
        Expected(6, "SC-013", "client", CLIENT_KILLED),
    ],
    "nginx": [*THROUGH, Expected(15, "SC-013", "client", TIMED_OUT)],
    "haproxy": [*THROUGH, Expected(15, "SC-014", "client", TIMED_OUT)],  # it resets the server's side
    "apache2": [*THROUGH, Expected(15, "SC-013", "client", TIMED_OUT)],
    "mosquitto": [
        Expected(1, "SC-013", "server", MQTT_OVER),
        Expected(2, "SC-013", "server", MQTT_ERROR),
        Expected(3, "SC-013", "client", CLIENT_KILLED),
        Expected(4, "SC-013", "server", SERVER_KILLED),
        Expected(5, "SC-013", "server", SERVER_ENDED),
        Expected(6, "SC-013", "server", MQTT_LEFT),
        Expected(7, "SC-013", "server", MQTT_LEFT),
        Expected(8, "SC-013", "client", MQTT_LEFT),
        Expected(9, "SC-013", "client", CLIENT_KILLED),
        Expected(10, "SC-013", "server", SERVER_KILLED),
        Expected(11, "SC-013", "server", SERVER_ENDED),
    ],
    "libwebsockets": [
        Expected(2, "SC-001", "server", AFTER_CLOSE),
        Expected(4, "SC-013", "server", SERVER_KILLED),
        Expected(5, "SC-013", "server", SERVER_ENDED),
        Expected(7, "SC-014", "client", LWS_ENDED),
        Expected(9, "SC-014", "client", LWS_ENDED),
        Expected(10, "SC-013", "server", SERVER_ENDED),
    ],
}
RACES = {"libwebsockets": {("SC-014", "server"), ("SC-013", "client")}}
"""What another run may show: the mirror protocol floods, and who ends TCP, with FIN or RST, depends on what
was unread."""

ERRORS = {name: {each.rule for each in every if each.why is AFTER_CLOSE} for name, every in EXPECTED.items()}
"""The rules of severity error that recordings break, by name."""
