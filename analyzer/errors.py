"""What can go wrong for a user, as one tree. Each message is one line and says what to do.

A peer's bytes never raise any of these: what a peer did wrong is a finding, and a bug in the analyzer is
neither a finding nor one of these.
"""

from __future__ import annotations


class AnalyzerError(Exception):
    """Any failure a user can cause. The command line prints it as one line and exits with status 2."""


class InputError(AnalyzerError):
    """An input that cannot be read at all: missing, not a capture, no permission."""


class OutputError(AnalyzerError):
    """A result that could not be written."""


class UsageError(AnalyzerError):
    """A setting or an option that makes no sense."""


class MissingDependencyError(AnalyzerError):
    """A feature whose optional package or program is not installed."""
