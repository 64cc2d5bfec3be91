"""The third stage: frames and the messages they carry (RFC 6455 5 and 6).

A frame of a kind not met before is drawn, and so is one that broke a rule; the others stand in tables between them. A
long conversation repeats itself: of a long run of frames of known kinds the first and the last are listed and the
rest counted, and so is what lies between the first and the last frames that were kept (`gather`).
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.model import Direction, Finding, Frame, Opcode, Severity
from analyzer.report.drawing import opcode_name
from analyzer.report.verdict import plural
from analyzer.walkthrough import checks, reaction
from analyzer.walkthrough.document import Block, Paragraph, Section, Table, Words, outcome, paragraph, quote, words
from analyzer.walkthrough.frame import Teller, control, is_control, payload, quoted, shape, title
from analyzer.walkthrough.gather import DIRECTIONS, Gathered, shown
from analyzer.walkthrough.joined import Message, join, key
from analyzer.walkthrough.moments import OTHER, duration, since
from analyzer.walkthrough.segments import Traffic

DRAWN = 12
"""Frames drawn because their kind is new."""
BLAMED = 8
"""Frames drawn because they broke a rule."""
RUN = 12
"""Frames of known kinds in a row from which on they are folded."""
RUN_FIRST, RUN_LAST = 6, 2
FAMILIES = ("FR-", "CT-", "FG-", "TX-001", "TX-002", "EX-2")
"""Rules about frames and messages."""
ABOUT_FINDINGS = ("ST-019",)
"""What says something about other findings, and nothing about the frame."""
PINGS = 20
"""Pings and their Pongs listed."""
QUOTE = 60
"""Characters of a message quoted in a table."""

FORMS = {
    0: ("7 bits", "up to 125", "0 to 125"),
    2: ("7 + 16 bits", "126 to 65535", "126"),
    8: ("7 + 64 bits", "from 65536", "127"),
}
"""RFC 6455 5.2."""


class Data:
    """Tells the frames of a connection."""

    def __init__(self, gathered: Gathered, traffic: Traffic, start_ns: int) -> None:
        """Tell what ``gathered`` holds; times count from ``start_ns``."""
        self._gathered = gathered
        self._traffic = traffic
        self._start = start_ns
        self._teller = Teller(start_ns, redacted=gathered.redacted)
        self._shapes: set[tuple[object, ...]] = set()
        self._joined = join(gathered)
        self._drawn = self._blamed = 0
        self._said: set[str] = set()
        frames = [*gathered.first, *gathered.last]
        self._pongs = matched(frames)
        self._findings: dict[tuple[str, int], list[Finding]] = {}
        for finding in gathered.findings:
            if finding.frame is not None and finding.direction is not None:
                self._findings.setdefault((finding.direction, finding.frame), []).append(finding)

    def sections(self) -> Iterator[Section]:
        """The stage, its frames, and what pings did."""
        yield Section("The data", list(self._overview()))
        yield from self._steps(self._gathered.first)
        if self._gathered.folded:
            count = plural(self._gathered.folded, "frame")
            text = f"{count} between these and the last ones are not told one by one; every sum counts them."
            yield Section("Folded", [paragraph(text)], 2)
        yield from self._steps(list(self._gathered.last))
        if any(frame.opcode in (Opcode.PING, Opcode.PONG) for frame in self._gathered.first):
            yield Section("Pings and their Pongs", list(self._pings()), 2)

    # --- overview

    def _overview(self) -> Iterator[Block]:
        sides = self._gathered.sides
        total = sum(side.frames for side in sides.values())
        if not total:
            yield paragraph("The capture shows no frame on this connection.")
            yield from self._elsewhere()
            return
        counts = [
            f"the {name} sent {plural(side.frames, 'frame')} with {plural(side.messages, 'data message')}"
            for name, side in sides.items()
        ]
        yield paragraph(
            "From here on the connection carries frames: a header of 2 to 14 bytes and a payload. One or"
            " more frames make a"
            " message. In this capture ", f"{counts[0]}, {counts[1]}.",
        )  # fmt: skip
        yield paragraph(
            "The length of a payload has three forms, and the shortest that fits must be taken (RFC 6455 5.2):"
        )
        rows = [
            [
                words(str(cell))
                for cell in (*told, 2 + form, 6 + form, *(sides[side].forms.get(form, 0) for side in DIRECTIONS))
            ]
            for form, told in FORMS.items()
        ]
        yield Table(
            ["form", "payload", "7 bits say", "header", "masked", "by client", "by server"],
            rows,
            frozenset({3, 4, 5, 6}),
        )
        findings = [finding for finding in self._gathered.findings if finding.frame is not None]
        seen = frozenset(side for side in DIRECTIONS if sides[side].frames)
        asked = checks.FRAMES + ((checks.INFLATE,) if any(side.compressed for side in sides.values()) else ())
        yield paragraph("What both sides have to check of every frame:")
        names = {finding.rule for finding in self._gathered.findings}
        known = bool(self._gathered.openings) and not names & {"ST-006", "ST-014"}
        yield checks.judged(asked, findings, seen, unknown=() if known else checks.EXTENDED)
        if names.intersection(checks.DOUBT):
            yield paragraph(
                "Bytes of this connection are missing in the capture, so held means here: in what was captured."
            )

        yield from self._elsewhere()

    def _elsewhere(self) -> Iterator[Block]:
        """What is not about any one frame: HTTP in its place, a message that never ended, a Ping without a Pong."""
        found = self._gathered.findings
        told = [each for each in found if each.rule.startswith(FAMILIES) and not self._of_a_frame(each)]
        if told:
            yield checks.told(told)

    def _of_a_frame(self, finding: Finding) -> bool:
        """Its frame is one that there was: what stands where a frame should be has the number of the next."""
        if finding.frame is None or finding.direction is None:
            return False
        return finding.frame < self._gathered.sides[finding.direction].frames

    # --- frames

    def _steps(self, frames: list[Frame]) -> Iterator[Section]:
        rows: list[tuple[Frame, Words]] = []
        for frame in frames:
            told = self._joined.messages.get(key(frame))
            blamed = [
                each
                for each in self._findings.get((frame.direction, frame.index), [])
                if each.severity is not Severity.INFO
            ]
            new = shape(frame) not in self._shapes
            self._shapes.add(shape(frame))
            if (new and self._drawn < DRAWN) or (blamed and self._blamed < BLAMED):
                if rows:
                    yield self._table(rows)
                    rows = []
                self._drawn += new
                self._blamed += bool(blamed)
                yield Section(title(frame), list(self._frame(frame, told)), 2)
            else:
                rows.append((frame, self._content(frame, told)))
        if rows:
            yield self._table(rows)

    def _frame(self, frame: Frame, message: Message | None) -> Iterator[Block]:
        yield from self._teller.blocks(frame, compressed=key(frame) in self._joined.compressed)
        if is_control(frame):
            yield paragraph(*control(frame, redacted=self._gathered.redacted))
            yield from self._answered(frame)
        elif message is not None:
            yield self._message(message)
        elif not frame.fin and self._first("fragment"):
            yield paragraph(
                "A fragment: the message ends with the next continuation frame of this side that has FIN set. Control"
                " frames may stand between, data frames of another message may not (RFC 6455 5.4)."
            )
        findings = [
            each for each in self._findings.get((frame.direction, frame.index), []) if each.rule not in ABOUT_FINDINGS
        ]
        if findings:
            yield checks.told(findings)
        failing = next(
            (each for each in findings if each.severity is Severity.ERROR and each.close_code is not None), None
        )
        if failing is not None:
            yield Paragraph(
                reaction.demanded(failing) + words(" ") + reaction.done(failing, self._gathered, self._traffic)
            )

    def _first(self, what: str) -> bool:
        """Whether this was not said before."""
        first = what not in self._said
        self._said.add(what)
        return first

    def _answered(self, frame: Frame) -> Iterator[Block]:
        pong = self._pongs.get(key(frame))
        if frame.opcode == Opcode.PING and pong is not None:
            took = duration(pong.time_ns - frame.time_ns)
            yield paragraph(
                f"The {pong.direction} answers with the same payload in packet {pong.packet}, {took} later. Browsers do"
                " that by themselves: a script neither sees a Ping nor can send one."
                if self._first("pong")
                else f"The {pong.direction} answers in packet {pong.packet}, {took} later."
            )

    def _message(self, joined: Message) -> Paragraph:
        frames, told = joined
        if told is None:
            return paragraph("With this frame its message ends; the capture or the frames do not tell what it was.")
        message = told.message
        parts: list[str] = []
        if len(frames) > 1:
            sizes = " + ".join(str(frame.payload_length) for frame in frames[:8]) + (
                " + ..." if len(frames) > 8 else ""
            )
            parts.append(f"The {len(frames)} fragments joined ({sizes} bytes) are one message.")
        if message.compressed and message.length is not None:
            sent = sum(frame.payload_length for frame in frames)
            effect = "" if sent < message.length else ": no gain here, and either side may leave a message as it is"
            parts.append(f"Inflated (RFC 7692 7.2.2), the {plural(sent, 'byte')} become {message.length}{effect}.")
        if message.length is None:
            return paragraph(" ".join([*parts, "What the message says cannot be told."]))
        says = f"The message: {plural(message.length, 'byte')} of {opcode_name(message.opcode)}"
        content = words(": ", quote(shown(told))) if shown(told) else []
        return paragraph(" ".join([*parts, says]), *content, ".")

    def _content(self, frame: Frame, joined: Message | None) -> Words:
        blamed = [
            each.rule
            for each in self._findings.get((frame.direction, frame.index), [])
            if each.severity is not Severity.INFO
        ]
        marks = [outcome("broken"), *words(f" {', '.join(dict.fromkeys(blamed))} ")] if blamed else []
        if is_control(frame):
            if frame.opcode == Opcode.CLOSE:
                return [*marks, *words("no code" if frame.close_code is None else f"code {frame.close_code}")]
            return [*marks, quote(quoted(payload(frame, redacted=self._gathered.redacted))[:QUOTE])]
        if joined is None or joined.told is None:
            return [*marks, *words("" if frame.fin else "a fragment")]
        message = joined.told.message
        notes = f"{len(joined.frames)} fragments: " if len(joined.frames) > 1 else ""
        if message.compressed and message.length is not None:
            notes += f"inflated to {message.length}: "
        text = shown(joined.told)
        return [*marks, *words(notes), quote(text if len(text) <= QUOTE else f"{text[:QUOTE]}...")]

    def _table(self, rows: list[tuple[Frame, Words]]) -> Section:
        folded = rows[RUN_FIRST:-RUN_LAST] if len(rows) > RUN else []
        listed = rows if not folded else [*rows[:RUN_FIRST], *rows[-RUN_LAST:]]
        cells = [self._row(frame, content) for frame, content in listed]
        head = ["frame", "packet", "time", "opcode", "header", "payload", "content"]
        blocks: list[Block] = [Table(head, cells, frozenset({1, 2, 4, 5}))]
        if folded:
            size = sum(frame.payload_length for frame, _ in folded if frame.complete)
            blocks.append(
                paragraph(
                    f"{plural(len(folded), 'frame')} of the same kinds between the {RUN_FIRST} first and the"
                    f" {RUN_LAST} last of these"
                    f" rows are not listed: {plural(size, 'byte')} of payload."
                )
            )
        return Section("More frames of kinds seen above", blocks, 2)

    def _row(self, frame: Frame, content: Words) -> list[Words]:
        return [
            words(f"{frame.direction} {frame.index}"),
            words(str(frame.packet)),
            words(since(frame.time_ns, self._start)),
            words(opcode_name(frame.opcode) + ("" if frame.fin else ", more")),
            words(str(frame.header_length)),
            words(str(frame.payload_length)),
            content,
        ]

    # --- pings

    def _pings(self) -> Iterator[Block]:
        frames = [*self._gathered.first, *self._gathered.last]
        pings = [frame for frame in frames if frame.opcode == Opcode.PING]
        answered = {(pong.direction, pong.index) for pong in self._pongs.values()}
        loose = [
            frame for frame in frames if frame.opcode == Opcode.PONG and (frame.direction, frame.index) not in answered
        ]
        if pings:
            rows = []
            for ping in pings[:PINGS]:
                pong = self._pongs.get((ping.direction, ping.index))
                rows.append(
                    [
                        words(f"{ping.direction} {ping.index}"),
                        words(str(ping.packet)),
                        words(str(pong.packet) if pong else "-"),
                        words(duration(pong.time_ns - ping.time_ns) if pong else "-"),
                        words(quote(quoted(payload(ping, redacted=self._gathered.redacted)))),
                    ]
                )
            yield Table(["Ping", "packet", "Pong in packet", "after", "payload"], rows, frozenset({1, 2, 3}))
        if len(pings) > PINGS:
            yield paragraph(f"{plural(len(pings) - PINGS, 'Ping')} more not listed.")
        if pings:
            seen = frozenset(DIRECTIONS)
            yield checks.judged(
                checks.PINGS, [each for each in self._gathered.findings if each.rule.startswith("CT-")], seen
            )
        if loose:
            yield paragraph(
                f"{plural(len(loose), 'Pong')} that answer no Ping told here: one may be sent unasked, as a"
                " heartbeat (RFC 6455 5.5.3)."
            )


def matched(frames: list[Frame]) -> dict[tuple[str, int], Frame]:
    """The Pong of each Ping: the next one of the other side with the same payload (RFC 6455 5.5.3)."""
    waiting: dict[Direction, list[Frame]] = {side: [] for side in DIRECTIONS}
    pongs: dict[tuple[str, int], Frame] = {}
    for frame in frames:
        if frame.opcode == Opcode.PING:
            waiting[frame.direction].append(frame)
        elif frame.opcode == Opcode.PONG:
            asked = waiting[OTHER[frame.direction]]
            for ping in reversed(asked):
                if ping.payload_length == frame.payload_length and payload(ping) == payload(frame):
                    pongs[ping.direction, ping.index] = frame
                    asked.remove(ping)
                    break
    return pongs
