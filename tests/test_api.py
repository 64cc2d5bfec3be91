"""The Python interface."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import analyzer
from analyzer.api import make_settings
from analyzer.model import Payload, Severity
from tests import live

ECHO = "client: 81 85 37 fa 21 3d 7f 9f 4d 51 58\nserver: 81 05 48 65 6c 6c 6f"
UNMASKED = "client: 81 05 48 65 6c 6c 6f"

Write = Callable[[str], Path]


def test_a_report_in_memory(write_capture: Write) -> None:
    report = analyzer.analyze(write_capture(UNMASKED), select=["MK"])
    assert [finding.rule for finding in report.findings] == ["MK-001"]
    assert report.worst() is Severity.ERROR
    assert (len(report.connections), len(report.frames)) == (1, 0)
    assert report.summary.severities["error"] == 1


def test_records_stream_from_run_to_summary(write_capture: Write) -> None:
    kinds = [type(record).__name__ for record in analyzer.records(write_capture(ECHO), "frames", "messages")]
    assert (kinds[0], kinds[-1]) == ("Run", "Summary")
    assert sorted(kinds[1:-1]) == ["Frame", "Frame", "Message", "Message"]


def test_iterators_give_one_kind(write_capture: Write) -> None:
    path = write_capture(ECHO)
    assert [frame.direction for frame in analyzer.iter_frames(path)] == ["client", "server"]
    payloads = [message.payload for message in analyzer.iter_messages([path], payloads=True)]
    assert payloads == [Payload(text="Hello")] * 2
    assert list(analyzer.iter_findings(path, select="MK,FR")) == []


def test_an_abandoned_iteration_closes_its_files(write_capture: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    from analyzer.capture import source

    closed = []
    leave = source.Source.__exit__
    monkeypatch.setattr(source.Source, "__exit__", lambda self, *error: (closed.append(1), leave(self, *error))[1])
    records = analyzer.records(write_capture(ECHO), "frames")
    next(records)
    records.close()
    assert closed == [1]
    frames = analyzer.iter_frames(write_capture(ECHO))
    next(frames)
    del frames
    assert closed == [1, 1]


def test_a_missing_capture_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(analyzer.InputError):
        analyzer.analyze(tmp_path / "none.pcap")


def test_settings_are_checked_at_once() -> None:
    with pytest.raises(analyzer.UsageError, match="'selct'; did you mean select"):
        analyzer.records("x.pcap", selct=["MK"])
    with pytest.raises(analyzer.UsageError, match="'frame'; did you mean frames"):
        analyzer.records("x.pcap", "frame")
    with pytest.raises(analyzer.UsageError, match="wrong kind"):
        make_settings({"message_size": "large"})
    with pytest.raises(analyzer.UsageError, match="cannot be negative"):
        make_settings({"message_size": -1})


def test_settings_take_strings_lists_and_plain_values() -> None:
    made = make_settings({"select": "MK, FR", "decode_as": 80, "severity": {"MK-001": "info"}, "records": ["all"]})
    assert made.select == ("MK", "FR")
    assert made.decode_as == {80}
    assert made.severity == {"MK-001": Severity.INFO}
    assert made.records == {"connections", "handshakes", "frames", "messages", "findings"}


def test_the_package_offers_what_it_lists() -> None:
    assert all(getattr(analyzer, name) is not None for name in analyzer.__all__)
    assert dir(analyzer) == sorted(analyzer.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = analyzer.nothing


@pytest.mark.parametrize("backend", live.BACKENDS)
def test_a_live_capture_is_an_iterator_that_another_thread_can_stop(backend: str, tmp_path: Path) -> None:
    live.require(live.missing(backend))
    kept = tmp_path / "kept.pcapng"
    with (
        live.server() as port,
        analyzer.sniff("lo", bpf=f"tcp port {port}", backend=backend, write=kept, select=["MK"]) as findings,
    ):
        talking = threading.Thread(target=live.violate, args=(port,))
        talking.start()
        assert next(findings).rule == "MK-001"
        talking.join()
        threading.Timer(0.2, findings.stop).start()
        assert list(findings) == []
        assert findings.summary is not None
        assert findings.summary.packets == analyzer.analyze(kept).summary.packets
    with pytest.raises(analyzer.UsageError, match="nosuch: no such interface"):
        analyzer.sniff("nosuch")
