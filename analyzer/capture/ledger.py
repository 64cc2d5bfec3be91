"""What is known about one input beside its packets.

A ledger outlives the reader that writes it, so that of thousands of files only those being read need be open.
"""

from __future__ import annotations


class Ledger:
    """Notes and counts of one input, current at any time while it is read."""

    __slots__ = ("drops", "name", "notes", "packets", "position", "secrets", "skipped")

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
        self.secrets: list[bytes] = []
        """TLS key logs in the capture."""
        self.position = 0
        """Bytes consumed of the input as it is stored."""

    def note(self, text: str) -> None:
        """Write down one line."""
        self.notes.append(f"{self.name}: {text}")
