"""The masking keys of each client: a running, bounded summary, from which the rules judge when the connection is over.

RFC 6455 5.3 wants each key fresh and unpredictable, so that nobody who chooses the payload chooses the bytes on the
wire (10.3). A million keys cannot be kept, and need not be: nearly every weakness holds for all keys or not at all, so
a few keys rule it out for a good generator, and after that next to nothing is done for it.

Of every direction the first `FIRST` keys are kept. At some ranks (a frame's place among the masked ones) it is asked
whether the keys so far look like a pattern, a clock or an alphabet; where they do, a `Mark` remembers the frame, and
the direction is followed: each later key must fit. Later keys are also compared with the first ones, which finds any
cycle and any small pool of keys. Of long directions `WINDOW` keys in a row are kept for a while, for the Mersenne
Twister and for repeats among themselves.

Everything is done with columns, for all connections of a batch at once; Python objects are made for marks only. What
comes after a gap that hid a frame header is left out: keys are missing, and a boundary that was found again may be
wrong (policy P5). So are frames whose roles are a guess.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.frames.columns import FrameColumns, header_bytes
from analyzer.frames.decode import RESUMED
from analyzer.model import Place
from analyzer.rules import mt19937
from analyzer.rules.key_patterns import (
    ALL_BITS,
    CLOCKS,
    CONSTANT,
    EVERY_CLOCK,
    PATTERNS,
    Clock,
    alphabets_of,
    clocks_of,
    log_repeat_bound,
    patterns_of,
    restriction,
)
from analyzer.rules.mask_keys import KEY_SIZE, Ended, Mark, MaskKeys
from analyzer.settings import Settings

I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]

FIRST = 16
"""Keys kept of every direction."""
WINDOW_FROM = 32
"""Rank of the first key of the window: most connections are over before."""
PREDICTED = 16
"""Keys that must follow from the `mt19937.WORDS` before them: one chance in 2**512."""
WINDOW = mt19937.WORDS + PREDICTED
WINDOW_TO = WINDOW_FROM + WINDOW
THREE, FOUR, EIGHT, FORTY = 3, 4, 8, 40
"""Frames after which is asked: SEC-002 needs three and SEC-004 four and SEC-006 eight; after forty also a single bit
that never changes is less likely than 1e-9."""
SPAN = 1 << 16
"""Connection numbers a batch may span to be looked up in a table rather than by sorting."""

FOURTH = (
    "file", "packet", "ordinal", "time_ns", "file_offset", "index", "offset", "header", "last_time_ns", "byte0",
    "byte1", "length", "key",
)  # fmt: skip
"""What is kept of a frame that has no mark yet, for what later connections show."""

LOG_REPEATS = log(1e-6)
"""SEC-003: chance under uniform keys, of the whole direction."""
LOG_ALPHABET = log(1e-9)
"""SEC-006, likewise."""


class KeyTable:
    """The running summaries. Each direction has a slot, from its first masked frame until `finish`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._slots: dict[int, int] = {}
        """By the connection's number."""
        self._free: list[int] = []
        self._marks: dict[int, dict[str, Mark]] = {}
        """By slot, where there are any."""
        self._windows = np.zeros((0, WINDOW), dtype=np.uint32)
        self._free_windows: list[int] = []
        self.limits: dict[str, int] = {}
        self._first = np.zeros((0, FIRST), dtype=np.uint32)
        self._fourth = np.zeros((0, len(FOURTH)), dtype=np.int64)
        """Of the last of the first four keyed frames: `FOURTH`."""
        self._columns: dict[str, NDArray[Any]] = {}
        self._count = self._column("_count", np.int64)
        """Masked frames so far."""
        self._skipped = self._column("_skipped", np.int64)
        """Frames that count in a frame's index but have no key."""
        self._zeros = self._column("_zeros", np.int64)
        self._repeats = self._column("_repeats", np.int64)
        """Keys that equal an earlier one, as far as is known."""
        self._later_repeats = self._column("_later_repeats", np.int64)
        """Those of them that came after the first `FIRST`."""
        self._certain = self._column("_certain", np.bool_)
        """There are too many for chance."""
        self._first_ns = self._column("_first_ns", np.int64)
        self._last_ns = self._column("_last_ns", np.int64)
        """Time of the last key, as long as the direction is followed."""
        self._window = self._column("_window", np.int64)
        """Row of the window; -1: none."""
        self._patterns = self._column("_patterns", np.uint32)
        self._last = self._column("_last", np.uint32)
        self._ones = self._column("_ones", np.uint32)
        self._either = self._column("_either", np.uint32)
        self._alphabets = self._column("_alphabets", np.uint16)
        self._clocks = self._column("_clocks", np.uint8)
        self._followed = self._column("_followed", np.bool_)
        self._from_start = self._column("_from_start", np.bool_)
        self._partial = self._column("_partial", np.bool_)
        self._little = self._column("_little", np.bool_)

    # --- slots

    def _column(self, name: str, kind: type[np.generic]) -> NDArray[Any]:
        self._columns[name] = np.zeros(0, dtype=kind)
        return self._columns[name]

    def _grow(self) -> None:
        rows = max(64, 2 * len(self._first))
        self._free = list(range(rows - 1, len(self._first) - 1, -1))
        for name, column in self._columns.items():
            longer = np.zeros(rows, dtype=column.dtype)
            longer[: len(column)] = column
            self._columns[name] = longer
            setattr(self, name, longer)
        more = rows - len(self._first)
        self._first = np.concatenate([self._first, np.zeros((more, FIRST), dtype=np.uint32)])
        self._fourth = np.concatenate([self._fourth, np.zeros((more, len(FOURTH)), dtype=np.int64)])

    def _slot(self, connection: int) -> int:
        slot = self._slots.get(connection)
        if slot is None:
            if not self._free:
                self._grow()
            slot = self._slots[connection] = self._free.pop()
            for column in self._columns.values():
                column[slot] = 0
            self._first[slot] = 0
            self._window[slot] = -1
            self._clocks[slot] = EVERY_CLOCK
        return slot

    def _slots_of(self, connections: I64) -> I64:
        low = int(connections.min())
        span = int(connections.max()) - low + 1
        if span > SPAN:
            distinct, which = np.unique(connections, return_inverse=True)
            return np.array([self._slot(number) for number in distinct.tolist()], dtype=np.int64)[which]
        table = np.zeros(span, dtype=np.int64)
        table[connections - low] = 1
        numbers = np.flatnonzero(table)
        table[numbers] = [self._slot(number + low) for number in numbers.tolist()]
        return np.asarray(table[connections - low])

    # --- as frames come

    def take(self, frames: FrameColumns) -> None:
        """Frames were decoded."""
        of_client = frames.from_client & frames.roles_sure
        resumed = (frames.context & RESUMED) != 0
        keyed = of_client & ~resumed
        keyed[frames.odd != 0] &= frames.unusual.masked & frames.unusual.whole  # of the others both are known
        rows = np.flatnonzero(keyed)
        others = np.flatnonzero(of_client & ~keyed)
        if not len(rows) and not len(others):
            return
        if len(others):
            rows, slots, ranks = self._ranked(frames, np.flatnonzero(of_client), keyed, resumed)
        else:
            slots = self._slots_of(frames.connection[rows])
            ranks = frames.index[rows] - self._skipped[slots]
        if len(rows):
            self._keys(frames, rows, slots, ranks, frames.key[rows].astype(np.uint32))

    def _ranked(
        self, frames: FrameColumns, all_rows: I64, keyed: NDArray[np.bool_], resumed: NDArray[np.bool_]
    ) -> tuple[I64, I64, I64]:
        """Rows with keys, their slots and ranks, where some frames of ``all_rows`` have no key."""
        slots = self._slots_of(frames.connection[all_rows])
        self._partial[slots[resumed[all_rows]]] = True
        without = ~keyed[all_rows]
        order = np.argsort(slots, kind="stable")
        sorted_slots, sorted_without = slots[order], without[order].astype(np.int64)
        before = np.cumsum(sorted_without) - sorted_without
        heads = _heads(sorted_slots)
        lengths = np.diff(np.append(heads, len(order)))
        skipped = np.empty(len(order), dtype=np.int64)
        skipped[order] = before - np.repeat(before[heads], lengths)
        ranks = frames.index[all_rows] - self._skipped[slots] - skipped
        np.add.at(self._skipped, slots[without], 1)
        kept = np.flatnonzero(~without)
        return all_rows[kept], slots[kept], ranks[kept]

    def _keys(self, frames: FrameColumns, rows: I64, slots: I64, ranks: I64, keys: U32) -> None:
        self._count[slots] = ranks + 1  # of several, the last one stays
        zero = np.flatnonzero(keys == 0)
        if len(zero):
            self._zero(frames, rows[zero], slots[zero])
        early = ranks < FIRST
        if early.any():
            chosen = np.flatnonzero(early)
            self._early(frames, rows[chosen], slots[chosen], ranks[chosen], keys[chosen])
            chosen = np.flatnonzero(~early)
            rows, slots, ranks, keys = rows[chosen], slots[chosen], ranks[chosen], keys[chosen]
            if not len(rows):
                return
        self._compare(frames, rows, slots, ranks, keys)
        inside = np.flatnonzero((ranks >= WINDOW_FROM) & (ranks < WINDOW_TO))
        if len(inside):
            self._fill(frames, rows[inside], slots[inside], ranks[inside], keys[inside])
        followed = np.flatnonzero(self._followed[slots])
        if len(followed):
            self._follow(frames, rows[followed], slots[followed], ranks[followed], keys[followed])

    def _mark(self, frames: FrameColumns, row: int, slot: int, what: str) -> None:
        """Remember a frame, if it is the first to make ``what`` certain."""
        marks = self._marks.setdefault(slot, {})
        if what not in marks:
            at = int(frames.header[row]) - KEY_SIZE
            marks[what] = Mark(
                place=frames.place(row, at),
                frame=int(frames.index[row]),
                offset=int(frames.offset[row]),
                at=at,
                head=frames.head_bytes(row),
                time_ns=int(frames.last_time_ns[row]),
            )

    def _mark_all(self, frames: FrameColumns, rows: I64, slots: I64, what: str) -> None:
        for row, slot in zip(rows.tolist(), slots.tolist(), strict=True):
            self._mark(frames, row, slot, what)

    def _zero(self, frames: FrameColumns, rows: I64, slots: I64) -> None:
        new = self._zeros[slots] < 2
        for row, slot in zip(rows[new].tolist(), slots[new].tolist(), strict=True):
            self._zeros[slot] += 1
            if self._zeros[slot] <= 2:
                self._mark(frames, row, slot, "zero" if self._zeros[slot] == 1 else "zeros")
        np.add.at(self._zeros, slots[~new], 1)

    # --- the first keys

    def _early(self, frames: FrameColumns, rows: I64, slots: I64, ranks: I64, keys: U32) -> None:
        self._first[slots, ranks] = keys
        time_ns = frames.time_ns[rows]
        few = np.flatnonzero(ranks < FOUR)
        if len(few):
            facts = np.stack([getattr(frames, name)[rows[few]] for name in FOURTH], axis=1)
            self._fourth[slots[few]] = facts  # of several, the last one stays
        self._last_ns[slots] = time_ns
        start = np.flatnonzero(ranks == 0)
        self._first_ns[slots[start]] = time_ns[start]
        self._from_start[slots[start]] = (frames.index[rows[start]] == 0) & frames.opening_seen[rows[start]]
        fits = clocks_of(self._first[slots, 0], self._first_ns[slots], keys, time_ns)
        np.bitwise_and.at(self._clocks, slots, fits)
        for count, ask in ((THREE, self._three), (FOUR, self._four), (EIGHT, self._eight), (FIRST, self._sixteen)):
            now = np.flatnonzero(ranks == count - 1)
            if len(now):
                ask(frames, rows[now], slots[now], self._first[slots[now], :count])

    def _three(self, frames: FrameColumns, rows: I64, slots: I64, keys: U32) -> None:
        same = (keys == keys[:, :1]).all(axis=1)
        self._mark_all(frames, rows[same], slots[same], "constant")
        if same.any():
            self._patterns[slots[same]] = CONSTANT

    def _four(self, frames: FrameColumns, rows: I64, slots: I64, keys: U32) -> None:
        self._patterns[slots] = patterns_of(keys)
        fits = self._patterns[slots] != 0
        self._mark_all(frames, rows[fits], slots[fits], "pattern")
        quick = sum(1 << number for number, clock in enumerate(CLOCKS) if clock.frames <= FOUR)
        fits = (self._clocks[slots] & quick) != 0
        self._mark_all(frames, rows[fits], slots[fits], "clock")
        self._distinct(frames, rows, slots, keys)

    def _eight(self, frames: FrameColumns, rows: I64, slots: I64, keys: U32) -> None:
        self._distinct(frames, rows, slots, keys)
        self._restricted(frames, rows, slots, keys)

    def _sixteen(self, frames: FrameColumns, rows: I64, slots: I64, keys: U32) -> None:
        self._repeats[slots] = self._distinct(frames, rows, slots, keys)
        self._restricted(frames, rows, slots, keys)
        fits = self._clocks[slots] != 0
        self._mark_all(frames, rows[fits], slots[fits], "clock")
        fitting = slots[self._patterns[slots] != 0]
        if len(fitting):
            self._patterns[fitting] = patterns_of(self._first[fitting])
        self._alphabets[slots] = np.bitwise_and.reduce(alphabets_of(keys), axis=1)
        self._ones[slots] = np.bitwise_and.reduce(keys, axis=1)
        self._either[slots] = np.bitwise_or.reduce(keys, axis=1)
        self._last[slots] = keys[:, -1]
        self._still(slots)

    def _distinct(self, frames: FrameColumns, rows: I64, slots: I64, keys: U32) -> I64:
        """Repeats in each row of keys. Two among so few are certain."""
        ordered = np.sort(keys, axis=1)
        repeats = (ordered[:, 1:] == ordered[:, :-1]).sum(axis=1)
        certain = repeats >= 2
        self._mark_all(frames, rows[certain], slots[certain], "repeats")
        self._certain[slots] |= certain
        return np.asarray(repeats)

    def _restricted(self, frames: FrameColumns, rows: I64, slots: I64, keys: U32) -> None:
        alphabets = np.bitwise_and.reduce(alphabets_of(keys), axis=1)
        ones, either = np.bitwise_and.reduce(keys, axis=1), np.bitwise_or.reduce(keys, axis=1)
        for i in np.flatnonzero((alphabets != 0) | (ones != 0) | (either != ALL_BITS)).tolist():
            distinct = len(set(keys[i].tolist()))
            found = restriction(distinct, int(alphabets[i]), int(ones[i]), int(either[i]))
            if found is not None and found.log_probability < LOG_ALPHABET:
                self._mark(frames, int(rows[i]), int(slots[i]), "restricted")

    # --- all later keys

    def _compare(self, frames: FrameColumns, rows: I64, slots: I64, ranks: I64, keys: U32) -> None:
        """Find keys that are among the first ones again."""
        same = self._first.take(slots, axis=0) == keys[:, None]
        eights = np.flatnonzero(same.view(np.uint64))  # eight comparisons at a time; an eighth of the time of `any`
        if not len(eights):
            return
        hits = np.unique(eights // (FIRST // 8))
        hits = hits[((self._patterns[slots[hits]] & CONSTANT) == 0) & (keys[hits] != 0)]
        known = self._certain[slots[hits]]
        for repeats in (self._repeats, self._later_repeats):
            np.add.at(repeats, slots[hits[known]], 1)
        for i in hits[~known].tolist():
            self._again(frames, int(rows[i]), int(slots[i]), 1, int(ranks[i]))

    def _again(self, frames: FrameColumns, row: int, slot: int, repeats: int, rank: int) -> None:
        """Some keys up to the one of that rank equal earlier ones."""
        self._repeats[slot] += repeats
        self._later_repeats[slot] += repeats
        if not self._certain[slot]:
            found = int(self._repeats[slot])
            if found > 1 and log_repeat_bound(found, _compared(rank + 1)) < LOG_REPEATS - log(found * (found - 1)):
                self._mark(frames, row, slot, "repeats")
                self._certain[slot] = True

    def _fill(self, frames: FrameColumns, rows: I64, slots: I64, ranks: I64, keys: U32) -> None:
        """Keys of long directions, for a while."""
        for slot in slots[ranks == WINDOW_FROM].tolist():
            self._window[slot] = self._take_window()
        windows = self._window[slots]
        held = windows >= 0
        self._windows[windows[held], ranks[held] - WINDOW_FROM] = keys[held]
        for i in np.flatnonzero(held & (ranks == WINDOW_TO - 1)).tolist():
            self._examine(frames, int(rows[i]), int(slots[i]))

    def _take_window(self) -> int:
        if not self._free_windows:
            rows = len(self._windows)
            if rows >= self._settings.mask_key_windows:
                self.limits["mask_key_windows"] = self.limits.get("mask_key_windows", 0) + 1
                return -1
            more = min(max(8, rows), self._settings.mask_key_windows - rows)
            self._windows = np.concatenate([self._windows, np.zeros((more, WINDOW), dtype=np.uint32)])
            self._free_windows = list(range(rows, rows + more))
        return self._free_windows.pop()

    def _examine(self, frames: FrameColumns, row: int, slot: int) -> None:
        """The window is full."""
        window = self._windows[self._window[slot]].copy()
        self._free_windows.append(int(self._window[slot]))
        self._window[slot] = -1
        for little in (False, True):
            keys = window.byteswap() if little else window
            if (mt19937.predict(keys[: mt19937.WORDS], PREDICTED) == keys[mt19937.WORDS :]).all():
                self._little[slot] = little
                self._mark(frames, row, slot, "twister")
        if not self._patterns[slot] & CONSTANT:
            new = window[~np.isin(window, self._first[slot])]
            repeats = len(new) - len(np.unique(new))
            if repeats:
                self._again(frames, row, slot, repeats, WINDOW_TO - 1)

    def _follow(self, frames: FrameColumns, rows: I64, slots: I64, ranks: I64, keys: U32) -> None:
        """Let go of what the keys do not fit."""
        order = np.argsort(slots, kind="stable")
        slots, keys = slots[order], keys[order]
        heads = _heads(slots)
        owners = slots[heads]
        before = np.roll(keys, 1)
        before[heads] = self._last[owners]
        tails = np.append(heads[1:], len(keys)) - 1
        self._last[owners] = keys[tails]
        self._ones[owners] &= np.bitwise_and.reduceat(keys, heads)
        self._either[owners] |= np.bitwise_or.reduceat(keys, heads)
        self._alphabets[owners] &= np.bitwise_and.reduceat(alphabets_of(keys), heads)
        time_ns = frames.time_ns[rows[order]]
        self._last_ns[owners] = time_ns[tails]
        fits = clocks_of(self._first[slots, 0], self._first_ns[slots], keys, time_ns)
        self._clocks[owners] &= np.bitwise_and.reduceat(fits, heads)
        self._fit(slots, before, keys)
        now = np.flatnonzero(ranks[order] == FORTY - 1)
        self._mark_all(frames, rows[order[now]], slots[now], "forty")
        self._still(owners)

    def _fit(self, slots: I64, before: U32, keys: U32) -> None:
        """Let go of the patterns by which ``keys`` do not follow those ``before``."""
        patterns = self._patterns[slots]
        left = int(np.bitwise_or.reduce(patterns))
        for number, pattern in enumerate(PATTERNS):
            if left >> number & 1:
                mine = np.flatnonzero(patterns >> np.uint32(number) & 1)
                first = self._first[slots[mine]]
                follows = pattern.follows(before[mine], keys[mine], first[:, 0], first[:, 1])
                self._patterns[slots[mine[~follows]]] &= ~np.uint32(1 << number)

    def _still(self, slots: I64) -> None:
        """Follow on those of which something still holds."""
        bits = (self._ones[slots] != 0) | (self._either[slots] != ALL_BITS)
        self._followed[slots] = (
            bits | (self._patterns[slots] != 0) | (self._clocks[slots] != 0) | (self._alphabets[slots] != 0)
        )

    # --- at the end

    def finish(self, connection: int) -> Ended | None:
        """The connection is over. None where no masked frame of its client was read."""
        slot = self._slots.pop(connection, None)
        if slot is None:
            return None
        if self._window[slot] >= 0:
            self._free_windows.append(int(self._window[slot]))
        self._free.append(slot)
        marks = self._marks.pop(slot, None)
        count = int(self._count[slot])
        if not count:
            return None
        first = tuple(self._first[slot, :count].tolist())
        keys = None if marks is None else self._summary(slot, count, marks)
        return Ended(first, count, bool(self._from_start[slot]), self._fourth_mark(slot), keys)

    def _fourth_mark(self, slot: int) -> Mark:
        file, packet, ordinal, time_ns, file_offset, frame, offset, header, last_ns, byte0, byte1, length, key = (
            self._fourth[slot].tolist()
        )
        at = header - KEY_SIZE
        return Mark(
            place=Place(file, packet, ordinal, time_ns, file_offset + at),
            frame=frame,
            offset=offset,
            at=at,
            head=header_bytes(byte0, byte1, length % (1 << 64), key),
            time_ns=last_ns,
        )

    def _summary(self, slot: int, count: int, marks: dict[str, Mark]) -> MaskKeys:
        first = self._first[slot : slot + 1, :count]
        if count < FIRST:
            if count > FOUR and self._patterns[slot]:
                self._patterns[slot] = patterns_of(first)[0]
            self._alphabets[slot] = np.bitwise_and.reduce(alphabets_of(first), axis=None)
            self._ones[slot] = np.bitwise_and.reduce(first, axis=None)
            self._either[slot] = np.bitwise_or.reduce(first, axis=None)
            self._repeats[slot] = count - len(np.unique(first))
        distinct = len(np.unique(first)) + max(0, count - FIRST - int(self._later_repeats[slot]))
        patterns = int(self._patterns[slot])
        constant = int(first[0, 0]) if patterns & CONSTANT else None
        found = restriction(distinct, int(self._alphabets[slot]), int(self._ones[slot]), int(self._either[slot]))
        if "forty" in marks:
            marks.setdefault("restricted", marks["forty"])
        restricted = found is not None and found.log_probability < LOG_ALPHABET and "restricted" in marks
        repeats = int(self._repeats[slot])
        return MaskKeys(
            frames=count,
            partial=bool(self._partial[slot]),
            zeros=int(self._zeros[slot]),
            constant=constant,
            pattern=_pattern(patterns, self._running(slot, count, marks)),
            repeats=repeats,
            log_repeats=log_repeat_bound(repeats, _compared(count)),
            little_twister=bool(self._little[slot]),
            restricted=found.what if found is not None and restricted else "",
            log_restricted=found.log_probability if found is not None else 0.0,
            marks=marks,
        )

    def _running(self, slot: int, count: int, marks: dict[str, Mark]) -> Clock | None:
        """The clock by which the keys run."""
        if "clock" not in marks:
            return None
        passed = int(self._last_ns[slot] - self._first_ns[slot])
        for bit, clock in enumerate(CLOCKS):
            if self._clocks[slot] >> bit & 1 and count >= clock.frames and clock.ran(passed):
                return clock
        return None


def _heads(slots: I64) -> I64:
    """Where in sorted slots each begins."""
    return np.flatnonzero(np.concatenate(([True], slots[1:] != slots[:-1])))


def _compared(count: int) -> int:
    """Pairs of keys that were compared, or may have been, among so many."""
    first, window = min(count, FIRST), max(0, min(count, WINDOW_TO) - WINDOW_FROM)
    return first * (first - 1) // 2 + max(0, count - FIRST) * FIRST + window * (window - 1) // 2


def _pattern(patterns: int, clock: Clock | None) -> str:
    """The simplest rule that all keys follow, in words; empty if there is none, or if all are the same."""
    if patterns & CONSTANT:
        return ""
    for bit, pattern in enumerate(PATTERNS):
        if patterns >> bit & 1:
            return pattern.name + (" (little-endian)" if pattern.little else "")
    if clock is not None:
        return f"a clock of {clock.name}" + (" (little-endian)" if clock.little else "")
    return ""
