"""Key logs as programs write them, and what is remembered of sessions."""

from __future__ import annotations

from analyzer.tls.keylog import MASTER, PREMASTER, RSA, KeyLog, Resumption


def test_lines_that_are_no_secrets_are_passed_over() -> None:
    log = KeyLog()
    assert not log.given
    log.add(b"# remark\n\r\nCLIENT_RANDOM 0A0b ff\r\nCLIENT_RANDOM zz 00\n")
    log.add(b"CLIENT_RANDOM 01\nSERVER_RANDOM 00 11\n\xff \xff \xff\n")
    assert log.given
    assert log.find(MASTER, b"\x0a\x0b") == b"\xff"
    assert log.find(MASTER, b"\x01") is None
    assert log.find("SERVER_RANDOM", b"\x00") is None
    assert not log.premasters


def test_premaster_secrets_are_noted() -> None:
    for label in (PREMASTER, RSA):
        log = KeyLog()
        log.add(f"{label} 0a0b 0c0d\n".encode())
        assert log.premasters
        assert log.find(label, b"\x0a\x0b") == b"\x0c\x0d"


def test_sessions_are_forgotten_beyond_the_limit() -> None:
    sessions = Resumption(2)
    for name in (b"a", b"b", b"a", b"c", b""):
        sessions.remember(name, b"of " + name)
    assert sessions.find([b"b"]) is None
    assert sessions.find([b"", b"b", b"a"]) == b"of a"
