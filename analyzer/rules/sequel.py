"""What a client did first after the answer to its opening: before it could know it, or in knowledge of it.

Which of the two it was shows in what the client acknowledged: the segment with its next bytes either covers the
answer's last byte or it does not. The order of the packets in a capture proves nothing, for near the server the
client's packets are seen late (RFC 6455 4.1, policy P1).

After an accepted opening the client's frames tell; after a refusal the HTTP connection hands on the first bytes that
follow the request. Of a connection no more is remembered than where its answer ends, and only until that is settled.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from analyzer.frames.columns import FrameColumns
from analyzer.http.exchange import SWITCHING, Chunk, last_byte
from analyzer.model import Cut, Opcode, Place
from analyzer.rules.opening import Opening

MUST_FAIL = frozenset(
    {
        *(f"HS-{number}" for number in range(203, 212)),
        *("EX-001", "EX-003", "EX-005", "EX-006"),
        *(f"EX-{number}" for number in range(111, 118)),
    }
)
"""Errors of an answer over which the client has to fail the connection (RFC 6455 4.1, RFC 7692 7.1)."""
SHOWN = 32
"""Bytes of what follows a refusal that are kept."""


class Answer(msgspec.Struct, frozen=True):
    """The answer to an opening, as far as what follows is judged by it."""

    status: int
    offset: int
    """Stream offset of its first byte."""
    end: int
    """Stream offset one past its empty line."""
    acked: int = -1
    """Bytes of the client's stream that it acknowledges."""
    asked_in: tuple[int, int] = (-1, -1)
    """File and packet of the request's last byte."""
    wrong: tuple[str, ...] = ()
    """Ids of the errors for which the client must not go on."""


class Sequel(msgspec.Struct, frozen=True):
    """Bytes of a client after its opening request."""

    connection: int
    answer: Answer
    offset: int
    """Stream offset of the first of them."""
    place: Place
    acked: int
    """Bytes of the server's stream that their segment acknowledges; -1 where unknown."""
    data: bytes
    """The first of them."""
    http: bool
    """They begin an HTTP request."""
    frame: int | None = None
    """Index of the frame, where they are one; then its opcode and close code, if it is whole and has one."""
    opcode: int = -1
    code: int = -1
    first: bool = True
    """Nothing came between the request and them."""

    @property
    def early(self) -> bool:
        """The client sent them before it had the whole answer.

        Not where they share a segment with the request and the answer acknowledges the request without them: nobody
        gets half a segment, so the capture does not show what was sent first.
        """
        together = (self.place.file, self.place.packet) == self.answer.asked_in
        halved = together and 0 <= self.answer.acked <= self.offset
        return 0 <= self.acked < self.answer.end and not halved

    @property
    def informed(self) -> bool:
        """The client had the whole answer."""
        return self.acked >= self.answer.end


def answer_to(opening: Opening) -> Answer | None:
    """The final answer, where it was captured whole and the protocol is RFC 6455's or nearly."""
    request, response = opening.request, opening.response
    if response is None or not opening.exchange.intact_response or opening.foreign or opening.elsewhere:
        return None
    wrong = tuple(sorted(opening.errors_of_answer & MUST_FAIL))
    asked = None if request is None else request.place(last_byte(request))
    return Answer(
        status=opening.status,
        offset=response.offset,
        end=response.end,
        acked=opening.exchange.answer_acked,
        asked_in=(-1, -1) if asked is None else (asked.file, asked.packet),
        wrong=wrong,
    )


def after_refusal(opening: Opening, chunk: Chunk, *, http: bool) -> Sequel | None:
    """The client's first bytes after an opening that did not lead to frames; nobody knows them after a torn request."""
    answer = answer_to(opening)
    if answer is None or not opening.exchange.intact_request:
        return None
    connection = opening.exchange.connection
    return Sequel(connection, answer, chunk.offset, chunk.place, chunk.acked, chunk.data[:SHOWN], http)


class Watch:
    """The connections whose client has not shown yet whether it waited for the answer, and what it made of it."""

    def __init__(self) -> None:
        """Nobody is watched."""
        self._silent: dict[int, Answer] = {}
        """By connection: no frame of the client came yet."""
        self._wrong: dict[int, Answer] = {}
        """By connection: the answer is wrong, and no frame that acknowledges it came yet."""

    def begin(self, opening: Opening) -> None:
        """An opening was answered."""
        answer = answer_to(opening)
        if answer is not None and answer.status == SWITCHING:
            self._silent[opening.exchange.connection] = answer
            if answer.wrong:
                self._wrong[opening.exchange.connection] = answer

    def end(self, connection: int) -> None:
        """The connection is over."""
        self._silent.pop(connection, None)
        self._wrong.pop(connection, None)

    def frames(self, frames: FrameColumns) -> Iterator[Sequel]:
        """Those of ``frames`` that tell something; what only a hole may have put first tells nothing."""
        if not self._silent and not self._wrong:
            return
        rows = frames.from_client & frames.opening_seen
        first = rows & (frames.index == 0)
        if self._wrong:
            first |= rows & np.isin(frames.connection, np.fromiter(self._wrong, dtype=np.int64))
        for row in np.flatnonzero(first).tolist():
            connection = int(frames.connection[row])
            silent, wrong = self._silent.pop(connection, None), self._wrong.get(connection)
            answer = silent or wrong
            if answer is None:
                continue
            sequel = _sequel(frames, row, answer, first=silent is not None)
            if sequel.informed:
                self._wrong.pop(connection, None)
            if silent or sequel.informed:
                yield sequel


def _sequel(frames: FrameColumns, row: int, answer: Answer, *, first: bool) -> Sequel:
    judged = bool(frames.whole[row])
    opcode = int(frames.opcode[row]) if judged else -1
    code = frames.close_body(row)[0] if opcode == Opcode.CLOSE and frames.complete[row] else None
    return Sequel(
        connection=int(frames.connection[row]),
        answer=answer,
        offset=int(frames.offset[row]),
        place=frames.place(row),
        acked=int(frames.acked[row]),
        data=frames.head_bytes(row),
        http=int(frames.cut[row]) == Cut.HTTP,
        frame=int(frames.index[row]),
        opcode=opcode,
        code=-1 if code is None else code,
        first=first and int(frames.index[row]) == 0,
    )
