"""What an expert had not noticed."""

from __future__ import annotations

from pathlib import Path

from tests.walkthrough import stories, telling

HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def notes(folder: Path, conversation: str) -> str:
    return telling.flat(telling.told(folder, conversation)).partition("Worth noticing:")[2]


def test_where_the_time_and_the_bytes_of_the_demo_went() -> None:
    (text, *_) = stories.written("demo").values()
    story = " ".join(text.split())
    for words in (
        "its answer took 30.913 ms, a round trip of TCP 35 µs",
        "Of 41.412 ms from the first packet to the last, 31.153 ms (75 %) had passed",
        "351 µs after the client's first message, packet 21, came the server's next, packet 22: the answer to the"
        " opening took 88 times as long",
        "The client offered permessage-deflate and the server did not take it: the 30 bytes of messages went as they",
        "Of 1504 bytes that IP carried for this connection, 30 (2.0 %) were messages; the others: 702 the opening,"
        " 16 frame headers, 12 the payload of control frames, 744 headers of IP and TCP.",
        "Each frame had a packet of its own.",
    ):
        assert words in story


def test_the_shares_add_up(tmp_path: Path) -> None:
    """157 + 129 bytes of heads, 11 of a frame, IP and TCP: what is left over is named."""
    told = notes(tmp_path, f"{HELLO}\nclient: 81 85 37 fa 21 3d 7f\nclient: FIN")
    assert "5 (" in told
    assert (
        "286 the opening, 12 frame headers, 528 headers of IP and TCP, 1 sent again, or part of no whole frame." in told
    )


def test_frames_that_share_a_packet_or_span_two(tmp_path: Path) -> None:
    shared = notes(tmp_path, "server: 81 00 81 00")
    assert "1 packet held more than one frame" in shared
    assert "packet of its own" not in shared


def test_compression_that_did_not_pay(tmp_path: Path) -> None:
    told = notes(tmp_path, "extensions: permessage-deflate\nserver: c1 07 f2 48 cd c9 c9 07 00")
    assert "The server's compression did not pay: 5 bytes of messages took 7 bytes of payload." in told
