"""HS-501 to HS-506: each protocol before RFC 6455, and what only resembles it."""

from __future__ import annotations

import pytest

from analyzer.model import Cut
from tests.http.feeding import REQUEST, SERVER, Talk
from tests.rules.judging import ids, judge, sent
from tests.rules.openings import raised, rules_of

HEAD = b"GET /demo HTTP/1.1\r\nHost: a.example\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nOrigin: http://a.example\r\n"
KEYS = b"Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n"
KEY_3, ANSWER = b"^n:ds[4U", b"8jKS'y:G*Co,Wxa-"
"""The sample of draft-hixie-thewebsocketprotocol-76 1.2."""
SWITCH = b"HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
ACCEPT = SWITCH + b"Sec-WebSocket-Origin: http://a.example\r\nSec-WebSocket-Location: ws://a.example/demo\r\n\r\n"


def hixie_76(keys: bytes = KEYS, key_3: bytes = KEY_3, answer: bytes = ACCEPT + ANSWER) -> Talk:
    talk = Talk().client(HEAD + keys + b"\r\n" + key_3).server(answer)
    talk.finish()
    return talk


def cut(data: bytes, where: int) -> list[bytes]:
    return [part for part in (data[:where], data[where:]) if part]


def test_they_are_all_here() -> None:
    assert rules_of("legacy") == [f"HS-{number}" for number in range(501, 507)]


def test_the_samples_of_the_drafts_are_answered_correctly() -> None:
    first = b"Sec-WebSocket-Key1: 18x 6]8vM;54 *(5:  {   U1]8  z [  8\r\n"
    second = b"Sec-WebSocket-Key2: 1_ tx7X d  <  nw  334J702) 7]o}` 0\r\n"
    assert raised(hixie_76(), "HS-505") == []
    assert raised(hixie_76(first + second, b"Tm[K T2u", ACCEPT + b"fQJ,fN/4F4!~K~MH"), "HS-505") == []


@pytest.mark.parametrize("at", range(16))
def test_any_other_answer_is_wrong(at: int) -> None:
    wrong = bytes(byte ^ (index == at) for index, byte in enumerate(ANSWER))
    (fault,) = raised(hixie_76(answer=ACCEPT + wrong), "HS-505")
    assert (fault.expected, fault.found) == (ANSWER.hex(" "), wrong.hex(" "))


@pytest.mark.parametrize(
    "talk",
    [
        hixie_76(answer=ACCEPT + bytes(15)),
        hixie_76(key_3=KEY_3[:7], answer=ACCEPT + bytes(16)),
        hixie_76(KEYS.replace(b" 1 5", b" 1 6"), answer=ACCEPT + bytes(16)),
        hixie_76(KEYS.replace(b"4 @1  46546xW%0l 1 5", b"4154"), answer=ACCEPT + bytes(16)),
        hixie_76(KEYS.replace(b"4 @1  46546xW%0l 1 5", b"9" * 5000 + b" "), answer=ACCEPT + bytes(16)),
        hixie_76(answer=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 16\r\n\r\n" + bytes(16)),
        Talk().client(HEAD + KEYS + b"\r\n" + KEY_3).server(ACCEPT + b"12").lose(SERVER, 8).server(b"345678"),
    ],
    ids=["cut answer", "cut key", "fraction", "no space", "too large", "refused", "hole"],
)
def test_an_answer_that_cannot_be_checked_is_not_judged(talk: Talk) -> None:
    talk.end(SERVER, Cut.END)
    assert raised(talk, "HS-505") == []
    assert len(talk.connection.exchanges) == 1


def test_hixie_76_wants_its_eight_bytes_or_its_answer() -> None:
    refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    assert raised(hixie_76(), "HS-501")
    assert raised(hixie_76(answer=refused), "HS-501")
    assert raised(hixie_76(key_3=b"", answer=ACCEPT), "HS-501")
    assert raised(hixie_76(key_3=b"", answer=refused), "HS-501") == []


@pytest.mark.parametrize("where", range(1, len(HEAD + KEYS) + 10, 3))
def test_hixie_76_is_the_same_however_it_is_cut(where: int) -> None:
    request, answer = HEAD + KEYS + b"\r\n" + KEY_3, ACCEPT + ANSWER + b"\x00hi\xff"
    parts = [(side, part) for side, data in (("client", request), ("server", answer)) for part in cut(data, where)]
    assert ids("\n".join(sent(side, part).replace(": ", ": raw ") for side, part in parts), "HS", "FR") == ["HS-501"]


FIELDS = "client: http GET /chat HTTP/1.1 | Host: a.example | Upgrade: websocket | Connection: Upgrade"
KEY = " | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (KEY + " | Sec-WebSocket-Version: 4", ["HS-503"]),
        (KEY + " | Sec-WebSocket-Version: 8", ["HS-503"]),
        (KEY + " | Sec-WebSocket-Version: 3", ["HS-111", "HS-214"]),
        (KEY + " | Sec-WebSocket-Version: 9", ["HS-111", "HS-214"]),
        (KEY + " | Sec-WebSocket-Version: 13 | Sec-WebSocket-Origin: http://a", ["HS-506"]),
        (KEY + " | Sec-WebSocket-Version: 8 | Sec-WebSocket-Origin: http://a", ["HS-503"]),
        (KEY + " | Sec-WebSocket-Version: 13 | Sec-WebSocket-Key2: 1 2", ["HS-504"]),
        (" | Sec-WebSocket-Version: 13 | Sec-WebSocket-Key1: 1 2 | Sec-WebSocket-Key2: 1 2", ["HS-106", "HS-504"]),
        (KEY + " | Sec-WebSocket-Key1: 1 2 | Sec-WebSocket-Key2: 1 2", ["HS-110", "HS-504", "HS-214"]),
    ],
)
def test_fields_of_several_protocols(fields: str, expected: list[str]) -> None:
    found = ids(FIELDS + fields, "HS")
    assert [rule for rule in found if rule != "HS-214"] == [rule for rule in expected if rule != "HS-214"]


@pytest.mark.parametrize(("version", "read"), [(4, False), (6, False), (7, True), (8, True)])
def test_frames_of_the_drafts_in_use_are_judged(version: int, read: bool) -> None:
    text = f"{FIELDS}{KEY} | Sec-WebSocket-Version: {version}\nclient: 81 05 48 65 6c 6c 6f"
    assert ids(text, "MK-001", "HS") == (["HS-503", "MK-001"] if read else ["HS-503"])


def test_hixie_75_is_told_by_its_answer() -> None:
    talk = Talk().client(HEAD + b"\r\n").server(SWITCH + b"WebSocket-Location: ws://a.example/demo\r\n\r\n")
    assert raised(talk, "HS-502")
    assert raised(Talk().client(HEAD + b"\r\n").server(SWITCH + b"\r\n"), "HS-502") == []
    assert raised(Talk().client(REQUEST).server(SWITCH + b"WebSocket-Origin: a\r\n\r\n"), "HS-502") == []


def test_where_the_fingers_point() -> None:
    request = HEAD + KEYS + b"\r\n"
    (fault,) = raised(hixie_76(), "HS-501")
    assert fault.offset == request.index(b"Sec-WebSocket-Key1")
    (finding,) = judge(f"{FIELDS}{KEY} | Sec-WebSocket-Version: 8", "HS-503")
    assert (finding.found, finding.header) == ("8", "Sec-WebSocket-Version")
