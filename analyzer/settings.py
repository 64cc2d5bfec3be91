"""Every limit and time-out, by name, with its unit and its reason.

A limit that is reached is reported (ST-013 and the summary's ``limits``), never passed over in silence.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from analyzer.model import Severity

SECOND = 1_000_000_000
"""Nanoseconds."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All there is to choose about an analysis. Sizes are bytes, times nanoseconds."""

    # --- what is asked for
    select: tuple[str, ...] = ()
    """Rule ids or prefixes to report; empty means all but those that are off by default, ALL means those too."""
    ignore: tuple[str, ...] = ()
    """Rule ids or prefixes not to report; the longer match of select and ignore wins."""
    severity: dict[str, Severity] = {}
    """Severity by rule id, instead of the rule's own."""
    records: frozenset[str] = frozenset({"connections", "handshakes", "findings"})
    """What the result holds; see RECORDS."""
    payloads: bool = False
    """Put message payloads into message records."""
    decode_as: frozenset[int] = frozenset()
    """TCP ports to treat as WebSocket where the opening is not in the capture."""
    keylog: str = ""
    """Path of a TLS key log; secrets in the captures are used too."""
    engine: Literal["native", "tshark"] = "native"
    """Who opens packets down to TCP: this program, or tshark (slow; for what only tshark can open)."""
    tshark_options: tuple[str, ...] = ()
    """Preferences of tshark's, NAME:VALUE, for that engine. They may hold keys, so results name them without values."""

    # --- reading
    buffer_size: int = 1 << 20
    """One read. Large enough to hold the largest packet a capture may have, small enough for the cache."""
    batch_packets: int = 8192
    """Packets handed on at once, at most."""
    packet_size: int = 256 << 10
    """The longest captured packet believed; beyond it the file is taken for damaged (libpcap's own limit)."""
    block_size: int = 16 << 20
    """The longest pcapng block believed. Longer ones that are not packets are skipped unread."""
    interfaces: int = 1 << 16
    """Interfaces of one pcapng section that are remembered, 64 bytes each: far more than a machine has. Packets of
    further ones are counted as of an interface that is not described."""
    options: int = 64
    """Options of one pcapng block that are looked at: the standard ones come to less than twenty."""
    follow: bool = False
    """Wait at the end of the last file, in the order of the captures, for what is still written to it."""
    follow_timeout: int = 1 << 62
    """How long it may stay the same before it is taken for finished, by the clock on the wall: in effect, for ever."""

    # --- live
    capture_buffer: int = 32 << 20
    """What the system keeps of packets that the capture program has not taken yet: a quarter of a second of a gigabit.
    Beyond it packets are dropped, and counted."""
    live_queue: int = 64 << 20
    """What was captured and waits for the analysis, at most: packets beyond it are counted, and not looked at."""
    quiet_time: int = SECOND
    """Without a packet for so long, the clock on the wall, less this, goes for capture time: longer than what a capture
    program takes to hand a packet on (dumpcap a quarter of a second)."""

    # --- TCP
    connections: int = 100_000
    """TCP connections followed at once; beyond it the idlest is given up."""
    stream_buffer: int = 4 << 20
    """Out-of-order bytes held for one direction, at most: a large window's worth."""
    total_stream_buffer: int = 32 << 20
    """Out-of-order bytes held in all, at most."""
    history: int = 4 << 20
    """Delivered payload remembered, over all connections, to compare retransmissions with."""
    gap_packets: int = 64
    """Packets of a connection to wait, after the peer acknowledged bytes that were not captured, before they
    count as lost: a capture may hold packets in another order than they were sent."""
    gap_time: int = 2 * SECOND
    """The same in capture time."""
    linger_time: int = 60 * SECOND
    """How long a closed connection's addresses are remembered, so that late packets start no new one."""
    idle_time: int = 24 * 3600 * SECOND
    """Silence after which a connection that never closed is given up."""
    join_packets: int = 8
    """Packets to look at before the start of a stream whose SYN is missing is fixed."""

    kept_losses: int = 100
    """Gaps, and conflicts, of one connection that are told one by one; the rest is counted. A few
    hundred bytes each."""
    datagram_fragments: int = 8192
    """Fragments of one datagram, at most: 65535 bytes in the smallest pieces IP allows."""
    fragments: int = 4 << 20
    """IP fragments kept while their datagrams are not whole, in bytes."""
    fragment_time: int = 30 * SECOND
    """Time after its first fragment that a datagram waits for the others (Linux's time-out): identifications are 16
    bits, and the next datagram with the same one is another."""

    # --- TLS
    keylog_size: int = 64 << 20
    """Bytes of the key log that are read: a few hundred thousand connections' worth."""
    sealed_size: int = 128 << 10
    """Encrypted bytes kept of a connection until the handshake has told how to read them."""
    total_sealed_size: int = 64 << 20
    """The same, and records that are not whole yet, over all connections; beyond it the connection that has been quiet
    longest is not decrypted."""
    tls_sessions: int = 16_384
    """Sessions of TLS 1.2 remembered, in case others resume them; a few hundred bytes each."""

    # --- HTTP
    head_size: int = 64 << 10
    """An HTTP head longer than this is not followed."""
    total_head_size: int = 64 << 20
    """Bytes of heads that are not over, of what waits for an answer, and of what may be frames, over all connections.
    Beyond it the connection that has been quiet longest is not followed."""
    pending_openings: int = 64
    """Unanswered requests remembered on one connection (pipelining)."""
    interim_responses: int = 16
    """Interim responses (1xx) of one request that are kept; more are read and forgotten."""
    request_line: int = 8 << 10
    """Bytes kept where a frame should begin and HTTP text seems to, until the first line's end decides."""

    # --- frames and messages
    undecided_size: int = 128 << 10
    """Bytes kept of a direction that may carry frames, until more tell whether it does: room for one frame of 64 KiB
    and what surrounds it."""
    frame_rows: int = 8192
    """Frames collected before the rules run over them."""
    control_bytes: int = 125
    """Bytes of a control frame's payload that are kept: RFC 6455 5.5 allows no more."""
    listed_connection: int | None = None
    """Frames and messages become records only of the connection with this number; None: of all. Rules see all."""
    frame_bytes: int = 0
    """First bytes of a data frame's payload that are kept, for reports that show frames."""
    inflated_bytes: int = 0
    """First bytes of a compressed message's application payload that are kept, for the same reports."""
    message_size: int = 64 << 20
    """An application payload longer than this is not kept or hashed or inflated further."""
    inflate_ratio: int = 2000
    """A compressed message that grows more than this is not inflated further (DEFLATE reaches about 1032)."""
    bomb_size: int = 1 << 20
    """A compressed message is told of as one that grows extremely (SEC-020) if its payload is longer than this..."""
    bomb_ratio: int = 200
    """... and longer than what was sent, times this. Text reaches about 10, DEFLATE itself about 1032."""
    inflate_restarts: int = 256
    """DEFLATE streams followed within one compressed message. A block with BFINAL set ends one, and may be two bytes
    long; no compressor ends its stream more than once a message."""

    # --- masking keys and peers
    mask_key_windows: int = 4096
    """Directions of which 640 masking keys in a row are kept at once, for the Mersenne Twister: 10 MB in all."""
    peers: int = 100_000
    """Openings, clients and sequences of masking keys remembered, each, to compare connections with each other."""

    # --- what counts as very much of something legal
    large_message: int = 64 << 20
    """A frame or message longer than this is reported (SEC-021): few receivers take so much at once."""
    huge_frame: int = 1 << 40
    """A frame that announces more than this, and does not bring it, is no mere large one (SEC-021)."""
    flood_fragments: int = 10_000
    """Fragments of one message, beyond which it is reported (SEC-022)."""
    flood_empty_fragments: int = 100
    """Empty ones: each costs the receiver work, and carries nothing."""
    flood_control_frames: int = 500
    """Control frames of one direction within ``flood_control_period``, beyond which they are reported (SEC-023): a
    hundred a second, where a keep-alive takes one in many seconds."""
    flood_control_period: int = 5 * SECOND
    """How long they may take; bursts shorter than this count as a whole."""

    # --- findings
    findings_per_rule: int = 100
    """Findings of one rule in one direction of a connection written one by one; the rest is counted."""
    held_findings: int = 1000
    """Findings of one direction held until the peer's reaction is known; the rest is counted."""
    total_held_findings: int = 20_000
    """Findings held over all connections: at about 1.5 KB each, what a batch costs anyway."""
    packet_items: int = 1 << 16
    """Findings and records of one packet that wait for the rest of it. Beyond that (megabytes of tiny frames, delivered
    when a hole was filled) they are written in the order in which they were found."""
    pings: int = 64
    """Pings of one side remembered, answered or not, to tell what a Pong answers; more than any sender leaves open."""
    kept_findings: int = 10_000
    """Findings a report in memory holds (text, JSON, the Python API)."""
    kept_connections: int = 10_000
    """Connections a report in memory holds."""

    # --- time-outs of the rules, in capture time
    fail_timeout: int = 5 * SECOND
    """How long a peer has to fail the connection after a violation."""
    pong_timeout: int = 20 * SECOND
    """How long a peer has to answer a Ping."""
    close_timeout: int = 10 * SECOND
    """How long a peer has to answer a Close."""
    teardown_timeout: int = 2 * SECOND
    """How long a server has to close TCP after the closing handshake; and how long a connection that ended is kept."""
    idle_timeout: int = 60 * SECOND
    """Silence on an open connection from which on it is told: many middleboxes forget a connection then."""
    pong_late: int = 5 * SECOND
    """A Pong that takes longer is late."""
    close_late: int = 2 * SECOND
    """A Close that answers another and takes longer is late."""
    message_late: int = SECOND
    """How long after a Close was acknowledged new messages may have been on their way: an acknowledgement is the work
    of the kernel, and what was queued is still sent."""
    clock_step: int = SECOND // 10
    """A packet this much older than the one before shows that the clock was set, or captures were merged; times of
    connections that it falls into are not judged. Less is packets recorded out of order."""


ALL = "ALL"
"""In ``select``: every rule, also those that are off by default."""

RECORDS = ("connections", "handshakes", "frames", "messages", "findings")
"""The kinds of record that can be asked for (``run`` and ``summary`` always come)."""


def changed(settings: Settings) -> dict[str, object]:
    """The settings that differ from the defaults, as JSON would have them."""
    defaults = Settings()
    differing = {
        name: getattr(settings, name)
        for name in settings.__struct_fields__
        if getattr(settings, name) != getattr(defaults, name)
    }
    if settings.tshark_options:
        differing["tshark_options"] = [option.partition(":")[0] for option in settings.tshark_options]
    result: dict[str, object] = msgspec.to_builtins(differing, order="deterministic")
    return result
