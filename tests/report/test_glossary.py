"""Numbers and names of the protocol."""

from __future__ import annotations

import re

import pytest

from analyzer.report.glossary import CLOSE_CODES, close_code, look_up, opcode, words
from analyzer.rules import iana
from analyzer.rules.registry import load


@pytest.mark.parametrize(
    ("word", "begins"),
    [
        ("0x9", "opcode 0x9 ping: asks for a Pong"),
        ("9", "opcode 0x9 ping"),
        ("PING", "opcode 0x9 ping"),
        ("0x3", "opcode 0x3: reserved for a further data frame"),
        ("0xb", "opcode 0xb: reserved for a further control frame"),
        ("1000", "close code 1000: normal closure"),
        ("2999", "close code 2999: reserved for the protocol"),
        ("3001", "close code 3001: for libraries"),
        ("4999", "close code 4999: private use"),
        ("65535", "close code 65535: outside"),
        ("sec-websocket-key", "Sec-WebSocket-Key: base64"),
    ],
)
def test_known(word: str, begins: str) -> None:
    assert (look_up(word) or "").startswith(begins)


@pytest.mark.parametrize("word", ["", "pongs", "65536", "-1", "0x", "1e3"])
def test_unknown(word: str) -> None:
    assert look_up(word) is None


def test_every_field_that_the_rules_name_has_an_answer() -> None:
    text = " ".join(f"{rule.prose} {rule.title} {' '.join(rule.violates + rule.conforms)}" for rule in load().values())
    named = set(re.findall(r"\b(?:Sec-)?WebSocket-[A-Z][A-Za-z]*[12]?\b", text)) - {"WebSocket-"}
    assert {name for name in named if look_up(name) is None} == set()
    assert {"Sec-WebSocket-Key1", "WebSocket-Origin"} <= named


def test_every_assigned_close_code_is_named() -> None:
    assert set(CLOSE_CODES) >= iana.ASSIGNED | iana.REGISTERED


def test_every_number_has_an_answer() -> None:
    assert all(close_code(number) for number in range(1 << 16))
    assert all(opcode(number) for number in range(16))
    assert all(look_up(word) for word in words())
