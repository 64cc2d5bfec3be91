"""Writes the sample captures and the table that says what is in them: ``python -m samples.make``.

``echo.pcap`` is one clean conversation. ``violations.pcap`` is a gallery made of the rules' own documentation:
the first violating example of each rule, one after the other, so a new rule is in it as soon as it exists.
Each example has a block of client ports of its own. ``wss.pcapng`` holds those that are over TLS, and their secrets.

``echo/WALKTHROUGH.md`` is the walkthrough of the capture beside it, which `samples.echo.record` takes.

``analyzer/rules/README.md``, the table of all rules, is written too. Tests compare the files with what this builds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from analyzer.model import Opcode
from analyzer.rules import registry
from analyzer.walkthrough import markdown
from analyzer.walkthrough.story import walkthrough
from samples import transcript
from samples.traffic import Conversation, Wire, capture_bytes, pcap_bytes

HERE = Path(__file__).parent

RULES = HERE.parent / "analyzer" / "rules" / "README.md"
RULES_HEAD = """# The rules

Written by `samples/make.py` from the rules themselves. `wsanalyzer explain ID` says more about one, with examples. A
rule that is *off* is not reported unless it is selected by its whole id, or by `ALL`.

| id | name | level | section | severity | what is wrong |
|---|---|---|---|---|---|"""
BAR = "\\|"

FIRST_PORT = 20000
PORTS = 10
"""Client ports set apart for each example; its connection N has the N-th after the first."""

TABLE_START = "<!-- gallery: written by samples/make.py -->\n"
TABLE_END = "<!-- end of gallery -->\n"


def echo() -> bytes:
    """An echo conversation that breaks no rule: messages whole and in fragments, Ping and Pong, Close, FIN."""
    wire = Wire()
    conversation = Conversation(wire)
    conversation.open()
    for text in (b"WebSocket rocks", "Grüße, 世界".encode()):
        wire.wait(200_000_000)
        conversation.frame("client", Opcode.TEXT, text)
        conversation.frame("server", Opcode.TEXT, text)
    conversation.frame("server", Opcode.PING, b"still there?")
    conversation.frame("client", Opcode.PONG, b"still there?")
    conversation.frame("client", Opcode.TEXT, b"one message, ", fin=False)
    conversation.frame("client", Opcode.PING, b"in between")
    conversation.frame("server", Opcode.PONG, b"in between")
    conversation.frame("client", Opcode.CONTINUATION, b"two fragments")
    conversation.frame("server", Opcode.TEXT, b"one message, two fragments")
    conversation.frame("client", Opcode.BINARY, bytes(range(256)))
    conversation.frame("server", Opcode.BINARY, bytes(range(256)))
    conversation.close("client", 1000, "bye")
    conversation.close("server", 1000, "bye")
    conversation.fin("server")
    conversation.fin("client")
    return pcap_bytes(wire.packets)


def gallery(*, tls: bool = False) -> Iterator[tuple[int, registry.Rule]]:
    """The client port of the first connection of each rule's example, and the rule; only those over ``tls``, or not."""
    shown = [rule for rule in registry.load().values() if rule.default and transcript.over_tls(rule.violates[0]) == tls]
    for number, rule in enumerate(shown):
        yield FIRST_PORT + PORTS * number + 1, rule


def violations(*, tls: bool = False) -> bytes:
    """The gallery: the first violating example of each rule, in the clear or over ``tls``."""
    wire = Wire()
    for port, rule in gallery(tls=tls):
        transcript.play(rule.violates[0], wire, base_port=port - 1, server_port=443 if tls else 80)
        wire.wait(1_000_000)
    return capture_bytes(wire)


def readme(text: str) -> str:
    """The README with its table of the gallery brought up to date."""
    before, _, rest = text.partition(TABLE_START)
    _, _, after = rest.partition(TABLE_END)
    rows = [
        "| client port | rule | name | what is wrong | section |",
        "|---|---|---|---|---|",
        *(
            f"| {port}{', wss' if tls else ''} | {rule.id} | {rule.name} | {rule.title} | {rule.rfc} |"
            for tls in (False, True)
            for port, rule in gallery(tls=tls)
        ),
    ]
    return before + TABLE_START + "\n" + "\n".join(rows) + "\n\n" + TABLE_END + after


def rule_table() -> str:
    """The table of all rules, for those who read the rules' modules."""
    rows = [
        f"| {rule.id} | {rule.name} | {rule.level} | {rule.rfc} | {rule.severity}{'' if rule.default else ', off'} "
        f"| {rule.title.replace('|', BAR)} |"
        for rule in registry.load().values()
    ]
    return "\n".join([RULES_HEAD, *rows, ""])


def story(capture: Path) -> str:
    """The walkthrough of a capture, as Markdown."""
    return "\n".join([*markdown.lines(walkthrough([str(capture)], None)), ""])


def build() -> dict[str, bytes]:
    """Every generated file of this folder, by name."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    return {
        "echo.pcap": echo(),
        "violations.pcap": violations(),
        "wss.pcapng": violations(tls=True),
        "README.md": readme(text).encode(),
        "echo/WALKTHROUGH.md": story(HERE / "echo" / "echo.pcap").encode(),
    }


if __name__ == "__main__":
    RULES.write_text(rule_table(), encoding="utf-8")
    for name, data in build().items():
        (HERE / name).write_bytes(data)
