"""However the same conversation was cut, carried, captured and stored, it is read and judged the same.

Each example takes a few connections of a capture with violations or without, applies transformations of
`tests.transform` in a random order, writes the result as files of random kinds, and compares it with the untouched
connections in one plain file: the same frames, and the same findings of severity error.

WSANALYZER_METAMORPHIC is the number of examples for each capture, in place of a few, and takes in larger captures
where they are at hand.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analyzer import pipeline
from analyzer.capture.source import expand, open_source
from analyzer.model import Connection, Finding, Frame, Message, Record, Severity, Summary
from analyzer.settings import RECORDS, Settings
from tests import packing, transform
from tests.conftest import CAPTURES, ROOT, SAMPLES
from tests.packing import Style
from tests.transform import TRANSFORMATIONS, Segment

MANY = os.environ.get("WSANALYZER_METAMORPHIC")
EXAMPLES = int(MANY or 8)
SHARED = Path(os.environ.get("WSANALYZER_SHARED", ROOT.parent / "shared")) / "captures"
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Not shrunk: an example takes a tenth of a second, and what fails is small already."""
CONNECTIONS = 6
"""Of a capture, in one example."""
FILES = [
    *sorted(SAMPLES.glob("*.pcap")),
    *sorted(CAPTURES.glob("*.pcap")),
    *(path for name in ("base_small", "autobahn_fuzzingclient_websockets", "clean_deflate")
      if MANY and (path := SHARED / f"{name}.pcap").exists()),
]  # fmt: skip

ASKED = Settings(records=frozenset(RECORDS))

STYLES = st.builds(
    Style,
    options=st.booleans(),
    tags=st.sampled_from([(), (0x8100,), (0x88A8, 0x8100), (0x9100, 0x8100)]),
    padded=st.booleans(),
    offloaded=st.booleans(),
    wrong_sums=st.booleans(),
    fragment=st.sampled_from([0, 0, 0, 8, 64, 1400]),
    foreign=st.booleans(),
)

WAITED = re.compile("none within ")
"""Told where the capture went on for long enough after something: that depends on the other connections' times."""

_read: dict[Path, list[list[Segment]]] = {}


def conversations(path: Path) -> list[list[Segment]]:
    """The connections of a capture that it holds from the first byte on and without a gap, read once."""
    if path not in _read:
        with tempfile.TemporaryDirectory() as folder:
            every = transform.connections(transform.parsed(path.read_bytes()))
            _read[path] = [
                each
                for each in every
                if each[0].flags & transform.SYN and _whole(analysed(plainly(each, Path(folder))))
            ]
    return _read[path]


def _whole(records: list[Record]) -> bool:
    return isinstance(records[-1], Summary) and not records[-1].gaps


def analysed(paths: list[Path]) -> list[Record]:
    with open_source([str(path) for path in paths], ASKED) as source:
        records = list(pipeline.run(source, ASKED))
        assert not source.unreadable
    return records


FRAME = ("opcode", "fin", "rsv1", "rsv2", "rsv3", "masked", "masking_key", "header_length", "payload_length",
         "complete", "stream_offset", "close_code", "close_reason")  # fmt: skip
MESSAGE = ("opcode", "length", "sha256", "compressed", "frames", "complete")
FINDING = ("rule", "direction", "frame", "stream_offset", "byte_offset", "header", "expected", "found", "close_code",
           "secondary", "count")  # fmt: skip


def told(records: list[Record]) -> dict[Any, Any]:
    """By connection: frames and messages of each direction in order, and how often each error was found."""
    names, seen = {}, Counter[Any]()
    for record in sorted(
        (record for record in records if isinstance(record, Connection)), key=lambda each: each.connection
    ):
        ends = (record.client, record.server)
        names[record.connection] = (ends, seen[ends])
        seen[ends] += 1
    result: dict[Any, Any] = {name: defaultdict(list) for name in [*names.values(), None]}
    for record in records:
        if isinstance(record, (Frame, Message)):
            wanted = FRAME if isinstance(record, Frame) else MESSAGE
            row = tuple(getattr(record, field) for field in wanted)
            result[names[record.connection]][record.direction, type(record).__name__].append(row)
        elif isinstance(record, Finding) and record.severity is Severity.ERROR and not WAITED.match(record.found):
            row = tuple(getattr(record, field) for field in FINDING)
            result[names.get(record.connection)]["errors"].append(row)  # type: ignore[arg-type]
    for parts in result.values():
        parts["errors"].sort(key=repr)
    return {name: dict(parts) for name, parts in result.items()}


def plainly(segments: list[Segment], folder: Path) -> list[Path]:
    """The segments on one Ethernet, in one file."""
    random = Random(0)
    path = folder / "plain.pcap"
    path.write_bytes(packing.pcap(random, list(packing.dressed(random, segments, Style(), 1)), 1))
    return [path]


def check(path: Path, seed: int, names: list[str], styles: list[Style], files: int) -> None:
    random = Random(seed)
    every = conversations(path)
    chosen = random.sample(every, min(CONNECTIONS, len(every)))
    segments = sorted((segment for each in chosen for segment in each), key=lambda each: each.time_ns)
    with tempfile.TemporaryDirectory() as folder:
        expected = told(analysed(plainly(segments, Path(folder))))
        for name in transform.ranked(names):
            segments = TRANSFORMATIONS[name](random, segments)
        found = told(analysed(packing.written(random, segments, styles, files, Path(folder))))
    assert found == expected


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@given(
    seed=st.integers(0, 2**32),
    names=st.lists(st.sampled_from(sorted(TRANSFORMATIONS)), max_size=5),
    styles=st.lists(STYLES, min_size=1, max_size=3),
    files=st.integers(1, 5),
)
@settings(max_examples=EXAMPLES, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
def test_a_capture_may_be_transformed(path: Path, seed: int, names: list[str], styles: list[Style], files: int) -> None:
    check(path, seed, names, styles, files)


PLACES = ("file", "file_offset", "packet", "first_packet", "last_packet", "inputs", "elapsed_ns", "bytes", "notes")
"""What may differ where the same packets stand in other files; and the bytes of other link layers."""


def placeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: placeless(inside) for key, inside in value.items() if key not in PLACES}
    if isinstance(value, str):
        return re.sub(r"packet \d+", "packet", value)
    return [placeless(inside) for inside in value] if isinstance(value, list) else value


def lines(records: list[Record]) -> list[Any]:
    return [placeless(json.loads(msgspec.json.encode(record))) for record in records]


@pytest.mark.parametrize(
    "path", [CAPTURES / "violators_a.pcap", CAPTURES / "port_reuse.pcap", SAMPLES / "violations.pcap"]
)
@given(seed=st.integers(0, 2**32), files=st.integers(2, 9), given_as=st.sampled_from(["files", "folder", "pattern"]))
@settings(max_examples=EXAMPLES, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
def test_files_however_cut_give_the_records_of_the_whole(path: Path, seed: int, files: int, given_as: str) -> None:
    """Cut between any two packets, in any format, compressed or not, with any names, named in any order."""
    random = Random(seed)
    segments = transform.parsed(path.read_bytes())
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as parts:
        expected = analysed(plainly(segments, Path(whole)))
        paths = packing.written(random, segments, [Style()], files, Path(parts))
        named = {"files": [str(part) for part in paths], "folder": [parts], "pattern": [f"{parts}/*"]}[given_as]
        found = analysed([Path(part) for part in expand(named)])
    assert lines(found) == lines(expected)


def streams(segments: list[Segment]) -> dict[Any, list[bytes]]:
    """What each side of each connection sent, put together byte by byte: the first copy of each counts."""
    result = defaultdict[Any, list[dict[int, int]]](list)
    starts: dict[Any, int] = {}
    for segment in segments:
        key = (segment.source, segment.destination)
        begin = (segment.seq + 1) % transform.WRAP
        if segment.flags & transform.SYN and starts.get(key) != begin:
            starts[key] = begin
            result[key].append({})
        for at, byte in enumerate(segment.payload if key in starts else b""):
            result[key][-1].setdefault((segment.seq - starts[key] + at) % transform.WRAP, byte)
    return {key: [bytes(found[at] for at in sorted(found)) for found in each] for key, each in result.items()}


@pytest.mark.parametrize("name", sorted(TRANSFORMATIONS))
def test_a_transformation_changes_the_packets_and_no_stream(name: str) -> None:
    segments = transform.parsed((CAPTURES / "violators_a.pcap").read_bytes())
    results = [TRANSFORMATIONS[name](Random(seed), segments) for seed in range(5)]
    assert any(changed != segments for changed in results)
    for changed in results:
        assert streams(changed) == streams(segments)
        times = [segment.time_ns for segment in changed]
        assert times == sorted(set(times))
