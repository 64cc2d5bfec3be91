"""SC-004 to SC-006, SC-011 to SC-015, SC-018, SC-019: the closing handshake and the end of TCP (RFC 6455 5.5.1, 7.1).

A Close is answered with a Close; then the server closes TCP. Peers that leave otherwise lose what was on its way, and
the other side's application is told 1006, which means nothing. Most of it happens in every large deployment, so most
of it is no error: phones lose their network, middleboxes reset what was idle, stacks reset what was not read.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analyzer.frames.columns import FrameColumns
from analyzer.model import Cut, Level, Opcode, Role, Severity
from analyzer.rules import iana
from analyzer.rules.dialogue import NEVER, Act, Dialogue, Ended, Side, doing, ending, omitting, seconds
from analyzer.rules.failing import dropped
from analyzer.rules.faults import Fault, Hits
from analyzer.rules.framing import SHORT_16, SHORT_64
from analyzer.rules.registry import rule
from analyzer.wire import frame

CLIENT, SERVER = 0, 1


@rule("SC-004", severity=Severity.ERROR, level=Level.MUST, rfc="RFC 6455 5.5.1", role=Role.BOTH)
def close_unanswered(dialogue: Dialogue) -> Iterator[Fault]:
    """A Close was not answered with a Close.

    Who receives a Close must send one back, though it may finish its message first. Otherwise the closing side waits
    until it gives up, and cannot tell a clean end from a cut. Usual cause: a server that closes the socket when it
    reads a Close.

    Violates:
        client: 88 82 37 fa 21 3d 34 12
        server: FIN

        client: 88 82 37 fa 21 3d 34 12
        server: 81 02 68 69
        +12s
        server: 81 02 68 69

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8

        unacked
        client: 88 82 37 fa 21 3d 34 12
        server: FIN

        client: 88 82 37 fa 21 3d 34 12
        client: FIN
        server: FIN

        client: 88 82 37 fa 21 3d 34 12
        +3s
        server: 81 02 68 69

        server: 01 01 61
        client: 88 82 37 fa 21 3d 34 12
        +12s
        server: 00 01 62
    """
    for role, me, peer in dialogue.pairs():
        close = peer.close
        if close is None or me.close is not None or not dialogue.seen or me.lost != NEVER or me.stopped:
            continue
        if dialogue.faulty or peer.wrong is not None or (me.asked >= 0 and not me.asked_ns):
            continue
        left = peer.end
        if left is not None and (close.code in iana.FAILURES or left.reset):
            continue
        if me.fin is not None and me.ended_at == me.fin.place.ordinal:
            if me.fin.acked >= close.end and me.ended_at < peer.ended_at:
                yield _unanswered(role, close, "FIN")
        elif me.rst is None and peer.close_acked_ns >= 0 and dialogue.timed(close):
            since = max(peer.close_acked_ns, me.asked_ns)
            until = dialogue.over_ns if left is None or not dialogue.timed(left) else left.place.time_ns
            if until - since > dialogue.settings.close_timeout:
                yield _unanswered(role, close, f"none within {seconds(dialogue.settings.close_timeout)}")


def _unanswered(role: int, close: Act, found: str) -> Fault:
    return omitting(role, close, expected="a Close in answer", found=found)


@rule("SC-005", severity=Severity.INFO, level=Level.SHOULD, rfc="RFC 6455 5.5.1", role=Role.BOTH)
def close_reply_late(dialogue: Dialogue) -> Iterator[Fault]:
    """A Close was answered late.

    The answer is due as soon as practical; the rest of the message being sent may come first. Meanwhile the closing
    side keeps the connection, and may give up.

    Violates:
        client: 88 82 37 fa 21 3d 34 12
        +8s
        server: 88 02 03 e8

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
        +500ms
        server: 88 02 03 e8

        server: 01 01 61
        client: 88 82 37 fa 21 3d 34 12
        +8s
        server: 80 01 62 88 02 03 e8
    """
    for role, me, peer in dialogue.pairs():
        answer, close = me.close, peer.close
        if answer is None or close is None or not answer.knows(close.end) or not dialogue.timed(answer):
            continue
        if me.asked >= 0 and not me.asked_ns:
            continue
        delay = answer.place.time_ns - max(close.known_ns, me.asked_ns)
        if delay > dialogue.settings.close_late:
            limit = seconds(dialogue.settings.close_late)
            yield omitting(role, close, f"a Close in answer within {limit}", f"one after {seconds(delay)}")


@rule("SC-006", severity=Severity.WARNING, level=Level.SHOULD, rfc="RFC 6455 5.5.1", role=Role.BOTH)
def new_message_after_peer_close(dialogue: Dialogue) -> Iterator[Fault]:
    """A side began a message although it had had the peer's Close for long.

    Only the message in progress may still be finished. The peer does not have to read what comes after it. What is sent
    in the first second was queued, most likely: an acknowledgement says only that the kernel has the Close.

    Violates:
        client: 88 82 37 fa 21 3d 34 12
        server: 81 02 68 69
        +1500ms
        server: 81 02 68 69
        server: 88 02 03 e8

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
        server: 81 02 68 69 81 02 68 69
        server: 88 02 03 e8

        server: 01 02 68 69
        client: 88 82 37 fa 21 3d 34 12
        server: 00 02 68 69
        +1500ms
        server: 80 02 68 69
        server: 88 02 03 e8
    """
    for role, me, _ in dialogue.pairs():
        if me.begun is not None and dialogue.timed(me.begun):
            limit = seconds(dialogue.settings.message_late)
            yield doing(role, me.begun, "a Close in answer", f"a new message more than {limit} later", me.begun_count)


@rule("SC-011", severity=Severity.WARNING, level=Level.MUST, rfc="RFC 6455 5.5.1, 7.1.1", role=Role.SERVER)
def server_kept_tcp_open(dialogue: Dialogue) -> Iterator[Fault]:
    """The server did not close TCP after the closing handshake.

    With both Close frames exchanged the server closes at once, so that it, and not the client, holds the TIME-WAIT
    state. A client that has to close first cannot use its port again for minutes. Look for a server that waits for the
    client's FIN.

    Violates:
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
        +5s
        client: FIN
        server: FIN

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
        +3ms
        server: FIN
        client: FIN

        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
    """
    client, server = dialogue.sides
    if client.close is None or server.close is None or not dialogue.seen:
        return
    if not dialogue.timed(client.close) or not dialogue.timed(server.close):
        return
    if client.close_acked_ns < 0 or server.close_acked_ns < 0 or server.lost != NEVER or server.stopped:
        return
    if server.end is None and client.acknowledged > server.close.end:
        return  # more than what was captured: the FIN takes a sequence number too
    since = max(client.close_acked_ns, server.close_acked_ns)
    ends = [end.place.time_ns for end in (server.end, client.rst) if end is not None and dialogue.timed(end)]
    until = min([*ends, dialogue.over_ns])
    if until - since > dialogue.settings.teardown_timeout:
        limit = seconds(dialogue.settings.teardown_timeout)
        yield omitting(SERVER, client.close, "FIN after the closing handshake", f"none within {limit}")


@rule("SC-012", severity=Severity.INFO, level=Level.SHOULD, rfc="RFC 6455 5.5.1, 7.1.1", role=Role.CLIENT)
def client_closed_tcp_first(dialogue: Dialogue) -> Iterator[Fault]:
    """The client closed TCP before the server did, without having waited.

    After the closing handshake it is the server's turn. A client may close when the server takes too long.

    Violates:
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
        client: FIN
        server: FIN

        client: 88 82 37 fa 21 3d 34 12
        client: FIN

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
        server: FIN
        client: FIN

        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
        +5s
        client: FIN
    """
    client, server = dialogue.sides
    end = client.end
    if client.close is None or end is None or not dialogue.whole or server.wrong is not None:
        return
    if server.end is not None and (server.ended_at < end.place.ordinal or end.acked > server.end.offset):
        return
    how = "RST" if end.reset else "FIN"
    if server.close is None or end.acked < server.close.end:
        yield ending(CLIENT, end, "the server's Close first", f"{how} before it")
    elif not end.reset and dialogue.timed(end):
        waited = end.place.time_ns - max(client.close.known_ns, server.close.known_ns)
        crossed = server.fin is not None and server.fin.acked <= end.offset
        if waited <= dialogue.settings.teardown_timeout and not crossed:
            yield ending(CLIENT, end, "the server's FIN first", f"FIN {seconds(waited)} after the closing handshake")


@rule("SC-013", severity=Severity.WARNING, level=Level.SHOULD, rfc="RFC 6455 7.1.1, 7.1.7, 7.3", role=Role.BOTH)
def tcp_end_without_close(dialogue: Dialogue) -> Iterator[Fault]:
    """A side closed TCP, and no Close was sent.

    The other side's application is told 1006, abnormal closure, and cannot know whether everything arrived. Look for
    a process that exits, or a socket that is closed, without closing the WebSocket; phones and address translators do
    it all the time.

    Violates:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        client: FIN

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
        server: FIN
        client: FIN

        client: 83 80 37 fa 21 3d
        server: FIN
    """
    for role, me, peer in dialogue.pairs():
        end = me.end
        if end is None or end.reset or me.close is not None or not me.ended_before(peer):
            continue
        if peer.close is not None and peer.close.precedes(end):
            continue
        if _may_leave(dialogue, me, peer):
            yield ending(role, end, "a Close before it", "FIN without any Close", _unused(me))


def _may_leave(dialogue: Dialogue, me: Side, peer: Side) -> bool:
    """Whether nothing excuses ``me`` for ending TCP without a Close."""
    if not dialogue.whole or dialogue.faulty or peer.wrong is not None:
        return False
    if dialogue.unchosen and me is dialogue.sides[CLIENT] and not me.frames:
        return False
    return dropped(dialogue, peer, me) is None


def _complete(me: Side, peer: Side, rst: Ended) -> bool:
    """Whether both sides had sent a Close when ``me`` reset the connection."""
    return me.close is not None and peer.close is not None and peer.close.precedes(rst)


def _unused(me: Side) -> Severity | None:
    """No more than a note about a side that sent no frame: it may refuse a legal answer that it cannot accept."""
    return None if me.frames else Severity.INFO


@rule("SC-014", severity=Severity.WARNING, level=Level.OBSERVATION, rfc="RFC 6455 7.1.1, 7.2", role=Role.BOTH)
def tcp_reset_before_close(dialogue: Dialogue) -> Iterator[Fault]:
    """TCP was reset before the closing handshake was complete.

    What was on its way is lost. A reset may be the work of a middlebox that lost or dropped the connection, of a kernel
    whose process died, or of an endpoint under attack.

    Violates:
        client: 81 85 37 fa 21 3d 7f 9f 4d 51 58
        server: RST

        client: 88 82 37 fa 21 3d 34 12
        server: RST

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
        server: FIN

        client: 83 80 37 fa 21 3d
        server: RST
    """
    for role, me, peer in dialogue.pairs():
        rst = me.rst
        if rst is None or _complete(me, peer, rst):
            continue
        closed = me.close is not None or (peer.close is not None and peer.close.precedes(rst))
        first = min(me.ended_at, peer.ended_at) == rst.place.ordinal
        if (first or closed) and peer.rst is None and _may_leave(dialogue, me, peer):
            severity = Severity.INFO if closed else _unused(me)
            yield ending(role, rst, "the closing handshake first", "RST before it was complete", severity)


@rule("SC-015", severity=Severity.INFO, level=Level.SHOULD, rfc="RFC 6455 7.1.1", role=Role.BOTH)
def tcp_reset_after_close(dialogue: Dialogue) -> Iterator[Fault]:
    """TCP was reset after the closing handshake.

    Harmless: stacks reset a connection that is closed with bytes unread. But what the other side sent last may be lost.

    Violates:
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
        server: RST

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
        server: FIN
        client: FIN
    """
    for role, me, peer in dialogue.pairs():
        rst = me.rst
        if rst is not None and _complete(me, peer, rst):
            yield ending(role, rst, "FIN", "RST")


@rule("SC-018", severity=Severity.INFO, level=Level.OBSERVATION, rfc="RFC 6455 7.1.1", role=Role.BOTH)
def bytes_after_close(frames: FrameColumns) -> Hits:
    """Bytes that are no frame follow a side's own Close.

    The peer discards them, so they do no harm. From there on the direction is not judged.

    Violates:
        client: 88 82 37 fa 21 3d 34 12 47

        server: 88 02 03 e8 ff ff ff ff

    Conforms:
        server: 88 02 03 e8
        server: FIN

        server: 88 02 03 e8 81 02 68 69
    """
    after = frames.closed == 1
    if not after.any():
        return Hits(rows=after, expected="", found="")
    first = ((frames.rsv & ~frames.rsv_owned) != 0) | ~np.isin(frames.opcode, list(Opcode))
    header = (frames.masked != frames.from_client) & frames.roles_sure
    header |= (frames.length7 == frame.LENGTH_16) & (frames.payload_length <= SHORT_16)
    header |= (frames.length7 == frame.LENGTH_64) & (frames.payload_length <= SHORT_64)
    header |= frames.control_frame & (~frames.fin | (frames.payload_length > SHORT_16))
    torn = (frames.cut == Cut.FIN) | (frames.cut == Cut.LENGTH)
    broken = (first & ~frames.unknown_extension) | (header & frames.whole) | torn
    return Hits(
        rows=after & (frames.cut != Cut.HTTP) & broken,
        expected="nothing after Close",
        found="bytes that are no frame",
    )


@rule("SC-019", severity=Severity.INFO, level=Level.MAY, rfc="RFC 6455 5.5.1, 7.1.5", role=Role.BOTH)
def simultaneous_close(dialogue: Dialogue) -> Iterator[Fault]:
    """Both sides began the closing handshake, and their Close frames crossed.

    Legal; the codes may differ, and each side reports the one it received.

    Violates:
        unacked
        client: 88 82 37 fa 21 3d 34 13
        server: 88 02 03 e8

    Conforms:
        client: 88 82 37 fa 21 3d 34 12
        server: 88 02 03 e8
    """
    client, server = dialogue.sides
    one, other = client.close, server.close
    if one is None or other is None or not 0 <= one.acked < other.end or not 0 <= other.acked < one.end:
        return
    role = CLIENT if one.place.ordinal > other.place.ordinal else SERVER
    yield doing(role, max(one, other, key=lambda close: close.place.ordinal), "a Close in answer", "one that crossed")
