"""One direction of a TLS connection: bytes in, records out, and the way back after a loss.

Records wait in a buffer until they are whole, and while the session has no keys yet. Beside the buffer stands which
packets its bytes came in, so each decrypted byte is told at the packet and file offset of the byte that carried it,
as known from the packet that completed its record.

Lost bytes: inside a record whose header was captured they cost that record; else the boundaries are lost, and a
record is looked for whose header fits and that authenticates, under the numbers that it may have. Nothing else is
believed. How much plaintext is missing can be told exactly only for some ciphers of TLS 1.2; elsewhere a hole is
marked as of unknown length.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from analyzer.tcp import streams
from analyzer.tls.handshake import Messages
from analyzer.tls.protection import Content, Opener, Protection13
from analyzer.wire import tls

HEAD = tls.RECORD_HEADER.size
START = tls.RECORD.build({"type": tls.APPLICATION_DATA, "version": tls.TLS_1_2, "length": 0})[:3]
"""How records of application data begin, in TLS 1.2 and 1.3."""
NUMBERS = 256
"""Record numbers that are tried for one candidate after a loss, at most."""
TRIES = 4096
"""Authentications that the way back after losses may cost one direction, in all: up to 64 MiB of AES."""
MARKS = 4096
"""Record ends remembered that the peer has not acknowledged; twice the largest window full of small records."""
PATIENCE = 32
"""Records that do not authenticate before a direction of which none did is given up."""

EARLY, HANDSHAKE, APPLICATION = range(3)
"""What a key of TLS 1.3 is for; TLS 1.2 has only the last."""


class Work(Protocol):
    """What a half asks of its session."""

    over: bool
    """It is not followed any more."""
    early_accepted: bool | None
    """The server reads 0-RTT data; None: not known yet."""

    def waits(self, half: Half, kind: int) -> bool:
        """A record of that type cannot be read yet."""

    def passes_over(self, kind: int) -> bool:
        """A record of that type is not protected, and means nothing."""

    def plain_record(self, half: Half, kind: int, body: bytes) -> None:
        """A record that is not protected."""

    def inside(self, half: Half, kind: int, data: bytes) -> None:
        """What a protected record holds that is no application data."""

    def early(self, half: Half) -> bool:
        """A record that does not authenticate may be 0-RTT data."""

    def broken(self) -> None:
        """What is not protected is no TLS either."""

    def hopeless(self) -> None:
        """Nothing authenticates in one direction."""


class Piece(NamedTuple):
    """Bytes of the stream that one packet brought."""

    offset: int
    end: int
    acked: int
    """Of the peer's decrypted bytes."""
    file: int
    packet: int
    time_ns: int
    file_offset: int
    ordinal: int


class Half:
    """One direction."""

    __slots__ = (
        "_acked", "_at", "_away", "_buffer", "_marks", "_missed", "_pieces", "_searching", "_skip", "_skip_plain",
        "_tries", "blocked", "direction", "doubt", "early", "epoch", "epochs", "failures", "messages", "number",
        "opener", "plain", "proved",
    )  # fmt: skip

    def __init__(self, direction: int, offset: int) -> None:
        """``direction`` as chunks number them; TLS begins at stream ``offset``, which is where plaintext counts on."""
        self.direction = direction
        self.plain = offset
        """Stream offset of the next decrypted byte."""
        self.opener: Opener | None = None
        """None: records are not protected yet."""
        self.epoch = APPLICATION
        self.epochs: list[tuple[int, Opener]] = []
        """What comes after the key in use."""
        self.number = 0
        """Of the next record under that key."""
        self.blocked = False
        """The next record must wait for the session."""
        self.doubt = False
        """Records were lost since the last that authenticated: keys may have changed unseen."""
        self.early = 0
        """Bytes of what is probably 0-RTT data under an unknown key."""
        self.proved = False
        """A record authenticated."""
        self.failures = 0
        self.messages = Messages()
        self._buffer = bytearray()
        self._at = offset
        self._pieces: list[Piece] = []
        self._skip = 0
        """Bytes to come of a record that is lost, and how much plaintext it holds (-1: who knows)."""
        self._skip_plain = -1
        self._searching = False
        self._missed = 0
        """Bytes passed over since the boundaries were lost, as far as no hole tells of them yet."""
        self._away = 0
        """All bytes passed over since then."""
        self._tries = TRIES
        self._marks: list[tuple[int, int]] = []
        """Ends of records, in the stream and in plaintext, that the peer has not acknowledged yet."""
        self._acked = offset

    @property
    def held(self) -> int:
        """Bytes of memory that wait."""
        return len(self._buffer) + self.messages.held

    @property
    def end(self) -> int:
        """Stream offset up to which bytes came."""
        return self._at + len(self._buffer)

    def acknowledged(self, offset: int) -> int:
        """The plaintext that a peer has who acknowledges the stream up to ``offset``; -1 where nobody knows."""
        if offset < 0:
            return -1
        done = 0
        for end, plain in self._marks:
            if end > offset:
                break
            self._acked = plain
            done += 1
        if done:
            del self._marks[:done]
        return self.plain + 1 if offset > self.end and not self.doubt else self._acked

    def add(self, data: bytes | memoryview, piece: Piece) -> None:
        """The next bytes of the stream."""
        if not self._buffer:
            self._at = piece.offset
        self._buffer += data
        self._pieces.append(piece)

    # --- records

    def work(self, session: Work, out: Out) -> None:
        """Go through what is whole. The session decides about records that are not protected, and about messages."""
        buffer, at = self._buffer, 0
        while True:
            if self._skip:
                taken = min(self._skip, len(buffer) - at)
                at, self._skip = at + taken, self._skip - taken
                if self._skip:
                    break
                self._hole(self._skip_plain, out)
            if self._searching:
                at = self._search(at, out)
                if self._searching:
                    break
                continue
            if len(buffer) - at < HEAD:
                break
            kind, version, length = tls.RECORD_HEADER.unpack_from(buffer, at)
            if kind not in tls.CONTENT_TYPES or version >> 8 != tls.VERSION_MAJOR or length > tls.LONGEST_RECORD:
                if self.opener is None:
                    session.broken()
                    at = len(buffer)
                    break
                out.unreadable(self.direction)
                self._lose_step(0)
                continue
            if session.waits(self, kind):
                self.blocked = True
                break
            if len(buffer) - at < HEAD + length:
                break
            begin = at + HEAD
            at = begin + length
            body = bytes(memoryview(buffer)[begin:at])
            if self.opener is None:
                session.plain_record(self, kind, body)
            else:
                self._open(session, out, kind, version, body, self._at + begin)
            if session.over:
                at = len(buffer)
                break
        if at:
            del buffer[:at]
            self._at += at
            pieces = self._pieces
            done = 0
            while done < len(pieces) and pieces[done].end <= self._at:
                done += 1
            del pieces[:done]

    def _open(self, session: Work, out: Out, kind: int, version: int, body: bytes, offset: int) -> None:
        """A protected record, whose body stands at stream ``offset``."""
        opener = self.opener
        assert opener is not None, "a record without a key"
        if session.passes_over(kind):
            return
        content = opener.open(self.number, kind, version, body)
        if content is None:
            content = self._open_later(kind, version, body)
        if content is None:
            self._unopened(session, out, opener, kind, body)
            return
        self._opened(session, out, content, offset)

    def _open_later(self, kind: int, version: int, body: bytes) -> Content | None:
        """The record may be the first under a key to come: the messages that announce it may be unreadable."""
        for index, (epoch, opener) in enumerate(self.epochs):
            content = opener.open(0, kind, version, body)
            if content is not None:
                del self.epochs[: index + 1]
                self.epoch, self.opener, self.number = epoch, opener, 0
                return content
        return None

    def _opened(self, session: Work, out: Out, content: Content, offset: int) -> None:
        opener = self.opener
        assert opener is not None, "opened without a key"
        self.number += 1
        self.proved = True
        self.doubt = False
        if self.epoch == EARLY and session.early_accepted is False:
            return  # the server passed over it (RFC 8446 4.2.10), and the client says it again
        if content.type == tls.APPLICATION_DATA:
            if self.early and self.epoch == APPLICATION:
                self._early_lost(session, out)
            if content.length:
                self._emit(content, offset + opener.prefix, out)
            self._marks.append((offset + content.length + opener.overhead, self.plain))
            if len(self._marks) > MARKS:
                del self._marks[0]
        elif content.type in (tls.HANDSHAKE, tls.CHANGE_CIPHER_SPEC):
            session.inside(self, content.type, content.data[: content.length])

    def _unopened(self, session: Work, out: Out, opener: Opener, kind: int, body: bytes) -> None:
        """A record that does not authenticate: it is lost, and the next is tried."""
        self.failures += 1
        if session.early(self):
            self.early += len(body)
            return
        if not self.proved:  # under handshake keys that the log does not hold; or the key is wrong
            if self.failures >= PATIENCE:
                session.hopeless()
            return
        self.number += 1
        out.unreadable(self.direction)
        exact = opener.exact and kind == tls.APPLICATION_DATA
        self._hole(len(body) - opener.overhead if exact else -1, out, at_most=len(body))

    def _early_lost(self, session: Work, out: Out) -> None:
        """0-RTT data could not be read, and the server did, or may have."""
        size, self.early = self.early, 0
        if session.early_accepted is not False:
            out.row(streams.TLS, self.direction, self.plain, streams.EARLY, size)
            self._hole(-1, out, at_most=size)

    def next_epoch(self) -> None:
        """The key in use has done its work."""
        if self.epochs:
            self.epoch, self.opener = self.epochs.pop(0)
            self.number = 0

    def update(self) -> None:
        """A KeyUpdate: the next record is under the next key."""
        if isinstance(self.opener, Protection13):
            self.opener = self.opener.updated()
            self.number = 0

    def _emit(self, content: Content, offset: int, out: Out) -> None:
        """Application data, which stands at stream ``offset``, byte by byte."""
        start, done, length = len(out.store), 0, content.length
        out.store += memoryview(content.data)[:length]
        ordinal = self._pieces[-1].ordinal
        for piece in self._pieces:
            if piece.end <= offset:
                continue
            taken = min(piece.end - offset, length - done)
            out.rows.append(
                (streams.DATA, self.direction, self.plain + done, taken, start + done, 1, piece.acked, piece.file,
                 piece.packet, piece.time_ns, piece.file_offset + offset - piece.offset, ordinal)
            )  # fmt: skip
            done += taken
            offset += taken
            if done == length:
                break
        self.plain += length

    # --- losses

    def lose(self, length: int, out: Out) -> None:
        """``length`` bytes of the stream are missing here."""
        buffer = self._buffer
        self.doubt = True
        if self._searching:
            self._miss(len(buffer) + length)
        elif self._skip:
            if length <= self._skip:
                self._skip -= length
                if not self._skip:
                    self._hole(self._skip_plain, out)
                    self._skip_plain = -1
            else:
                self._lose_step(length)
        elif len(buffer) >= HEAD and self._inside(length):
            pass
        else:
            self._lose_step(len(buffer) + length)
        self._at = self.end + length
        buffer.clear()
        self._pieces.clear()
        if self._searching and self.epoch == APPLICATION and self._missed:
            missed, self._missed = self._missed, 0
            self._hole(-1, out, at_most=missed)

    def _inside(self, length: int) -> bool:
        """The missing bytes are all in the record at hand, which is lost; its end is known."""
        opener = self.opener
        kind, _, size = tls.RECORD_HEADER.unpack_from(self._buffer)
        left = HEAD + size - len(self._buffer) - length
        if opener is None or left <= 0 or self.blocked:
            return False  # a record that ends with the gap may as well end before: there is no next one to prove it
        exact = opener.exact and kind == tls.APPLICATION_DATA
        self.number += 1
        self._skip = left
        self._skip_plain = size - opener.overhead if exact else -1
        return True

    def _lose_step(self, length: int) -> None:
        self._searching = True
        self._skip = 0
        self.doubt = True
        self._away = 0
        self._miss(length)

    def _miss(self, length: int) -> None:
        self._missed += length
        self._away += length

    def flush(self, out: Out) -> None:
        """No more bytes come: what was passed over is a hole."""
        if self._searching and self.epoch == APPLICATION and self._missed + len(self._buffer):
            self._hole(-1, out, at_most=self._missed + len(self._buffer))
        self._missed = 0

    def _hole(self, plain: int, out: Out, at_most: int = 1) -> None:
        """Plaintext is missing: ``plain`` bytes, or (-1) an unknown number, for which ``at_most`` is counted."""
        length = plain if plain >= 0 else max(1, at_most)
        if length:
            out.hole(self.direction, self.plain, length, sure=plain >= 0)
            self.plain += length

    def _search(self, at: int, out: Out) -> int:
        """Look for a record that authenticates from ``at`` on. Where it begins, or what to wait for begins."""
        buffer = self._buffer
        begin = at
        while True:
            found = buffer.find(START, begin)
            if found < 0 or not self._tries:
                keep = 0 if not self._tries else min(len(START) - 1, len(buffer) - at)
                self._miss(len(buffer) - keep - at)
                return len(buffer) - keep
            if len(buffer) - found < HEAD:
                break
            kind, version, length = tls.RECORD_HEADER.unpack_from(buffer, found)
            if length <= tls.LONGEST_RECORD:
                if len(buffer) - found < HEAD + length:
                    break
                body = bytes(memoryview(buffer)[found + HEAD : found + HEAD + length])
                if self._numbered(kind, version, body, self._away + found - at):
                    self._searching = False
                    self._missed += found - at
                    missed, self._missed = self._missed, 0
                    if missed and (self.epoch == APPLICATION and self.number):
                        self._hole(-1, out, at_most=missed)
                    return found
            begin = found + 1
        self._miss(found - at)
        return found

    def _numbered(self, kind: int, version: int, body: bytes, away: int) -> bool:
        """Find the key and the number under which a record authenticates that comes ``away`` bytes after the loss."""
        keys: list[tuple[int, Opener, int]] = []
        if self.opener is not None:
            keys.append((self.epoch, self.opener, self.number))
            if isinstance(self.opener, Protection13) and self.epoch == APPLICATION:
                keys.append((self.epoch, self.opener.updated(), 0))
        keys += [(epoch, opener, 0) for epoch, opener in self.epochs]
        for index, (epoch, opener, first) in enumerate(keys):
            span = min(NUMBERS, away // (HEAD + opener.overhead) + 2)
            for number in range(first, first + span):
                if not self._tries:
                    return False
                self._tries -= 1
                if opener.open(number, kind, version, body) is not None:
                    later = index - (len(keys) - len(self.epochs))
                    if later >= 0:
                        del self.epochs[: later + 1]
                    self.epoch, self.opener, self.number = epoch, opener, number
                    return True
        return False


class Out:
    """What a batch decrypts to: rows of a chunk table, and the bytes they point to."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, ...]] = []
        """In the order of `streams.CHUNK_COLUMNS`."""
        self.store = bytearray()
        self.place: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
        """Of the row at hand: file, packet, nanoseconds, file offset, ordinal."""

    def row(self, kind: int, direction: int, offset: int, length: int, start: int = 0) -> None:
        """A row that carries no bytes, at the row at hand."""
        self.rows.append((kind, direction, offset, length, start, 0, -1, *self.place))

    def hole(self, direction: int, offset: int, length: int, *, sure: bool) -> None:
        """Plaintext is missing."""
        self.row(streams.GAP, direction, offset, length, streams.SEALED if sure else streams.SEALED_UNSURE)

    def unreadable(self, direction: int) -> None:
        """A record does not authenticate."""
        self.row(streams.TLS, direction, 0, streams.UNREADABLE)
