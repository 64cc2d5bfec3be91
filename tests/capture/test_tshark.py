"""tshark as a source of frames: what is read from its layers, and what is left behind (nothing)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from analyzer.capture import tshark
from analyzer.errors import InputError, MissingDependencyError
from tests.tools import needs_tshark

ECHO = Path(__file__).parent.parent.parent / "samples" / "echo.pcap"


class Field:
    """A field as pyshark gives it: for people, and in hex."""

    def __init__(self, show: str, raw: str = "") -> None:
        self.show = show
        self.raw_value = raw


class Layer:
    """A ``websocket`` layer of pyshark's."""

    def __init__(self, **fields: Field | str) -> None:
        self.fields = {f"websocket.{name.replace('__', '.')}": value for name, value in fields.items()}

    def get_field(self, name: str) -> Field | None:
        value = self.fields.get(name)
        return Field(value) if isinstance(value, str) else value


def read(**fields: Field | str) -> tshark.Seen:
    given: dict[str, Any] = {"fin": "1", "rsv": "0x00", "opcode": "1", "mask": "0", "payload_length": "5", **fields}
    return tshark.frame(Layer(**given), 3, ("192.0.2.1", 5), 7)


def test_a_plain_frame() -> None:
    text = Field("Hello", "48656c6c6f")
    assert read(payload__text=text) == tshark.Seen(3, ("192.0.2.1", 5), 7, True, 0, 1, False, None, 5, text=b"Hello")


@pytest.mark.parametrize("true", ["1", "True"])
@pytest.mark.parametrize("false", ["0", "False"])
def test_truth_of_either_version(true: str, false: str) -> None:
    seen = read(fin=false, mask=true, masking_key=Field("37:fa:21:3d", "37fa213d"))
    assert (seen.fin, seen.masked, seen.masking_key) == (False, True, "37fa213d")


def test_the_longest_form_of_the_length_counts() -> None:
    assert read(payload_length="126", payload_length_ext_16="126").payload_length == 126
    assert read(payload_length="127", payload_length_ext_64="70000").payload_length == 70000


def test_reserved_bits_and_close() -> None:
    seen = read(rsv="0x05", opcode="8", payload__close__status_code="1000", payload__close__reason=Field("?", "627965"))
    assert (seen.rsv, seen.close_code, seen.close_reason) == (5, 1000, "bye")


def test_pyshark_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyshark", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'wsanalyzer\[tshark\]'"):
        tshark.versions()


def test_tshark_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pyshark")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="tshark is not installed"):
        tshark.versions()


def test_a_folder_with_a_config_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pyshark")
    config = pytest.importorskip("pyshark.config")
    (tmp_path / "config.ini").write_text("[other]\nkey = value\n")
    monkeypatch.setattr(config, "fp_config_path", tmp_path / "config.ini")
    with pytest.raises(MissingDependencyError, match=r"config\.ini"):
        tshark.versions()


def children() -> set[str]:
    """Process ids of this process's children."""
    own = str(os.getpid())
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == own:
            found.add(folder.name)
    return found


@needs_tshark
def test_frames_in_order_and_no_child_left(tmp_path: Path) -> None:
    before = children()
    notes: list[str] = []
    assert [frame.packet for frame in tshark.frames(ECHO, "", (), notes)] == [*range(8, 20, 2), *range(20, 38, 2)]
    assert notes == []
    left = tshark.frames(ECHO, "", (80,), notes)
    assert next(left).text == b"WebSocket rocks"
    assert len(children() - before) == 1
    left.close()  # type: ignore[attr-defined]
    assert children() <= before


@needs_tshark
def test_what_tshark_cannot_read(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pcap"
    damaged.write_bytes(b"not a capture")
    with pytest.raises(InputError, match="tshark cannot read it"):
        list(tshark.frames(damaged, "", (), []))
    with pytest.raises(InputError, match="No such file"):
        list(tshark.frames(tmp_path / "none.pcap", "", (), []))
    cut = tmp_path / "-cut.pcap"
    cut.write_bytes(ECHO.read_bytes()[:-5])
    notes: list[str] = []
    assert len(list(tshark.frames(cut, "", (), notes))) == 15
    assert "cut short" in notes[0]
