"""The Python interface: a capture in, records or a whole report out.

    report = analyzer.analyze("capture.pcapng", select=["FR", "MK"])
    for finding in analyzer.iter_findings("capture.pcapng"):
        print(finding)

Settings are the fields of `analyzer.settings.Settings`, by keyword. Times are nanoseconds and sizes bytes,
as there. The iterators read the capture while they are iterated and hold none of it; dropping one half way
closes its files.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from analyzer.errors import UsageError
from analyzer.model import Finding, Frame, Message, Record, Report, Summary
from analyzer.settings import RECORDS, Settings

if TYPE_CHECKING:
    from analyzer.capture.live import Live

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""One capture or several: files, folders, patterns, ``-`` for standard input. Several are one timeline."""

_Record = TypeVar("_Record", Finding, Frame, Message)


def analyze(paths: Paths, **settings: Any) -> Report:
    """The whole result in memory: connections and findings within ``kept_connections``, ``kept_findings``.

    What lies beyond the limits is counted exactly (``report.summary``). Frames and messages are there only
    where ``records`` names them, all of them: use `iter_frames` for large captures.

    Raises `InputError` where the captures cannot be read, `UsageError` for settings that make no sense.
    """
    from analyzer.report.memory import Collector

    chosen = make_settings(settings)
    collector = Collector(chosen)
    for record in _run(_names(paths), chosen):
        collector.write(record)
    return collector.report()


def records(paths: Paths, *kinds: str, **settings: Any) -> Generator[Record, None, None]:
    """Every record of the kinds named (`settings.RECORDS`), in order: `Run` first, `Summary` last.

    Without ``kinds`` the setting ``records`` applies. Raises as `analyze` does; wrong settings at once,
    unreadable captures when the iteration starts.
    """
    if kinds:
        settings = {**settings, "records": kinds}
    return _run(_names(paths), make_settings(settings))


def iter_findings(paths: Paths, **settings: Any) -> Iterator[Finding]:
    """The findings, as they come to be known."""
    return _only(Finding, "findings", paths, settings)


def iter_frames(paths: Paths, **settings: Any) -> Iterator[Frame]:
    """The frames of both directions of all connections, in the order in which they were complete."""
    return _only(Frame, "frames", paths, settings)


def iter_messages(paths: Paths, **settings: Any) -> Iterator[Message]:
    """The data messages; with ``payloads=True`` each has its payload."""
    return _only(Message, "messages", paths, settings)


class Sniff:
    """The findings of a live capture, as they come to be known: an iterator, and a context manager that ends it."""

    def __init__(self, live: Live, settings: Settings) -> None:
        """Over a capture that has begun."""
        from analyzer import pipeline

        self._live = live
        self._records = pipeline.run(live, settings)
        self.summary: Summary | None = None
        """Once the iteration is over."""

    def __iter__(self) -> Self:
        """The iterator itself."""
        return self

    def __next__(self) -> Finding:
        """Wait for the next finding. Raises StopIteration when the capture is over."""
        for record in self._records:
            if isinstance(record, Finding):
                return record
            if isinstance(record, Summary):
                self.summary = record
        self._live.close()
        raise StopIteration

    def stop(self) -> None:
        """End the capture, from any thread; what is known of it by then is still given."""
        self._live.stop()

    def close(self) -> None:
        """End the capture at once; leaves no process behind."""
        self._live.close()

    def __enter__(self) -> Self:
        """The iterator itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()


def sniff(
    interfaces: str | Iterable[str],
    *,
    bpf: str | None = None,
    backend: str = "auto",
    packets: int | None = None,
    duration: int | None = None,
    write: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Sniff:
    """Judge what goes over network interfaces (``any``: all of them) as it happens.

    ``bpf`` is a filter as tcpdump takes it; ``duration`` nanoseconds; ``write`` the path of a pcapng file that is to
    hold all packets. Raises as `analyze` does, InputError also where capturing is not permitted. The privileges of
    the process stay as they are; what reads the packets has none.
    """
    from analyzer.capture.live import Plan, open_live
    from analyzer.capture.writer import Writer

    chosen = make_settings({**settings, "records": ["findings"]})
    names = [interfaces] if isinstance(interfaces, str) else list(interfaces)
    plan = Plan(interfaces=names, backend=backend, expression=bpf, packets=packets, duration=duration)
    live = open_live(plan, chosen)
    if write is not None:
        try:
            live.write_to(Writer(os.fspath(write)), os.fspath(write))
        except BaseException:
            live.close()
            raise
    return Sniff(live, chosen)


def make_settings(chosen: dict[str, Any]) -> Settings:
    """Settings from names and values. Raises UsageError for an unknown name or a value of the wrong kind.

    Lists may be any iterable, or one string with commas.
    """
    known = {field.name: field for field in msgspec.structs.fields(Settings)}
    values: dict[str, Any] = {}
    for name, value in chosen.items():
        if name not in known:
            raise UsageError(f"no setting is called {name!r}{nearest(name, known)}")
        default = getattr(Settings(), name)
        if isinstance(default, (tuple, frozenset)):
            value = _listed(value)
        elif isinstance(value, os.PathLike):
            value = os.fspath(value)
        values[name] = value
    kinds = values.get("records")
    if kinds is not None:
        for kind in kinds:
            if kind != "all" and kind not in RECORDS:
                raise UsageError(f"no kind of record is called {kind!r}{nearest(str(kind), RECORDS)}")
        values["records"] = list(RECORDS) if "all" in kinds else kinds
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise UsageError(f"setting of the wrong kind: {error}") from None
    for name in known:
        number = getattr(settings, name)
        if isinstance(number, int) and number < 0:
            raise UsageError(f"setting {name} cannot be negative: {number}")
    return settings


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean ...?`` for an unknown name, or what there is."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"; did you mean {', '.join(close)}?"
    return f"; there are {', '.join(names)}" if len(names) <= 12 else ""


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return list(value) if isinstance(value, Iterable) else [value]


def _names(paths: Paths) -> list[str]:
    if isinstance(paths, (str, os.PathLike)):
        return [os.fspath(paths)]
    return [os.fspath(path) for path in paths]


def _run(paths: list[str], settings: Settings) -> Generator[Record, None, None]:
    from analyzer import pipeline
    from analyzer.capture.source import expand, open_source

    with open_source(expand(paths), settings) as source:
        yield from pipeline.run(source, settings)


def _only(struct: type[_Record], kind: str, paths: Paths, settings: dict[str, Any]) -> Iterator[_Record]:
    stream = records(paths, kind, **settings)

    def only() -> Iterator[_Record]:
        with closing(stream):
            for record in stream:
                if isinstance(record, struct):
                    yield record

    return only()
