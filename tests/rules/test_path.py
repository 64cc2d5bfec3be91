"""ST: proxies, ports used again, silence: told with the connection they concern."""

from __future__ import annotations

import pytest

from analyzer.model import Finding
from tests.running import ANSWER, REQUEST, only, played

HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def told(text: str, *rules: str, **chosen: object) -> list[Finding]:
    return [one for one in only(Finding, played(text, **chosen)) if one.rule in rules]


def test_plain_exchanges_before_the_opening_are_counted() -> None:
    plain = "client: http GET /a HTTP/1.1 | Host: a.example\nserver: http HTTP/1.1 200 OK | Content-Length: 0"
    (found,) = told("\n".join([plain, plain, REQUEST, ANSWER, HELLO]), "ST-018")
    assert found.found == "2 exchanges before it"


@pytest.mark.parametrize("name", ["Via", "forwarded", "X-Forwarded-For", "x-forwarded-proto"])
def test_a_field_that_a_proxy_adds(name: str) -> None:
    (found,) = told(f"{REQUEST} | {name}: a | {name}: b\n{ANSWER}\n{HELLO}", "ST-020")
    assert (found.direction, found.header, found.found) == ("client", name, name)
    (found,) = told(f"{REQUEST}\n{ANSWER} | {name}: a\n{HELLO}", "ST-020")
    assert (found.direction, found.header) == ("server", name)
    assert found.packet == 6


def test_other_fields_are_no_sign_of_a_proxy() -> None:
    assert told(f"{REQUEST} | X-Via: a | X-Forwarded: b | Forwarded-For: c\n{ANSWER}\n{HELLO}", "ST-020") == []


@pytest.mark.parametrize("size", [1, 8192])
def test_another_hop_limit_is_told_with_the_packet_that_has_it(size: int) -> None:
    story = f"{REQUEST}\n{ANSWER}\n{HELLO}\nhops client 50\n{HELLO}\nhops client 64\n{HELLO}"
    (found,) = told(story, "ST-020", batch_packets=size)
    assert (found.direction, found.expected, found.found, found.packet) == ("client", "64 hops to go", "50", 10)


def test_each_side_has_a_hop_limit_of_its_own() -> None:
    assert told(f"hops server 50\n{REQUEST}\n{ANSWER}\n{HELLO}", "ST-020") == []


@pytest.mark.parametrize("end", ["client: FIN\nserver: FIN", "server: RST", "+90s"])
def test_ports_used_again(end: str) -> None:
    story = f"{HELLO}\n{end}\nconnection 2:\nports of 1\n{HELLO}"
    (found,) = told(story, "ST-021")
    assert found.connection == 1


def test_silences_of_a_connection_are_one_finding() -> None:
    story = f"{HELLO}\n+70s\n{HELLO}\n+90s\nserver: 81 00\n+80s\n{HELLO}"
    (found,) = told(story, "ST-023")
    assert (found.count, found.found) == (3, "nothing for 90.0 s at most")
    assert told(story, "ST-023", idle_timeout=200 * 10**9) == []


def test_silence_before_the_opening_and_after_the_end_is_none() -> None:
    closed = f"{HELLO}\nclient: FIN\nserver: FIN\n+100s\nconnection 2:\n{HELLO}"
    assert told(closed, "ST-023") == []
    assert told(f"{HELLO}\nserver: RST\n+100s\n{HELLO}", "ST-023") == []
