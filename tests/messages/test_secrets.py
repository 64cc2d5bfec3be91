"""Names that say that what follows is a secret, wherever the message is cut."""

from __future__ import annotations

import pytest

from analyzer.messages.secrets import Search

KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIE"


def found(*runs: bytes) -> str:
    search = Search()
    for run in runs:
        search.feed(run)
    return search.found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b'{"op":"login","password":"..."}', "password"),
        (b'{"access_token" : "abc"}', "access_token"),
        (b'{"Authorization":"Bearer x"}', "Authorization"),
        (b'{"api-key":"x"}', "api-key"),
        (b'{"client_secret":\n  "x"}', "client_secret"),
        (KEY, "RSA PRIVATE KEY"),
        (b'{"csrf_token":"x","token":"y"}', "token"),
        (b'{"op":"ping"}', ""),
        (b'{"password":""}', ""),
        (b'{"password":null}', ""),
        (b'{"nextToken":"x"}', ""),
        (b'{"tokens":["x"]}', ""),
        (b'{"token_type":"bearer"}', ""),
        (b'{"text":"my password: x"}', ""),
        (b"-----BEGIN PUBLIC KEY-----", ""),
    ],
)
def test_names(text: bytes, name: str) -> None:
    assert found(text) == name
    text = b" " * 500 + text + b" " * 500
    assert found(text) == name
    for cut in range(480, len(text) - 480):
        assert found(text[:cut], text[cut:]) == name
    assert found(*(bytes([byte]) for byte in text)) == name
