"""What openings show to others: the findings, what they keep to themselves, and the near misses."""

from __future__ import annotations

import pytest

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.model import Finding
from analyzer.rules.exposure import (
    cookie_set_in_clear,
    credentials_in_cleartext,
    mixed_content,
    token_in_request_target,
)
from analyzer.rules.opening import Opening
from analyzer.settings import Settings
from samples import opening
from samples.traffic import Conversation, Wire, write_pcap
from tests.http.feeding import REQUEST, RESPONSE, Talk
from tests.rules.judging import judge

KEY = opening.key_for(1)
SECRET = "a8Fj30dkQw92mZx7"


def told(
    tmp_path: object,
    *fields: str,
    target: str = "/chat",
    answer: tuple[str, ...] = (),
    client: str = "192.0.2.1",
    server: str = "192.0.2.80",
) -> list[Finding]:
    """The SEC findings of one opening between two addresses, but for SEC-010."""
    wire = Wire()
    client = "2001:db8::1" if ":" in server else client
    talk = Conversation(wire, client=(client, 40001), server=(server, 80))
    request = opening.request(KEY)
    request[0] = f"GET {target} HTTP/1.1"
    talk.client(opening.head([*request, *fields]))
    talk.server(opening.head([*opening.response(KEY), *answer]))
    path = f"{tmp_path}/talk.pcap"
    write_pcap(path, wire.packets)
    settings = Settings(records=frozenset({"findings"}), select=("SEC",), ignore=("SEC-010",))
    return [each for each in pipeline.run(open_source([path], settings), settings) if isinstance(each, Finding)]


def brief(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.severity.value) for finding in findings]


def test_clear_openings_are_told_once_for_the_capture() -> None:
    line = "client: http " + " | ".join(opening.request(KEY))
    (finding,) = judge(
        f"{line}\nconnection 2:\n{line}\nconnection 3:\nclient: raw 16 03 01 00 05 01 00 00 01 03", "SEC-010"
    )
    assert (finding.count, finding.found, finding.connection) == (2, "2 openings in the clear", None)
    assert finding.packet == 4
    assert judge("client: http GET / HTTP/1.1 | Host: a\nserver: http HTTP/1.1 200 OK | Content-Length: 0", "SEC") == []


def test_openings_on_loopback_are_counted_apart(tmp_path: object) -> None:
    wire = Wire()
    Conversation(wire, client=("127.0.0.1", 40001), server=("127.0.0.1", 80)).open()
    write_pcap(f"{tmp_path}/a.pcap", wire.packets)
    records = pipeline.run(open_source([f"{tmp_path}/a.pcap"], Settings()), Settings())
    found = [each.found for each in records if isinstance(each, Finding) and each.rule == "SEC-010"]
    assert found == ["1 opening in the clear, 1 of them on loopback"]


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("Authorization: Bearer " + SECRET, 'Authorization: "Bearer" and 16 characters'),
        ("X-Api-Key: " + SECRET, "X-Api-Key: 16 characters"),
        (f"Cookie: theme=dark; sid={SECRET}; jwt=abcd", 'Cookie: "sid" of 16 characters, "jwt" of 4 characters'),
        (f"Sec-WebSocket-Protocol: bearer, {SECRET}", "Sec-WebSocket-Protocol: 16 characters"),
    ],
)
def test_credentials_are_named_and_not_shown(tmp_path: object, field: str, found: str) -> None:
    findings = told(tmp_path, "X-Before: 1", field, "X-After: 2", target=f"/chat?token={SECRET}")
    assert brief(findings) == [("SEC-011", "warning"), ("SEC-012", "warning")]
    (finding,) = [each for each in findings if each.rule == "SEC-011"]
    assert finding.found == found
    assert finding.header == field.partition(":")[0]
    for each in findings:
        assert SECRET not in str(each)
        assert each.evidence is not None
        shown = bytes.fromhex(each.evidence.hex)
        assert SECRET.encode() not in shown
        assert b"*" * 16 in shown


def test_on_loopback_credentials_are_an_observation(tmp_path: object) -> None:
    field = "Authorization: Basic dXNlcjpwYXNz"
    assert brief(told(tmp_path, field, client="127.0.0.1", server="127.0.0.1")) == [("SEC-011", "info")]
    assert brief(told(tmp_path, field, client="::1", server="::1")) == [("SEC-011", "info")]
    assert brief(told(tmp_path, field, client="10.0.0.1", server="10.0.0.2")) == [("SEC-011", "warning")]


def test_many_credentials_are_told_in_part(tmp_path: object) -> None:
    findings = told(
        tmp_path, *[f"X-Token-{n}: abc" for n in range(9)], "Cookie: " + "; ".join(f"sid{n}.sid=abc" for n in range(9))
    )
    assert brief(findings) == [("SEC-011", "warning")] * 5


def test_a_socket_io_session_is_an_observation_and_a_password_beside_it_is_not(tmp_path: object) -> None:
    target = "/socket.io/?EIO=4&transport=websocket&sid=lv_VI97HAXpY6yYWAAAC"
    assert brief(told(tmp_path, target=target)) == [("SEC-012", "info")]
    (finding,) = told(tmp_path, target=f"{target}&token=abc")
    assert finding.severity.value == "warning"
    assert finding.found == '"token" of 3 characters, "sid" of 20 characters'


@pytest.mark.parametrize(
    ("fields", "server", "expected"),
    [
        (("Origin: https://a.example",), "192.0.2.80", [("SEC-018", "warning")]),
        (("Origin: https://a.example", "X-Forwarded-Proto: https"), "192.0.2.80", [("SEC-018", "info")]),
        (("Origin: https://a.example", "Via: 1.1 proxy"), "192.0.2.80", [("SEC-018", "info")]),
        (("Origin: https://a.example",), "10.0.0.5", [("SEC-018", "info")]),
        (("Origin: https://a.example",), "127.0.0.1", []),
        (("Origin: http://a.example",), "192.0.2.80", []),
        (("Origin: null",), "192.0.2.80", []),
        ((), "192.0.2.80", []),
    ],
)
def test_secure_pages_and_insecure_websockets(
    tmp_path: object, fields: tuple[str, ...], server: str, expected: list[tuple[str, str]]
) -> None:
    assert [each for each in brief(told(tmp_path, *fields, server=server)) if each[0] == "SEC-018"] == expected


def test_cookies_set_in_the_clear(tmp_path: object) -> None:
    (finding,) = told(tmp_path, answer=(f"Set-Cookie: sid={SECRET}; HttpOnly; Secure", "Set-Cookie: theme=dark"))
    assert (finding.rule, finding.found) == ("SEC-026", 'cookie "sid", 16 characters, in the clear')
    assert finding.evidence is not None
    assert SECRET.encode().hex() not in finding.evidence.hex
    assert (
        told(tmp_path, answer=("Set-Cookie: AWSALB=abc; Secure", "Set-Cookie: sid=; Max-Age=0", "Set-Cookie: x")) == []
    )


def test_over_tls_only_what_leaves_it_is_told() -> None:
    fields = b"Origin: https://a.example\r\nAuthorization: Basic abc\r\n"
    answers = {b"Set-Cookie: sid=abc; secure\r\n": [], b"Set-Cookie: sid=abc\r\n": ["without Secure"]}
    for answer, told_of in answers.items():
        request = REQUEST.replace(b"GET /chat", b"GET /chat?token=abc")[:-2] + fields + b"\r\n"
        talk = Talk().client(request).server(RESPONSE[:-2] + answer + b"\r\n")
        (exchange,) = talk.connection.exchanges
        exchange.tls = True
        opened = Opening(exchange)
        assert list(credentials_in_cleartext(opened)) == []
        assert list(mixed_content(opened)) == []
        assert [fault.found for fault in token_in_request_target(opened)] == ['"token" of 3 characters']
        assert [fault.found.rpartition(", ")[2] for fault in cookie_set_in_clear(opened)] == told_of


def test_cookie_names_with_odd_bytes_do_no_harm(tmp_path: object) -> None:
    assert told(tmp_path, "Cookie: =; ;;=x; sid\xff=; \xe4=\xff") == []
