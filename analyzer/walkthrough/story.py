"""The whole story of one connection: a capture in, a document out."""

from __future__ import annotations

from analyzer import pipeline
from analyzer.capture.source import open_source
from analyzer.report.verdict import plural
from analyzer.report.wording import endpoint, requested
from analyzer.settings import RECORDS, Settings
from analyzer.walkthrough import agreement, compression, cost, ending, glance, masking, opening, tcp
from analyzer.walkthrough import closing as close
from analyzer.walkthrough.data import Data
from analyzer.walkthrough.document import Block, Document, Section, code, outcome, paragraph, words
from analyzer.walkthrough.gather import FRAME_BYTES, Gathered, gather
from analyzer.walkthrough.segments import Traffic, look


def walkthrough(
    paths: list[str],
    wanted: int | None,
    *,
    decode_as: list[int] | None = None,
    keylog: str = "",
    redact: bool = False,
) -> Document:
    """Tell connection ``wanted`` (None: the only one) of the captures ``paths``, which are files: they are read twice.

    Raises InputError where they cannot be read, UsageError where the connection cannot be chosen.
    """
    settings = Settings(
        records=frozenset(RECORDS),
        payloads=not redact,
        frame_bytes=FRAME_BYTES,
        listed_connection=wanted or 0,  # without a choice there must be only one, and that has the number 0
        decode_as=frozenset(decode_as or ()),
        keylog=keylog,
    )
    with open_source(paths, settings) as source:
        gathered = gather(pipeline.run(source, settings), wanted, redact=redact)
    assert gathered.connection is not None
    return tell(gathered, look(paths, settings, gathered.connection))


def tell(gathered: Gathered, traffic: Traffic) -> Document:
    """The document about what was gathered."""
    connection = gathered.connection
    assert connection is not None
    start = connection.start_ns if traffic.first is None else min(traffic.first.time_ns, connection.start_ns)
    sections: list[Section] = [glance.section(gathered, traffic, start), tcp.section(gathered, traffic)]
    sections += opening.sections(gathered, start)
    if gathered.openings:
        used = any(side.frames for side in gathered.sides.values())
        sections.append(
            Section("What both sides now know", agreement.blocks(gathered.openings[-1], used=used), level=2)
        )
    if connection.state not in ("refused", "unanswered", "not-websocket"):
        sections += Data(gathered, traffic, start).sections()
        steps = (compression.section(gathered), cost.section(gathered, traffic))
        sections += [step for step in steps if step is not None]
        sections.append(masking.section(gathered, traffic))
    sections += [close.section(gathered, traffic, start), ending.section(gathered, traffic)]
    return Document("One WebSocket connection, told from the wire", _lead(gathered), sections)


def _lead(gathered: Gathered) -> list[Block]:
    connection = gathered.connection
    assert connection is not None
    asked = words(": ", code(requested(gathered.openings[-1]))) if gathered.openings else []
    about = paragraph(
        f"Connection {connection.connection}, ", code(endpoint(connection.client)),
        " to ", code(endpoint(connection.server)), *asked,
        f". {plural(connection.client_frames, 'frame')} from the client, {connection.server_frames} from the server.",
    )  # fmt: skip
    how = paragraph(
        "Times count from the connection's first packet in the capture. Packets have the numbers that Wireshark gives"
        " them; a stream byte is a position in what one side sent, from 0. The tables list what the RFCs demand: ",
        outcome("held"), " means that no rule named there was broken, ", outcome("broken"), " that one was, ",
        outcome("not seen"), " that the capture cannot tell. ", code("wsanalyzer explain RULE"), " says more.",
    )  # fmt: skip
    return [about, how]
