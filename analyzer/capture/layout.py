"""What the record walk and its callers agree on: why it stops, its state array, its table of interfaces.

Arrays of 64-bit integers with named positions, so that the walk makes no Python object. They stand apart from
`analyzer.capture.records` because compiled code keeps its own typed copies, which no other module can see.
"""

from __future__ import annotations

MORE = 0
FULL = 1
OTHER = 2
DAMAGE = 3
"""Why a walk stopped."""

AT = 0
"""State: position in the buffer of the next byte to look at."""
COUNT = 1
"""State: rows filled so far."""
NUMBER = 2
"""State: packets seen so far in the file."""
TIME = 3
"""State: time of the last packet, for blocks that carry none."""
NEED = 4
"""State: bytes from AT on that must be in the buffer before the walk can go on (set by MORE)."""
STRANGE = 5
"""State: packets passed over because their interface is not described."""
STATE = 6
"""Length of the state array."""

LINK = 0
"""Interfaces: LINKTYPE_ value."""
SNAPLEN = 1
"""Interfaces: captured length at most, for packets that do not state it; 0 for no limit."""
UNIT = 2
"""Interfaces: how time stamps count, one of MULTIPLIED, DIVIDED and BINARY."""
FACTOR = 3
"""Interfaces: multiplier, divisor or exponent, as UNIT says."""
MOST = 4
"""Interfaces: the largest count that stays within LATEST, of units (MULTIPLIED) or of seconds (BINARY); for DIVIDED, by
what to divide once more."""
SHIFT = 5
"""Interfaces: nanoseconds to add to each time."""
LOST = 6
"""Interfaces: packets the blocks themselves say were dropped before them."""
STATED = 7
"""Interfaces: packets its statistics say were dropped."""
INTERFACE = 8
"""Columns of one interface in the flat table."""

MULTIPLIED = 0
"""A unit of FACTOR nanoseconds."""
DIVIDED = 1
"""FACTOR units in a nanosecond; 0 where all that 64 bits can count is less than one."""
BINARY = 2
"""Two to the FACTOR units in a second."""

COUNT_MOST = (1 << 32) - 1
"""No single count of dropped packets is taken to be larger."""

LATEST = (1 << 62) - 1
"""No time is later, in nanoseconds since 1970 (the year 2116)."""
SHIFT_MOST = 1 << 61
"""No interface shifts its times by more, either way, so that the difference of any two times fits 64 bits."""
