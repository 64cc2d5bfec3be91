"""A result held in memory, for the Python API."""

from __future__ import annotations

from typing import TypeVar

from analyzer.model import Connection, Finding, Frame, Handshake, Message, Record, Report, Run, Summary
from analyzer.report.json import counted
from analyzer.settings import Settings

_Kept = TypeVar("_Kept", Connection, Finding)


class Collector:
    """Keeps the records of one run, connections and findings within the settings' ``kept_*`` limits.

    Frames and messages have no such limit: they are there only where they were asked for by name.
    """

    def __init__(self, settings: Settings) -> None:
        """Empty, with the limits of ``settings``."""
        self._settings = settings
        self._run: Run | None = None
        self._summary: Summary | None = None
        self._connections: list[Connection] = []
        self._handshakes: list[Handshake] = []
        self._findings: list[Finding] = []
        self._frames: list[Frame] = []
        self._messages: list[Message] = []
        self._dropped = {"kept_connections": 0, "kept_findings": 0}

    def write(self, record: Record) -> None:
        """Keep the record, or count it where its limit is reached."""
        match record:
            case Finding():
                self._keep(self._findings, record, "kept_findings", self._settings.kept_findings)
            case Connection():
                self._keep(self._connections, record, "kept_connections", self._settings.kept_connections)
            case Handshake():
                if len(self._handshakes) < self._settings.kept_connections:
                    self._handshakes.append(record)
            case Frame():
                self._frames.append(record)
            case Message():
                self._messages.append(record)
            case Run():
                self._run = record
            case Summary():
                self._summary = record

    def _keep(self, kept: list[_Kept], record: _Kept, limit: str, most: int) -> None:
        if len(kept) < most:
            kept.append(record)
        else:
            self._dropped[limit] += 1

    def close(self) -> None:
        """Nothing to do: the report is taken by `report`."""

    def report(self) -> Report:
        """The whole result. The run must have come to its summary."""
        if self._run is None or self._summary is None:
            raise AssertionError("a run yields Run first and Summary last")
        summary = self._summary
        for limit, dropped in self._dropped.items():
            summary = counted(summary, limit, dropped) or summary
        return Report(
            run=self._run,
            connections=self._connections,
            handshakes=self._handshakes,
            findings=self._findings,
            frames=self._frames,
            messages=self._messages,
            summary=summary,
        )
