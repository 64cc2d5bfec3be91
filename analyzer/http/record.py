"""An exchange as the record that leaves the program."""

from __future__ import annotations

from analyzer.http.exchange import Exchange, last_byte
from analyzer.http.fields import latin, parse_extensions, split_list
from analyzer.http.head import Head
from analyzer.model import Extension, Handshake, HeadRecord


def record(exchange: Exchange, files: list[str]) -> Handshake:
    """The record of ``exchange``; ``files`` are the run's inputs, by the index that places carry.

    Subprotocol and extensions are what an accepting server answered, read as far as they can be read.
    """
    response = exchange.response
    agreed = response if exchange.accepted else None
    return Handshake(
        connection=exchange.connection,
        exchange=exchange.index,
        request=None if exchange.request is None else _head(exchange.request, files),
        response=None if response is None else _head(response, files),
        status=(response.code or None) if response is not None else None,
        accepted=exchange.accepted,
        subprotocol=None if agreed is None else _subprotocol(agreed),
        extensions=[] if agreed is None else extensions(agreed),
    )


def extensions(head: Head) -> list[Extension]:
    """What Sec-WebSocket-Extensions lists, as far as it can be read (RFC 6455 9.1)."""
    fields = head.named(b"sec-websocket-extensions")
    uses, _ = parse_extensions((field.value, field.value_offset) for field in fields)
    return [use.plain() for use in uses]


def _subprotocol(head: Head) -> str | None:
    for field in head.named(b"sec-websocket-protocol"):
        for element in split_list(field.value, field.value_offset):
            if element.text:
                return latin(element.text)
    return None


def _head(head: Head, files: list[str]) -> HeadRecord:
    first, last = head.place(head.offset), head.place(last_byte(head))
    return HeadRecord(
        line=latin(head.raw.partition(b"\n")[0].rstrip(b"\r")),
        headers=[(latin(field.name), latin(field.value)) for field in head.fields],
        stream_offset=head.offset,
        end_offset=head.end,
        header_offsets=[field.offset for field in head.fields],
        packet=first.packet,
        last_packet=last.packet,
        file=files[first.file] if first.file < len(files) else "",
        time_ns=first.time_ns,
    )
