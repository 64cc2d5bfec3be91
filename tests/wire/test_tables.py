"""The tables say of each byte what the schema says of it."""

from __future__ import annotations

import pytest

from analyzer.wire import frame, tables


@pytest.mark.parametrize("byte", range(256))
def test_the_first_byte(byte: int) -> None:
    first = frame.FIRST.parse(bytes([byte]))
    assert (bool(tables.FIN[byte]), int(tables.OPCODE[byte])) == (first.fin, first.opcode)
    bits = (bool(tables.RSV1[byte]), bool(tables.RSV2[byte]), bool(tables.RSV3[byte]))
    assert bits == (first.rsv1, first.rsv2, first.rsv3)
    assert int(tables.RSV[byte]) == 4 * first.rsv1 + 2 * first.rsv2 + first.rsv3


@pytest.mark.parametrize("byte", range(256))
def test_the_second_byte_fixes_the_header(byte: int) -> None:
    second = frame.SECOND.parse(bytes([byte]))
    assert (bool(tables.MASKED[byte]), int(tables.LENGTH7[byte])) == (second.masked, second.length7)
    whole = bytes([0x82, byte]) + bytes(12)
    parsed = frame.HEADER.parse(whole)
    rebuilt = frame.HEADER.build(parsed)
    assert int(tables.HEADER[byte]) == len(rebuilt)
    assert int(tables.EXTENDED[byte]) == len(rebuilt) - 2 - 4 * second.masked


def test_nobody_can_change_them() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tables.OPCODE[0] = 1
