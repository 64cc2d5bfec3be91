"""The second look at the packets."""

from __future__ import annotations

from pathlib import Path

from analyzer.settings import Settings
from analyzer.walkthrough.segments import look
from tests.walkthrough import telling

HELLO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"


def test_tcp_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    _, traffic = telling.gathered(tmp_path, f"{HELLO}\nserver: FIN\nclient: FIN")
    assert traffic.syn is not None
    assert traffic.syn_ack is not None
    assert traffic.ack is not None
    assert [each.packet for each in (traffic.syn, traffic.syn_ack, traffic.ack)] == [1, 2, 3]
    assert [each.direction for each in (traffic.syn, traffic.syn_ack, traffic.ack)] == ["client", "server", "client"]
    assert [(kind, spot.direction) for kind, spot in traffic.ends] == [("FIN", "server"), ("FIN", "client")]
    assert traffic.last is not None
    assert traffic.packets == traffic.last.packet
    assert traffic.payload == 157 + 129 + 11


def test_midstream_there_is_no_beginning(tmp_path: Path) -> None:
    path = telling.capture(tmp_path, f"midstream\n{HELLO}\nserver: 81 00\nclient: RST")
    from analyzer import api

    (connection,) = api.analyze([path], decode_as=[80]).connections
    traffic = look([path], Settings(), connection)
    assert (traffic.syn, traffic.syn_ack, traffic.ack) == (None, None, None)
    assert [(kind, spot.direction) for kind, spot in traffic.ends] == [("RST", "client")]


def test_each_connection_has_its_own_packets_whatever_the_batch(tmp_path: Path) -> None:
    """Also where addresses and ports are used again."""
    three = f"connection 1:\n{HELLO}\nclient: FIN\nserver: FIN\nconnection 2:\n{HELLO}\n{HELLO}"
    three += f"\nconnection 3:\nports of 1\n{HELLO}"
    counts = []
    for wanted in range(3):
        known, traffic = telling.gathered(tmp_path, three, wanted)
        assert known.connection is not None
        path = str(tmp_path / "example.pcap")
        assert look([path], Settings(batch_packets=1), known.connection) == traffic
        assert traffic.first is not None
        counts.append((traffic.first.packet, traffic.packets))
    assert counts == [(1, 13), (14, 11), (25, 9)]
