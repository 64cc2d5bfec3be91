"""The output formats by name: one row a format, nothing about a format anywhere else."""

from __future__ import annotations

from importlib import import_module
from typing import BinaryIO, NamedTuple, cast

from analyzer.report.sink import Look, Sink


class Format(NamedTuple):
    """One format: where its sink lives, what it needs, who reads it."""

    module: str
    sink: str
    suffixes: tuple[str, ...] = ()
    needs: frozenset[str] | None = None
    """Kinds of record it shows whatever was asked for; None: exactly those asked for."""
    human: bool = False
    """For people: colour and the terminal's width apply."""
    streams: bool = False
    """Writes while the analysis runs."""
    table: bool = False
    """Is one table, of the kind of record that `analyzer.report.rows` tells from the destination."""
    copies: bool = False
    """Holds the capture's own bytes."""
    digests: bool = False
    """States the inputs' SHA-256, which costs a second reading of each file."""
    frame_bytes: int = 0
    """First payload bytes of a frame that it shows."""
    inflated_bytes: int = 0
    """First bytes that it shows of what a compressed message inflates to."""

    def make(self, out: BinaryIO, look: Look) -> Sink:
        """A sink that writes to ``out``."""
        return cast(Sink, getattr(import_module(self.module), self.sink)(out, look))


FORMATS = {
    "text": Format(
        "analyzer.report.text",
        "Text",
        (".txt",),
        needs=frozenset({"connections", "handshakes", "findings"}),
        human=True,
    ),
    "concise": Format("analyzer.report.concise", "Concise", needs=frozenset({"findings"}), streams=True),
    "jsonl": Format("analyzer.report.jsonl", "JsonLines", (".jsonl", ".ndjson"), streams=True, digests=True),
    "json": Format("analyzer.report.json", "Document", (".json",), digests=True),
    "markdown": Format(
        "analyzer.report.markdown",
        "Markdown",
        (".md", ".markdown"),
        needs=frozenset({"connections", "handshakes", "findings"}),
    ),
    "html": Format(
        "analyzer.report.html.page",
        "Html",
        (".html", ".htm"),
        needs=frozenset({"connections", "handshakes", "frames", "messages", "findings"}),
        frame_bytes=64,
        inflated_bytes=256,
    ),
    "sarif": Format(
        "analyzer.report.sarif",
        "Sarif",
        (".sarif", ".sarif.json"),
        needs=frozenset({"handshakes", "findings"}),
        digests=True,
    ),
    "junit": Format(
        "analyzer.report.junit", "JUnit", (".xml",), needs=frozenset({"connections", "handshakes", "findings"})
    ),
    "github": Format("analyzer.report.github", "GitHub", needs=frozenset({"findings"})),
    "pcapng": Format("analyzer.report.pcapng", "Commented", (".pcapng",), needs=frozenset({"findings"}), copies=True),
    "csv": Format("analyzer.report.csv", "Csv", (".csv",), streams=True, table=True),
    "parquet": Format("analyzer.report.parquet", "Parquet", (".parquet",), table=True),
}


def by_suffix(path: str) -> str | None:
    """The format whose suffix ``path`` has, the longest where several fit, or None."""
    fitting = [
        (len(suffix), name)
        for name, entry in FORMATS.items()
        for suffix in entry.suffixes
        if path.lower().endswith(suffix)
    ]
    return max(fitting, default=(0, None))[1]
