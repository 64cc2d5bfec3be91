"""The limits are sane, documented, and every one of them is used."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from analyzer import settings
from analyzer.model import Severity
from analyzer.settings import RECORDS, Settings, changed

ROOT = Path(settings.__file__).parent
OFF = {"frame_bytes", "inflated_bytes"}
"""Zero unless a report asks."""
NUMBERS = [name for name in Settings.__struct_fields__ if type(getattr(Settings(), name)) is int and name not in OFF]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_limit_is_positive(name: str) -> None:
    assert getattr(Settings(), name) > 0


@pytest.mark.parametrize("name", NUMBERS)
def test_a_limit_is_used(name: str) -> None:
    sources = [path.read_text() for path in ROOT.rglob("*.py") if path.name != "settings.py"]
    assert any(re.search(rf"\b{name}\b", source) for source in sources)


def test_defaults_ask_for_what_a_person_reads() -> None:
    assert Settings().records < set(RECORDS)
    assert not Settings().payloads
    assert Settings(severity={"MK-001": Severity.INFO}).severity == {"MK-001": Severity.INFO}


def test_every_setting_is_documented() -> None:
    source = inspect.getsource(Settings)
    fields = re.findall(r"^    (\w+): .*\n(?:    \"\"\")?", source, re.MULTILINE)
    assert set(Settings.__struct_fields__) <= set(fields)


def test_what_was_changed_is_told_as_json_has_it() -> None:
    chosen = Settings(decode_as=frozenset({8080, 80}), severity={"MK-001": Severity.INFO}, batch_packets=7)
    assert changed(chosen) == {"decode_as": [80, 8080], "severity": {"MK-001": "info"}, "batch_packets": 7}
    assert changed(Settings()) == {}


def test_values_of_tsharks_options_stay_here() -> None:
    """They may be secrets."""
    assert changed(Settings(tshark_options=("tls.keys:secret",)))["tshark_options"] == ["tls.keys"]
