"""Datagrams out of fragments in any order, doubled and overlapping, against a naive model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.settings import Settings
from analyzer.tcp.fragments import BOOKKEEPING, Datagrams, Fragment
from analyzer.wire import link, packet

LONG = 80


def fragment(offset: int, payload: bytes, end: int = -1, key: bytes = b"k", protocol: int = 6) -> Fragment:
    return Fragment(key, protocol, b"", offset, payload, end)


@given(st.lists(st.tuples(st.integers(0, LONG), st.binary(max_size=20)), max_size=20), st.integers(0, LONG), st.data())
def test_the_first_copy_of_each_byte(pieces: list[tuple[int, bytes]], end: int, data: st.DataObject) -> None:
    """The model holds a byte or nothing for each place."""
    datagrams = Datagrams(Settings())
    last = data.draw(st.integers(0, len(pieces)))
    pieces.insert(last, (end, b""))
    model: dict[int, int] = {}
    ended = False
    for number, (at, payload) in enumerate(pieces):
        for i, byte in enumerate(payload):
            model.setdefault(at + i, byte)
        ended = ended or number == last
        whole = datagrams.add(fragment(at, payload, end if number == last else -1), 0)
        if ended and all(i in model for i in range(end)):
            assert whole == bytes(model[i] for i in range(end))
            assert datagrams.waiting == 0
            return
        assert whole is None
    assert datagrams.waiting == len(pieces)


def test_a_last_fragment_that_was_cut_does_not_end_the_datagram_early() -> None:
    datagrams = Datagrams(Settings())
    assert datagrams.add(fragment(0, b"12345678"), 0) is None
    assert datagrams.add(fragment(8, b"123", 14), 0) is None
    assert datagrams.add(fragment(8, b"123456", 14), 0) == b"12345678123456"


def test_the_oldest_is_given_up_first() -> None:
    datagrams = Datagrams(Settings(fragments=3 * (2 * BOOKKEEPING + 8)))
    for number in range(4):
        datagrams.add(fragment(0, bytes(8), key=bytes([number])), 0)
    assert datagrams.limits == {"fragments": 1}
    assert datagrams.add(fragment(8, b"x", 9, key=b"\1"), 0) == bytes(8) + b"x"
    assert datagrams.add(fragment(8, b"x", 9, key=b"\0"), 0) is None


def test_too_many_pieces_give_up_their_own_datagram_only() -> None:
    datagrams = Datagrams(Settings(datagram_fragments=3))
    datagrams.add(fragment(0, b"other", key=b"other"), 0)
    for number in range(4):
        datagrams.add(fragment(2 * number, b"x"), 0)
    assert datagrams.limits == {"fragments": 1}
    assert datagrams.add(fragment(5, b"!", 6, key=b"other"), 0) == b"other!"


def test_the_header_of_the_whole() -> None:
    header = packet.build_ipv4(bytes(4), bytes(4), b"")
    piece = Fragment.of_ipv4(header[:6] + b"\x20\x00" + header[8:])
    assert (piece.offset, piece.payload, piece.end) == (0, b"", -1)
    whole = packet.IPV4.parse(piece.whole(b"x" * 100))
    assert (whole.total_length, whole.fragment.more_fragments, whole.fragment.offset) == (120, False, 0)
    assert packet.checksum(piece.whole(b"x" * 100)[:20]) == 0


def test_padding_is_no_payload() -> None:
    six = packet.IPV6.build(
        {
            "start": {"version": 6, "traffic_class": 0, "flow_label": 0},
            "payload_length": 11,
            "next_header": link.FRAGMENT,
            "hop_limit": 64,
            "source": bytes(16),
            "destination": bytes(16),
        }
    )
    piece = Fragment.of_ipv6(six + b"\x06\0\0\x10\0\0\0\x01" + b"abc" + b"padding", len(six))
    assert (piece.offset, piece.payload, piece.end, piece.protocol) == (16, b"abc", 19, packet.PROTOCOL_TCP)


def test_the_next_datagram_with_the_same_identification_is_another() -> None:
    """The tail of the first was not captured; half a minute later its beginning is not taken for the second's."""
    limit = Settings().fragment_time
    datagrams = Datagrams(Settings())
    assert datagrams.add(fragment(0, b"first..."), 0) is None
    assert datagrams.add(fragment(0, b"second.."), limit + 1) is None
    assert datagrams.waiting == 2
    assert datagrams.add(fragment(8, b"!", 9), limit + 2) == b"second..!"
    assert datagrams.limits == {}


def test_what_is_no_tunnel_is_remembered_for_a_while_only() -> None:
    limit = Settings().fragment_time
    datagrams = Datagrams(Settings())
    dns = fragment(0, bytes([0, 99, 0, 53, 0, 0, 0, 0]), protocol=link.PROTOCOL_UDP)
    later = fragment(8, b"x", protocol=link.PROTOCOL_UDP)
    assert datagrams.foreign(dns, 0)
    assert datagrams.foreign(later, limit)
    assert not datagrams.foreign(later, limit + 1)
