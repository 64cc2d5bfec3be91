"""Walks the packet records in a buffer and fills a batch's columns, compiled (Cython) or interpreted alike.

Each walk starts at ``state[AT]`` and goes on until the buffer holds no further whole record (MORE), the columns are
full (FULL), or something comes that is not a plain packet (OTHER) or cannot be one (DAMAGE). It leaves ``state[AT]``
at the first byte not consumed, so that the caller can deal with that and call again. OTHER covers every pcapng block
that needs a decision: descriptions, statistics, unknown types, lengths that contradict each other. They are rare and
are parsed with the schemas; only packets are worth a loop of their own.

Where each field stands comes from the schemas of `analyzer.wire`, read once at import. Times are integer nanoseconds.
They are kept within about 150 years of 1970 (`LATEST`), so that the difference of any two fits 64 bits.

Compiled, a record costs about a hundredth of what it costs interpreted; nothing here makes an object a packet.
"""

from __future__ import annotations

import struct

import cython

from analyzer.capture import layout
from analyzer.wire import pcap, pcapng

if cython.compiled:
    Octets = cython.typedef(cython.uchar[::1])
    Words = cython.typedef(cython.uint[::1])
    Column = cython.typedef(cython.longlong[::1])
else:
    Octets = memoryview
    Words = memoryview
    Column = memoryview

# Typed copies: compiled code would take a plain name, or a literal of more than 31 bits, for a Python object.
MORE = cython.declare(cython.int, layout.MORE)
FULL = cython.declare(cython.int, layout.FULL)
OTHER = cython.declare(cython.int, layout.OTHER)
DAMAGE = cython.declare(cython.int, layout.DAMAGE)
AT = cython.declare(cython.Py_ssize_t, layout.AT)
COUNT = cython.declare(cython.Py_ssize_t, layout.COUNT)
NUMBER = cython.declare(cython.Py_ssize_t, layout.NUMBER)
TIME = cython.declare(cython.Py_ssize_t, layout.TIME)
NEED = cython.declare(cython.Py_ssize_t, layout.NEED)
STRANGE = cython.declare(cython.Py_ssize_t, layout.STRANGE)
LINK = cython.declare(cython.Py_ssize_t, layout.LINK)
SNAPLEN = cython.declare(cython.Py_ssize_t, layout.SNAPLEN)
UNIT = cython.declare(cython.Py_ssize_t, layout.UNIT)
FACTOR = cython.declare(cython.Py_ssize_t, layout.FACTOR)
MOST = cython.declare(cython.Py_ssize_t, layout.MOST)
SHIFT = cython.declare(cython.Py_ssize_t, layout.SHIFT)
LOST = cython.declare(cython.Py_ssize_t, layout.LOST)
INTERFACE = cython.declare(cython.Py_ssize_t, layout.INTERFACE)
MULTIPLIED = cython.declare(cython.longlong, layout.MULTIPLIED)
DIVIDED = cython.declare(cython.longlong, layout.DIVIDED)
BILLION = cython.declare(cython.longlong, 1_000_000_000)
LATEST = cython.declare(cython.longlong, layout.LATEST)
COUNT_MOST = cython.declare(cython.longlong, layout.COUNT_MOST)

_record = pcap.offsets(pcap.RECORD[pcap.LITTLE])
SECONDS = cython.declare(cython.Py_ssize_t, _record["seconds"])
FRACTION = cython.declare(cython.Py_ssize_t, _record["fraction"])
CAPTURED = cython.declare(cython.Py_ssize_t, _record["captured"])
WIRE = cython.declare(cython.Py_ssize_t, _record["wire"])

# The fixed fields of packet blocks are whole words, counted in words.
WORD = cython.declare(cython.Py_ssize_t, pcapng.ALIGNMENT)
PAST = cython.declare(cython.Py_ssize_t, pcapng.ALIGNMENT - 1)
DOUBLINGS = cython.declare(cython.Py_ssize_t, pcapng.ALIGNMENT.bit_length() - 1)
_block = pcap.offsets(pcapng.ENHANCED_PACKET[pcap.LITTLE])
TOTAL = cython.declare(cython.Py_ssize_t, _block["total"] // WORD)
EPB_INTERFACE = cython.declare(cython.Py_ssize_t, _block["interface"] // WORD)
EPB_HIGH = cython.declare(cython.Py_ssize_t, _block["high"] // WORD)
EPB_LOW = cython.declare(cython.Py_ssize_t, _block["low"] // WORD)
EPB_CAPTURED = cython.declare(cython.Py_ssize_t, _block["captured"] // WORD)
EPB_WIRE = cython.declare(cython.Py_ssize_t, _block["wire"] // WORD)
EPB_DATA = cython.declare(cython.Py_ssize_t, pcapng.ENHANCED_PACKET[pcap.LITTLE].sizeof())
SPB_WIRE = cython.declare(cython.Py_ssize_t, pcap.offsets(pcapng.SIMPLE_PACKET_BLOCK[pcap.LITTLE])["wire"] // WORD)
SPB_DATA = cython.declare(cython.Py_ssize_t, pcapng.SIMPLE_PACKET_BLOCK[pcap.LITTLE].sizeof())
HEAD = cython.declare(cython.Py_ssize_t, pcapng.HEAD[pcap.LITTLE].sizeof())
TRAILER = cython.declare(cython.Py_ssize_t, pcapng.TRAILER[pcap.LITTLE].sizeof())
EPB = cython.declare(cython.longlong, pcapng.PACKET)
SPB = cython.declare(cython.longlong, pcapng.SIMPLE_PACKET)
OPTION_END = cython.declare(cython.longlong, pcapng.END_OF_OPTIONS)
OPTION_DROPS = cython.declare(cython.longlong, pcapng.PACKET_DROPS)
OPTION_HEAD = cython.declare(cython.Py_ssize_t, 4)
COUNTER = cython.declare(cython.Py_ssize_t, pcapng.COUNTER[pcap.LITTLE].sizeof())


@cython.cfunc
@cython.inline
@cython.nogil
@cython.wraparound(False)
@cython.exceptval(-1)
def u32(data: Octets, at: cython.Py_ssize_t, big: cython.bint) -> cython.longlong:
    """The unsigned 32-bit number at ``at``."""
    a: cython.longlong = data[at]
    b: cython.longlong = data[at + 1]
    c: cython.longlong = data[at + 2]
    d: cython.longlong = data[at + 3]
    if big:
        return a << 24 | b << 16 | c << 8 | d
    return d << 24 | c << 16 | b << 8 | a


@cython.cfunc
@cython.inline
@cython.nogil
@cython.wraparound(False)
@cython.exceptval(-1)
def u16(data: Octets, at: cython.Py_ssize_t, big: cython.bint) -> cython.longlong:
    """The unsigned 16-bit number at ``at``."""
    a: cython.longlong = data[at]
    b: cython.longlong = data[at + 1]
    if big:
        return a << 8 | b
    return b << 8 | a


@cython.cfunc
@cython.inline
@cython.nogil
@cython.wraparound(False)
@cython.exceptval(-1)
def word(words: Words, at: cython.Py_ssize_t, swapped: cython.bint) -> cython.longlong:
    """The unsigned 32-bit number in word ``at``; ``swapped`` where the section's byte order is not this machine's."""
    value: cython.uint = words[at]
    if swapped:
        value = (value & 0xFF) << 24 | (value & 0xFF00) << 8 | (value >> 8 & 0xFF00) | value >> 24
    return value


if not cython.compiled:
    # Interpreted, one call of unpack_from is several times faster than four index operations.
    _U32 = tuple(struct.Struct(order + "L").unpack_from for order in pcap.ORDERS)
    _U16 = tuple(struct.Struct(order + "H").unpack_from for order in pcap.ORDERS)

    def u32(data: Octets, at: cython.Py_ssize_t, big: cython.bint) -> cython.longlong:
        """The unsigned 32-bit number at ``at``."""
        value: int = _U32[big](data, at)[0]
        return value

    def u16(data: Octets, at: cython.Py_ssize_t, big: cython.bint) -> cython.longlong:
        """The unsigned 16-bit number at ``at``."""
        value: int = _U16[big](data, at)[0]
        return value


@cython.wraparound(False)
def walk_pcap(
    data: Octets,
    end: cython.Py_ssize_t,
    base: cython.longlong,
    big: cython.bint,
    head: cython.Py_ssize_t,
    unit: cython.longlong,
    limit: cython.longlong,
    state: Column,
    offset: Column,
    captured: Column,
    wire: Column,
    time_ns: Column,
    number: Column,
    file_offset: Column,
) -> int:
    """Fill rows with the pcap records in ``data[state[AT]:end]``; MORE, FULL or DAMAGE (a length above ``limit``).

    ``base`` is the offset in the file of ``data[0]``, ``head`` the bytes before a record's data, ``unit`` the
    nanoseconds in a unit of a time stamp's fraction. The columns (int64) are written from row ``state[COUNT]`` on.
    """
    at: cython.Py_ssize_t = state[AT]
    row: cython.Py_ssize_t = state[COUNT]
    rows: cython.Py_ssize_t = len(offset)
    count: cython.longlong = state[NUMBER]
    length: cython.longlong
    status: cython.int = FULL
    while row < rows:
        if end - at < head:
            state[NEED] = head
            status = MORE
            break
        length = u32(data, at + CAPTURED, big)
        if length > limit:
            status = DAMAGE
            break
        if end - at - head < length:
            state[NEED] = head + length
            status = MORE
            break
        count += 1
        offset[row] = at + head
        captured[row] = length
        wire[row] = u32(data, at + WIRE, big)
        time_ns[row] = u32(data, at + SECONDS, big) * BILLION + u32(data, at + FRACTION, big) * unit
        number[row] = count
        file_offset[row] = base + at + head
        row += 1
        at += head + length
    state[AT] = at
    state[COUNT] = row
    state[NUMBER] = count
    return status


@cython.cfunc
@cython.nogil
@cython.wraparound(False)
@cython.exceptval(-1, check=True)
def clock(high: cython.longlong, low: cython.longlong, table: Column, entry: cython.Py_ssize_t) -> cython.longlong:
    """Nanoseconds since 1970 of a pcapng time stamp, rounded down, kept within LATEST of 1970."""
    unit: cython.longlong = table[entry + UNIT]
    factor: cython.longlong = table[entry + FACTOR]
    one: cython.ulonglong = 1
    billion: cython.ulonglong = BILLION
    latest: cython.ulonglong = LATEST
    scale: cython.ulonglong = factor
    most: cython.ulonglong = table[entry + MOST]
    upper: cython.ulonglong = high
    lower: cython.ulonglong = low
    ticks: cython.ulonglong = upper << 32 | lower
    whole: cython.ulonglong = 0
    part: cython.ulonglong
    if unit == MULTIPLIED:
        whole = latest if ticks > most else ticks * scale
    elif unit == DIVIDED:
        if scale != 0:
            whole = ticks // scale // most
    elif factor <= 32:
        # At most 32 bits of fraction, so times a billion they fit 64 bits.
        part = ticks & ((one << factor) - one)
        ticks = ticks >> factor
        whole = latest if ticks > most else ticks * billion + (part * billion >> factor)
    else:
        # The fraction in two halves: its product with a billion takes up to 94 bits.
        if factor < 64:
            whole = (ticks >> factor) * billion
            upper = upper & ((one << (factor - 32)) - one)
        part = upper * billion + (lower * billion >> 32)
        if factor < 96:
            whole += part >> (factor - 32)
    if whole > latest:
        whole = latest
    time: cython.longlong = whole
    time += table[entry + SHIFT]
    return LATEST if time > LATEST else time


@cython.cfunc
@cython.nogil
@cython.wraparound(False)
@cython.exceptval(-1)
def dropped(data: Octets, at: cython.Py_ssize_t, end: cython.Py_ssize_t, big: cython.bint) -> cython.longlong:
    """Packets lost before this one, by the options in ``data[at:end]`` (epb_dropcount); 0 where they do not say."""
    code: cython.longlong
    size: cython.longlong
    high: cython.longlong
    low: cython.longlong
    while end - at >= OPTION_HEAD:
        code = u16(data, at, big)
        size = u16(data, at + 2, big)
        at += OPTION_HEAD
        if code == OPTION_END or size > end - at:
            return 0
        if code == OPTION_DROPS and size == COUNTER:
            high = u32(data, at if big else at + 4, big)
            low = u32(data, at + 4 if big else at, big)
            return COUNT_MOST if high else low
        at += size + (-size & PAST)
    return 0


@cython.wraparound(False)
def walk_blocks(
    data: Octets,
    words: Words,
    end: cython.Py_ssize_t,
    base: cython.longlong,
    big: cython.bint,
    swapped: cython.bint,
    interfaces: cython.longlong,
    table: Column,
    limit: cython.longlong,
    longest: cython.longlong,
    state: Column,
    offset: Column,
    captured: Column,
    wire: Column,
    time_ns: Column,
    number: Column,
    link: Column,
    file_offset: Column,
) -> int:
    """Fill rows with the packet blocks in ``data[state[AT]:end]``; MORE, FULL, OTHER, or DAMAGE.

    ``words`` is ``data`` as 32-bit numbers in the machine's byte order: blocks are aligned, so their fixed fields are
    read whole, in half the time that byte by byte takes. ``big`` says which order the section has, ``swapped`` whether
    that is not the machine's. ``interfaces`` is the number of interfaces the section has described so far, ``table``
    their INTERFACE values each; ``limit`` is the longest captured length believed, ``longest`` the longest block. The
    columns (int64) are written from row ``state[COUNT]`` on.
    """
    at: cython.Py_ssize_t = state[AT]
    row: cython.Py_ssize_t = state[COUNT]
    rows: cython.Py_ssize_t = len(offset)
    count: cython.longlong = state[NUMBER]
    time: cython.longlong = state[TIME]
    status: cython.int = FULL
    kind: cython.longlong
    total: cython.longlong
    length: cython.longlong
    original: cython.longlong
    snaplen: cython.longlong
    interface: cython.longlong
    rest: cython.Py_ssize_t
    first: cython.Py_ssize_t
    head: cython.Py_ssize_t
    entry: cython.Py_ssize_t
    while row < rows:
        if end - at < HEAD:
            state[NEED] = HEAD
            status = MORE
            break
        first = at >> DOUBLINGS
        kind = word(words, first, swapped)
        total = word(words, first + TOTAL, swapped)
        if kind == EPB:
            head = EPB_DATA
        elif kind == SPB:
            head = SPB_DATA
        else:
            status = OTHER
            break
        if total < head + TRAILER or (total & PAST) != 0 or total > longest:
            status = DAMAGE
            break
        if end - at < total:
            state[NEED] = total
            status = MORE
            break
        if word(words, (at + total - TRAILER) >> DOUBLINGS, swapped) != total:
            status = DAMAGE
            break
        if kind == EPB:
            interface = word(words, first + EPB_INTERFACE, swapped)
            length = word(words, first + EPB_CAPTURED, swapped)
            original = word(words, first + EPB_WIRE, swapped)
        else:
            interface = 0
            original = word(words, first + SPB_WIRE, swapped)
            length = total - head - TRAILER
            if original < length:
                length = original
            if interfaces != 0:
                snaplen = table[SNAPLEN]
                if snaplen != 0 and snaplen < length:
                    length = snaplen
        if length > limit or length > total - head - TRAILER:
            status = DAMAGE
            break
        count += 1
        if interface >= interfaces:
            # Neither link type nor clock are known; the packet keeps its number and is counted.
            state[STRANGE] += 1
            at += total
            continue
        entry = interface * INTERFACE
        if kind == EPB:
            time = clock(word(words, first + EPB_HIGH, swapped), word(words, first + EPB_LOW, swapped), table, entry)
            rest = length + (-length & PAST)
            if total - head - TRAILER - rest >= OPTION_HEAD:
                table[entry + LOST] += dropped(data, at + head + rest, at + total - TRAILER, big)
        offset[row] = at + head
        captured[row] = length
        wire[row] = original
        time_ns[row] = time
        number[row] = count
        link[row] = table[entry + LINK]
        file_offset[row] = base + at + head
        row += 1
        at += total
    state[AT] = at
    state[COUNT] = row
    state[NUMBER] = count
    state[TIME] = time
    return status
