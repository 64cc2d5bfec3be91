"""Frames and runs of payload to messages.

Theory of operation. A message's row follows from its frames: the frame that finishes it carries, in the state
before it, what came before. So the rows of messages nobody needs to read are computed from the frame columns,
for all at once. Text is checked in passing, by the scanner, without copying. Only what must be read is handled
here run by run: compressed messages (their text has to be checked too) and, where hashes or payloads were
asked for, all of them. What a direction remembers is one small object: the message being read and the inflater.

A message of which bytes are missing, or which nobody can interpret, has no further runs: it never comes to its
final one, so nothing is claimed about it, and an inflater that needed it stays broken.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np

from analyzer.frames.columns import FrameColumns, header_bytes
from analyzer.frames.decode import AT_HEADER, AT_PAYLOAD, MISSING, STOPPED, Decoder, PieceRows
from analyzer.frames.text import VALID, TextScanner, unmask
from analyzer.messages.columns import DEFLATED, ENDED, FINISHED, INVALID, MessageColumns, Row, Status
from analyzer.messages.inflate import Compression, Defect, IncompleteError, InflateError, Inflater, RestartError
from analyzer.messages.mixture import Mixture
from analyzer.messages.secrets import Search
from analyzer.model import Cut, Opcode
from analyzer.settings import Settings

CONTEXT = 16
"""Bytes before the bad one that are shown with it, of the same run of payload at most."""
HEAD_START = 64
"""Bytes added to a compressed length before a ratio is taken of it: tiny messages grow much."""


class Reading(msgspec.Struct):
    """One direction's message while it is read."""

    inflater: Inflater | None
    index: int = -1
    raw: int = 0
    """Payload bytes as sent, so far."""
    size: int = 0
    """Bytes of the application payload, so far."""
    status: Status = Status.KNOWN
    checked: bool = False
    """Some of its inflated text went through the scanner."""
    told: bool = False
    """That the context is lost (ST-017)."""
    noticed: list[Row] = []
    """What is said about the message's compression if it turns out to be one."""
    hash: Any = None
    parts: list[bytes] | None = None
    shown: bytearray | None = None
    """The first bytes of the application payload, where it is compressed and a report shows them."""
    search: Search | None = None
    mixture: Mixture | None = None
    """Over TLS: what its texts hold together."""
    sealed: bool = False
    """Over TLS."""


class Messages:
    """All messages of a run. Feed it pieces as they come and frames as they are collected."""

    def __init__(self, settings: Settings, *, rows: int) -> None:
        """``rows``: the most pieces that come at once."""
        self._settings = settings
        self.scanner = TextScanner(rows)
        self._inflated = TextScanner(0)
        """For text that was compressed, so that neither disturbs the other's place in a code point."""
        self._reading: dict[int, Reading] = {}
        """By direction number."""
        self._read: dict[tuple[int, int, int], Row] = {}
        """Finished and read messages that wait for their frames, by connection, client and index."""
        self._rows: list[Row] = []
        self.limits: dict[str, int] = {}
        self._listed = "messages" in settings.records
        self.hashing = settings.payloads or self._listed
        self.searching = False
        """Text in the clear is searched for credentials."""
        self.mixing = False
        """Compressed text over TLS is searched for what had better not be compressed together."""
        self._mixing: set[int] = set()
        """Directions of which all text is looked at for that."""

    def grow(self, directions: int) -> None:
        """Make room for ``directions``."""
        self.scanner.grow(directions)
        self._inflated.grow(directions)

    def begin(self, direction: int, compression: Compression | None, *, tls: bool = False) -> None:
        """A direction carries frames from now on; ``compression`` is None where nothing is compressed."""
        inflater = None if compression is None else Inflater(compression, self._settings.inflate_restarts)
        reading = self._reading[direction] = Reading(inflater, sealed=tls)
        self._mixing.discard(direction)
        if tls and compression is not None and self.mixing:
            self._mixing.add(direction)
            reading.mixture = Mixture(compressed=compression.takeover)
            other = self._reading.get(direction ^ 1)
            if other is not None and other.mixture is not None:
                other.mixture.peer, reading.mixture.peer = reading.mixture, other.mixture

    def pieces(self, data: Any, pieces: PieceRows) -> None:
        """Take the payload runs of a decoding pass, which stand in ``data``."""
        if not pieces.count:
            return
        for hit in range(self.scanner.scan(data, pieces)):
            at, reason = self.scanner.hit_at[hit], self.scanner.hit_reason[hit]
            row = self._invalid(data, pieces, self.scanner.hit_row[hit], at, reason)
            row.lead = self.scanner.hit_lead[hit]
            self._rows.append(row)
        wanted = np.asarray(pieces.compressed)[: pieces.count] | self.hashing
        if self.searching:
            wanted |= np.asarray(pieces.opcode)[: pieces.count] == Opcode.TEXT
        if self._mixing:
            text = np.asarray(pieces.opcode)[: pieces.count] == Opcode.TEXT
            wanted |= text & np.isin(np.asarray(pieces.direction)[: pieces.count], list(self._mixing))
        for i in np.flatnonzero(wanted).tolist():
            self._piece(data, pieces, i)
        pieces.count = 0

    def _invalid(self, data: Any, pieces: PieceRows, i: int, at: int, reason: int) -> Row:
        """Row ``i`` of ``pieces`` made its message invalid, at byte ``at``; its length: the end of the message came."""
        start, key, frame_offset = pieces.start[i], pieces.key[i], pieces.frame_offset[i]
        begin = max(0, at - CONTEXT)
        wire = bytes(memoryview(data)[start + begin : start + min(at + 1, pieces.length[i])])
        head = pieces.head[i]
        return Row(
            event=INVALID,
            connection=pieces.connection[i],
            client=pieces.client[i],
            index=pieces.message[i],
            opcode=pieces.opcode[i],
            compressed=pieces.compressed[i],
            ordinal=pieces.ordinal[i],
            offset=pieces.frame_start[i],
            frame=pieces.frame[i],
            reason=reason,
            bad_offset=pieces.offset[i] + at,
            bad_in_frame=frame_offset + at,
            bad_stream_offset=pieces.stream_offset[i] + at,
            bad_file=pieces.file[i],
            bad_packet=pieces.packet[i],
            bad_time_ns=pieces.time_ns[i],
            bad_file_offset=pieces.file_offset[i] + at,
            context=unmask(wire, key, frame_offset + begin),
            wire=wire,
            wire_from=frame_offset + begin,
            header=header_bytes(head >> 8, head & 0xFF, pieces.announced[i], key),
            key=key,
        )

    def _piece(self, data: Any, pieces: PieceRows, i: int) -> None:
        """Read one run: inflate it, check it, hash it, keep it."""
        reading = self._reading.get(pieces.direction[i])
        if reading is None:
            return
        index, compressed = pieces.message[i], bool(pieces.compressed[i])
        if pieces.first[i] or index != reading.index:
            self._start(reading, index, compressed)
            text = pieces.opcode[i] == Opcode.TEXT
            reading.search = Search() if self.searching and text and not reading.sealed else None
            if reading.mixture is not None:
                reading.mixture.begin()
            if reading.status is Status.UNKNOWN and not reading.told and not pieces.lost[i]:
                reading.told = True
                self._rows.append(self._defect(reading, Defect.CONTEXT_LOST, data, pieces, i, 0))
        if reading.status is Status.KNOWN and (pieces.lost[i] or pieces.offset[i] != reading.raw):
            reading.status = Status.UNKNOWN
        start, length = pieces.start[i], pieces.length[i]
        reading.raw = pieces.offset[i] + length
        if reading.status is Status.KNOWN:
            payload = unmask(bytes(memoryview(data)[start : start + length]), pieces.key[i], pieces.frame_offset[i])
            if compressed:
                self._inflate(reading, payload, data, pieces, i)
            else:
                self._keep(reading, payload)
        if pieces.final[i]:
            self._finish(reading, pieces, i, compressed)

    def _start(self, reading: Reading, index: int, compressed: bool) -> None:
        reading.index, reading.raw, reading.size, reading.checked, reading.noticed = index, 0, 0, False, []
        reading.hash = hashlib.sha256() if self.hashing else None
        reading.parts = [] if self._settings.payloads else None
        reading.shown = bytearray() if compressed and self._settings.inflated_bytes else None
        known = not compressed or (reading.inflater is not None and reading.inflater.begin())
        reading.status = Status.KNOWN if known else Status.UNKNOWN

    def _keep(self, reading: Reading, payload: bytes) -> None:
        """Take the next bytes of the application payload."""
        reading.size += len(payload)
        if reading.size > self._settings.message_size:
            self._limit(reading, "message_size")
            return
        if reading.search is not None:
            reading.search.feed(payload)
        if reading.mixture is not None:
            reading.mixture.feed(payload)
        if reading.shown is not None:
            reading.shown += payload[: self._settings.inflated_bytes - len(reading.shown)]
        if reading.hash is not None:
            reading.hash.update(payload)
            if reading.parts is not None:
                reading.parts.append(payload)

    def _inflate(self, reading: Reading, payload: bytes, data: Any, pieces: PieceRows, i: int) -> None:
        """Take the next run of a compressed message, and check what it brings forth if that is text."""
        inflater = reading.inflater
        assert inflater is not None, "a message is compressed, but nothing was agreed"
        final, text, last = bool(pieces.final[i]), pieces.opcode[i] == Opcode.TEXT, max(0, len(payload) - 1)
        most = self._settings.inflate_ratio * (reading.raw + HEAD_START)
        noticed: list[Row] = []
        wrong: list[tuple[Defect, int, str]] = []
        try:
            for block in inflater.feed(payload):
                if text:
                    noticed += self._check(reading, block, pieces, i, final=False)
                self._keep(reading, block)
                if reading.size > most and reading.status is Status.KNOWN:
                    self._limit(reading, "inflate_ratio")
                if reading.status is not Status.KNOWN:
                    break
            else:
                if final:
                    if inflater.end():
                        wrong.append((Defect.TAIL_KEPT, last, ""))
                    if text:
                        noticed += self._check(reading, b"", pieces, i, final=True)
        except RestartError:
            self._limit(reading, "inflate_restarts")
        except IncompleteError:
            reading.status = Status.INCOMPLETE
            wrong.append((Defect.INCOMPLETE, last, ""))
        except InflateError as error:
            reading.status = Status.FAILED
            wrong.append((Defect.NO_DEFLATE, error.at, str(error)))
        if reading.status in (Status.KNOWN, Status.LIMITED):  # else what came out may be no text at all
            self._rows += noticed
        if final and not reading.raw:
            wrong.append((Defect.EMPTY, 0, ""))
        if (final or reading.status is Status.LIMITED) and self._is_bomb(reading):
            wrong.append((Defect.BOMB, last, ""))
        seen = {row.reason for row in reading.noticed}
        for defect, at in inflater.noticed:
            if defect not in seen:  # of its kind, the first in the message
                seen.add(defect)
                reading.noticed.append(self._defect(reading, defect, data, pieces, i, at))
        told = [self._defect(reading, defect, data, pieces, i, at, detail) for defect, at, detail in wrong]
        if final or reading.status is not Status.KNOWN:
            self._rows += told + self._settled(reading, inflater, pieces, i)

    def _is_bomb(self, reading: Reading) -> bool:
        return reading.size > self._settings.bomb_size and reading.size > self._settings.bomb_ratio * reading.raw

    def _defect(
        self, reading: Reading, defect: Defect, data: Any, pieces: PieceRows, i: int, at: int, detail: str = ""
    ) -> Row:
        """Byte ``at`` of row ``i`` of ``pieces`` shows something about its message's compression."""
        assert reading.inflater is not None, "nothing is compressed"
        row = self._invalid(data, pieces, i, at, defect)
        row.event = DEFLATED
        row.takeover = reading.inflater.compression.takeover
        row.allowed = 1 << reading.inflater.compression.bits
        row.raw, row.length, row.status, row.detail = reading.raw, reading.size, reading.status, detail
        return row

    def _settled(self, reading: Reading, inflater: Inflater, pieces: PieceRows, i: int) -> list[Row]:
        """What there is to say about the message's compression, now that row ``i`` decided whether it is one."""
        rows, reading.noticed = reading.noticed, []
        if reading.status is Status.LIMITED:
            return []
        if reading.status is not Status.KNOWN:  # matches in what is no DEFLATE mean nothing
            rows = [row for row in rows if row.reason == Defect.FINAL_BLOCK]
        for row in rows:
            row.distance = inflater.over if row.reason == Defect.REACHED_BACK else inflater.farthest
            row.ordinal, row.time_ns = pieces.ordinal[i], pieces.time_ns[i]
        return rows

    def _check(self, reading: Reading, text: bytes, pieces: PieceRows, i: int, *, final: bool) -> list[Row]:
        """Check inflated text, which row ``i`` of ``pieces`` brought forth: nothing, or one row."""
        first, reading.checked = not reading.checked, True
        at, reason, lead = self._inflated.one(bytearray(text), pieces.direction[i], first=first, final=final)
        if reason == VALID:
            return []
        row = self._invalid(b"", pieces, i, 0, reason)
        row.bad_offset, row.bad_in_frame, row.lead = reading.size + at, -1, lead
        # the byte was never sent; the frame's payload that it came out of was
        row.bad_stream_offset = row.offset + len(row.header)
        row.wire, row.wire_from = b"", -1
        row.context = text[max(0, at - CONTEXT) : at + 1]
        return [row]

    def _limit(self, reading: Reading, name: str) -> None:
        self.limits[name] = self.limits.get(name, 0) + 1
        reading.status = Status.LIMITED
        reading.parts = None

    def lose(self, direction: int) -> None:
        """Bytes of a compressed message were lost: later ones that refer to it cannot be inflated."""
        reading = self._reading.get(direction)
        if reading is not None and reading.inflater is not None:
            reading.inflater.lose()

    def interrupt(self, direction: int, decoder: Decoder) -> None:
        """A gap hides frames of a direction: a message in progress ends, and the next one is another."""
        reading = self._reading.get(direction)
        self.end(direction, decoder, Cut.GAP)
        if reading is not None:
            reading.index = -1
            self._reading[direction] = reading
            if reading.mixture is not None:
                self._mixing.add(direction)
            self.lose(direction)

    def _finish(self, reading: Reading, pieces: PieceRows, i: int, compressed: bool) -> None:
        known = reading.status is Status.KNOWN
        mixture = reading.mixture if known and pieces.opcode[i] == Opcode.TEXT else None
        row = Row(
            event=FINISHED,
            mixed=int(mixture is not None and mixture.finish(compressed=compressed)),
            connection=pieces.connection[i],
            client=pieces.client[i],
            index=reading.index,
            opcode=pieces.opcode[i],
            compressed=int(compressed),
            status=reading.status,
            length=reading.size if known else -1,
            sha256=reading.hash.hexdigest() if known and reading.hash is not None else None,
            payload=b"".join(reading.parts) if known and reading.parts is not None else None,
            inflated=bytes(reading.shown) if known and reading.shown is not None else None,
            secret=int(known and reading.search is not None and reading.search.found != ""),
            detail=reading.search.found if known and reading.search is not None else "",
        )
        reading.parts = None
        self._read[(row.connection, row.client, row.index)] = row

    def end(self, direction: int, decoder: Decoder, cut: Cut) -> None:
        """No more frames come in a direction: a message in progress ends unfinished.

        Call it before the decoder's ``flush``. ``cut`` says what ended the direction, unless it had stopped before.
        """
        self._reading.pop(direction, None)
        self._mixing.discard(direction)
        if decoder.stage == STOPPED:
            cut = Cut(decoder.stopped)
        # A data frame cut in the middle has begun a message; the one it replaced is found by `collect`.
        begun = decoder.p_opcode and (not decoder.open or decoder.p_message != decoder.m_index)
        if not begun and not decoder.open:
            return
        row = Row(
            event=ENDED,
            connection=decoder.connection,
            client=decoder.client,
            index=decoder.p_message,
            opcode=decoder.p_opcode,
            compressed=decoder.p_compressed,
            lost=MISSING | decoder.lost,
            raw=decoder.present,
            file=decoder.file,
            packet=decoder.packet,
            time_ns=decoder.time_ns,
            last_packet=decoder.last_packet,
            ordinal=decoder.ordinal,
            cut=cut,
            torn=int(decoder.stage == AT_PAYLOAD or (decoder.stage == AT_HEADER and decoder.have > 0)),
            closed=decoder.closed,
            peer_closed=decoder.peer.closed if decoder.peer is not None else 0,
            offset=decoder.offset,
            frame=decoder.index,
        )
        if not begun:
            row.index, row.opcode, row.compressed = decoder.m_index, decoder.m_opcode, decoder.m_compressed
            row.frames, row.lost = decoder.m_frames, MISSING | decoder.m_lost
            row.raw = decoder.m_bytes + (decoder.present if decoder.p_opcode else 0)
            row.file, row.packet, row.time_ns = decoder.m_file, decoder.m_packet, decoder.m_time_ns
        self._rows.append(row)

    def collect(self, frames: FrameColumns) -> MessageColumns:
        """The messages that ``frames`` finished or replaced, and all that was noticed since the last call.

        Of those that nobody read there is nothing to find out, so they are given only where messages are asked for.
        """
        unusual = frames.unusual
        starts = ((unusual.opcode == Opcode.TEXT) | (unusual.opcode == Opcode.BINARY)) & unusual.whole
        for row in np.flatnonzero(starts & (unusual.open == 1) & (unusual.cut != Cut.LENGTH)).tolist():
            self._rows.append(_replaced(unusual, row))
        rows, self._rows = self._rows, []
        if not self._read and not self._listed:
            return MessageColumns({}, rows)
        columns = _finished(frames)
        if self._read:
            columns, read = _split(columns, self._read)
            rows = read + rows
            self._read = {}
        return MessageColumns(columns if self._listed else {}, rows)


def _replaced(frames: FrameColumns, row: int) -> Row:
    """The unfinished message that the frame in ``row`` put an end to (policy P3)."""
    return Row(
        event=ENDED,
        connection=int(frames.connection[row]),
        client=int(frames.client[row]),
        index=int(frames.m_index[row]),
        opcode=int(frames.m_opcode[row]),
        compressed=int(frames.m_compressed[row]),
        lost=MISSING | int(frames.m_lost[row]),
        frames=int(frames.m_frames[row]),
        raw=int(frames.m_bytes[row]),
        file=int(frames.m_file[row]),
        packet=int(frames.m_packet[row]),
        time_ns=int(frames.m_time_ns[row]),
        last_packet=int(frames.packet[row]),
        ordinal=int(frames.ordinal[row]),
        closed=int(frames.closed[row]),
        offset=int(frames.offset[row]),
        frame=int(frames.index[row]),
    )


def _finished(frames: FrameColumns) -> dict[str, Any]:
    """Columns of the messages whose final frames are among ``frames``."""
    opcode = frames.opcode
    done = (opcode == Opcode.TEXT) | (opcode == Opcode.BINARY)
    done |= (opcode == Opcode.CONTINUATION) & (frames.open == 1)
    done &= frames.whole & frames.fin & ((frames.cut == Cut.WHOLE) | (frames.cut == Cut.HOLE))
    rows = np.flatnonzero(done)
    fresh = frames.opcode[rows] != Opcode.CONTINUATION
    opened = frames.open[rows] == 1

    def either(new: Any, old: Any) -> Any:
        return np.where(fresh, new, old)

    raw = frames.length[rows] + either(0, frames.m_bytes[rows])
    lost = frames.p_lost[rows] | np.where(frames.cut[rows] == Cut.WHOLE, 0, MISSING)
    return {
        "event": np.full(len(rows), FINISHED, dtype=np.int64),
        "connection": frames.connection[rows],
        "client": frames.client[rows],
        "index": frames.m_index[rows] + (fresh & opened),
        "opcode": either(frames.opcode[rows], frames.m_opcode[rows]).astype(np.int64),
        "compressed": frames.p_compressed[rows],
        "lost": lost,
        "frames": 1 + either(0, frames.m_frames[rows]),
        "raw": raw,
        "length": np.where(frames.p_compressed[rows] == 1, -1, raw),
        "file": either(frames.file[rows], frames.m_file[rows]),
        "packet": either(frames.packet[rows], frames.m_packet[rows]),
        "time_ns": either(frames.time_ns[rows], frames.m_time_ns[rows]),
        "last_packet": frames.last_packet[rows],
        "ordinal": frames.ordinal[rows],
        "closed": frames.closed[rows],
        "offset": frames.offset[rows],
        "frame": frames.index[rows],
    }


def _split(columns: dict[str, Any], read: dict[tuple[int, int, int], Row]) -> tuple[dict[str, Any], list[Row]]:
    """Put what was read into its rows; the columns of the rest."""
    size = len(columns["event"])
    keep = np.ones(size, dtype=np.bool_)
    rows = []
    keys = zip(columns["connection"].tolist(), columns["client"].tolist(), columns["index"].tolist(), strict=True)
    for i, key in enumerate(keys):
        row = read.get(key)
        if row is None:
            continue
        keep[i] = False
        for name, column in columns.items():
            if name not in ("event", "length", "compressed"):
                setattr(row, name, int(column[i]))
        if row.lost:
            row.sha256 = row.payload = row.inflated = None
            row.status = Status.UNKNOWN
        rows.append(row)
    return {name: column[keep] for name, column in columns.items()}, rows
