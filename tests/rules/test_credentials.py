"""Names and values that are credentials, and those that only look it."""

from __future__ import annotations

import time

import pytest

from analyzer.http.fields import split_list
from analyzer.http.head import Head, parse_head
from analyzer.model import Place
from analyzer.rules import credentials

JWT = b"eyJhbGciOiJIUzI1NiJ9.e30.xyz"
TOKEN = b"a8Fj30dkQw92mZx7"
UUID = b"8bfbd7e5-6a50-4f7e-9d3f-2b1c0a4e5f60"


def head(*lines: bytes, target: bytes = b"/ws") -> Head:
    raw = b"\r\n".join([b"GET " + target + b" HTTP/1.1", *lines, b"", b""])
    return parse_head(raw, [(0, 0, Place(0, 1, 0, 0, 0))], is_request=True)


def shown(request: Head, found: list[credentials.Credential]) -> list[tuple[str, bytes]]:
    return [(each.name, request.raw[each.offset : each.offset + each.length]) for each in found]


@pytest.mark.parametrize(
    "name",
    [b"sid", b"connect.sid", b"PHPSESSID", b"JSESSIONID", b"session", b"laravel_session", b"__Host-session-id",
     b"ASP.NET_SessionId", b".AspNetCore.Cookies", b".ASPXAUTH", b"auth_token", b"access_token", b"jwt", b"sb-auth",
     b"authorization", b"remember_me"],
)  # fmt: skip
def test_session_cookies(name: bytes) -> None:
    assert credentials.is_session_cookie(name, b"38afes7a8")
    assert not credentials.is_session_cookie(name, b"")
    assert not credentials.is_session_cookie(name, b"deleted")


@pytest.mark.parametrize(
    "name",
    [b"theme", b"_ga", b"_gid", b"AWSALB", b"AWSALBCORS", b"SERVERID", b"INGRESSCOOKIE", b"ARRAffinity", b"sidebar",
     b"inside", b"csrftoken", b"XSRF-TOKEN", b"_xsrf", b"_hjSessionUser_12", b"ai_session", b"author", b"authority",
     b".AspNetCore.Antiforgery.x", b"session-affinity", b"cookieconsent_session", b"lang", b"assessment", b"obsession"],
)  # fmt: skip
def test_cookies_of_other_kinds(name: bytes) -> None:
    assert not credentials.is_session_cookie(name, b"38afes7a8")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"Authorization: Basic dXNlcjpwYXNz", [("Authorization", b"dXNlcjpwYXNz")]),
        (b"authorization: opaque", [("authorization", b"opaque")]),
        (b"Proxy-Authorization: Bearer abc", [("Proxy-Authorization", b"abc")]),
        (b"X-Auth-Token: abc", [("X-Auth-Token", b"abc")]),
        (b"X_API_KEY: abc", [("X_API_KEY", b"abc")]),
        (b"apikey: abc", [("apikey", b"abc")]),
        (b"My-Client-Secret: abc", [("My-Client-Secret", b"abc")]),
        (b"Cookie: theme=dark; sid=s%3Aabc; lang=de", [("sid", b"s%3Aabc")]),
        (b"Authorization:", []),
        (b"X-CSRF-Token: abc", []),
        (b"X-Token-Type: bearer", []),
        (b"X-Api-Key-Id: 7", []),
        (b"Sec-Token-Binding: AIkAAg", []),
        (b"Access-Control-Request-Headers: authorization", []),
        (b"Sec-WebSocket-Key: 8bQ1oWBa0nQTGCkJt2mY5g==", []),
        (b"X-Author: me", []),
    ],
)
def test_fields(line: bytes, found: list[tuple[str, bytes]]) -> None:
    request = head(line)
    assert shown(request, list(credentials.in_fields(request))) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"chat, " + JWT, [JWT]),
        (b"bearer, " + TOKEN, [TOKEN]),
        (b"access_token," + TOKEN, [TOKEN]),
        (
            b"base64url.bearer.authorization.k8s.io." + TOKEN + b", base64.binary.k8s.io",
            [b"authorization.k8s.io." + TOKEN],
        ),
        (b"realtime, openai-insecure-api-key." + TOKEN, [TOKEN]),
        (b"graphql-transport-ws, graphql-ws", []),
        (b"v12.stomp, v11.stomp, mqtt, wamp.2.json", []),
        (b"v5.channel.k8s.io", []),
        (b"bearer, chat", []),
        (b"token.auth.example", []),
        (b"chat, " + TOKEN, []),
        (UUID, []),
    ],
)
def test_subprotocols(value: bytes, found: list[bytes]) -> None:
    request = head(b"Sec-WebSocket-Protocol: " + value)
    fields = request.named(b"sec-websocket-protocol")
    offered = split_list(fields[0].value, fields[0].value_offset)
    assert [text for _, text in shown(request, list(credentials.in_protocols(offered, fields)))] == found


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (b"/ws?access_token=" + JWT, [("access_token", JWT)]),
        (b"/ws?room=5&Token=abc123", [("Token", b"abc123")]),
        (b"/ws?api-key=abc", [("api-key", b"abc")]),
        (b"/ws?password=x", [("password", b"x")]),
        (b"/ws?access%5Ftoken=abc", [("access%5Ftoken", b"abc")]),
        (b"/ws?x=" + JWT, [("x", JWT)]),
        (b"/ws/" + JWT + b"/5", [("path", JWT)]),
        (b"/ws?session=" + TOKEN, [("session", TOKEN)]),
        (b"/socket.io/?EIO=4&transport=websocket&sid=lv_VI97HAXpY6yYWAAAC", [("sid", b"lv_VI97HAXpY6yYWAAAC")]),
        (b"http://a.example/ws?token=abc", [("token", b"abc")]),
        (b"/ws", []),
        (b"/ws?", []),
        (b"/ws?room=5", []),
        (b"/ws?token", []),
        (b"/ws?token=", []),
        (b"/ws?auth=true&token=null", []),
        (b"/ws?auth=basic", []),
        (b"/ws?token_type=bearer&page_token=abc&csrf_token=abc", []),
        (b"/ws?session_id=" + UUID, []),
        (b"/ws?session_id=" + UUID.replace(b"-", b""), []),
        (b"/ws?session=5", []),
        (b"/ws?sid=5", []),
        (b"/ws?author=me&key=5", []),
        (b"/ws#token=abc", []),
    ],
)
def test_targets(target: bytes, found: list[tuple[str, bytes]]) -> None:
    request = head(target=target)
    assert shown(request, list(credentials.in_target(request))) == found


def test_a_head_full_of_credentials_is_read_in_time() -> None:
    lines = [b"token: abc"] * 3000 + [
        b"Cookie: " + b"sid=abc;" * 3000,
        b"Sec-WebSocket-Protocol: " + b"bearer, " * 3000,
    ]
    request = head(*lines, target=b"/?" + b"token=abc&" * 3000)
    started = time.monotonic()
    assert len(list(credentials.in_fields(request))) == 6000
    assert len(list(credentials.in_target(request))) == 3000
    assert time.monotonic() - started < 2
