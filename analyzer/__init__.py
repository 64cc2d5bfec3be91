"""A packet-capture protocol analyzer for WebSocket (RFC 6455).

`analyze` gives a whole report, `records`, `iter_findings`, `iter_frames` and `iter_messages` stream, `sniff`
listens. The records are described in `analyzer.model`, the settings in `analyzer.settings`. Attributes are loaded
when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analyzer.api import analyze, iter_findings, iter_frames, iter_messages, records, sniff
    from analyzer.errors import AnalyzerError, InputError, MissingDependencyError, OutputError, UsageError
    from analyzer.model import (
        Connection,
        Direction,
        Finding,
        Frame,
        Handshake,
        Level,
        Message,
        Opcode,
        Record,
        Report,
        Role,
        Run,
        Severity,
        Summary,
    )
    from analyzer.settings import Settings

    __version__: str

__all__ = [
    "AnalyzerError",
    "Connection",
    "Direction",
    "Finding",
    "Frame",
    "Handshake",
    "InputError",
    "Level",
    "Message",
    "MissingDependencyError",
    "Opcode",
    "OutputError",
    "Record",
    "Report",
    "Role",
    "Run",
    "Settings",
    "Severity",
    "Summary",
    "UsageError",
    "__version__",
    "analyze",
    "iter_findings",
    "iter_frames",
    "iter_messages",
    "records",
    "sniff",
]

_HOMES = {
    "analyzer.api": ("analyze", "iter_findings", "iter_frames", "iter_messages", "records", "sniff"),
    "analyzer.errors": ("AnalyzerError", "InputError", "MissingDependencyError", "OutputError", "UsageError"),
    "analyzer.settings": ("Settings",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'analyzer' has no attribute {name!r}")
    if name == "__version__":
        value = import_module("analyzer.version").version()
    else:
        value = getattr(import_module(_HOME.get(name, "analyzer.model")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
