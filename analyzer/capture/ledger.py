"""What is known about one input beside its packets.

A ledger outlives the reader that writes it, so that of thousands of files only those being read need be open.
"""

from __future__ import annotations


class Ledger:
    """Notes and counts of one input, current at any time while it is read."""

    __slots__ = ("drops", "limits", "name", "notes", "packets", "position", "secrets", "skipped")

    def __init__(self, name: str) -> None:
        """Nothing known yet. ``name`` stands at the front of each note."""
        self.name = name
        self.notes: list[str] = []
        """One line each, for people."""
        self.packets = 0
        self.drops = 0
        """Packets the capture itself says were not recorded."""
        self.skipped: dict[str, int] = {}
        """Packets passed over, by reason."""
        self.limits: dict[str, int] = {}
        """How often a limit was reached, by the name of the setting."""
        self.secrets: list[bytes] = []
        """TLS key logs in the capture."""
        self.position = 0
        """Bytes consumed of the input as it is stored."""

    def note(self, text: str) -> None:
        """Write down one line."""
        self.notes.append(f"{self.name}: {text}")

    def reached(self, limit: str) -> None:
        """Count that the setting ``limit`` kept something from being looked at."""
        self.limits[limit] = self.limits.get(limit, 0) + 1
