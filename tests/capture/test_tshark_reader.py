"""tshark as the engine: the same findings as our own reading, and what only tshark can open."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import analyzer
from analyzer.capture.layout import LATEST
from analyzer.capture.ledger import Ledger
from analyzer.capture.tshark_reader import TsharkReader, check_options, nanoseconds
from analyzer.errors import InputError, UsageError
from analyzer.model import Connection, Finding, Frame, Message, Record, Run, Summary
from analyzer.settings import RECORDS, Settings
from tests.capture import wifi
from tests.command import wsanalyzer
from tests.running import only
from tests.tools import needs_tshark

ROOT = Path(__file__).parent.parent.parent
ECHO = ROOT / "samples" / "echo.pcap"
KEY = b"sixteen bytes k!"
SPI = 0x222
OUTER = ("203.0.113.1", "203.0.113.2")
ESP_OPTION = "esp.enable_encryption_decode:TRUE"


def records(path: Path, **chosen: Any) -> list[Record]:
    """All but the run and the summary, without places in the file."""
    found = list(analyzer.records(path, *RECORDS, **chosen))[1:-1]
    return [msgspec.structs.replace(each, file_offset=None) if isinstance(each, Finding) else each for each in found]


def secured_association(source: str, destination: str) -> str:
    """The option that gives tshark the key of `esp`."""
    words = ("IPv4", source, destination, hex(SPI), "AES-CBC [RFC3602]", f"0x{KEY.hex()}", "NULL", "")
    return "uat:esp_sa:" + ",".join(f'"{word}"' for word in words)


def esp(path: Path, *, tunnel: bool) -> None:
    """`ECHO` as it looks through IPsec with ESP."""
    scapy = pytest.importorskip("scapy.all")
    ipsec = pytest.importorskip("scapy.layers.ipsec")
    pytest.importorskip("cryptography")
    header = {"tunnel_header": scapy.IP(src=OUTER[0], dst=OUTER[1])} if tunnel else {}
    association = ipsec.SecurityAssociation(ipsec.ESP, spi=SPI, crypt_algo="AES-CBC", crypt_key=KEY, **header)
    packets = []
    for number, each in enumerate(scapy.rdpcap(str(ECHO)), 1):
        sealed = association.encrypt(each[scapy.IP], seq_num=number)
        packet = scapy.Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / sealed
        packet.time = each.time
        packets.append(packet)
    scapy.wrpcap(str(path), packets)


@pytest.mark.parametrize(
    ("stated", "meant"),
    [
        ("1700000000.000150000", 1_700_000_000_000_150_000),
        ("1700000000", 1_700_000_000_000_000_000),
        ("-1.5", -1_500_000_000),
        ("0.25", 250_000_000),
        ("soon", 0),
        ("17592186044416.000000000", LATEST),
        ("-17592186044416", -LATEST),
    ],
)
def test_times(stated: str, meant: int) -> None:
    assert nanoseconds(stated) == meant


@pytest.mark.parametrize("option", ["", "name", "name:", ":value", "-r:file"])
def test_an_option_without_name_or_value_is_refused_and_not_repeated(option: str) -> None:
    with pytest.raises(UsageError, match=r"NAME:VALUE") as raised:
        check_options(("good.name:TRUE", option))
    assert not option or option not in str(raised.value)


@needs_tshark
@pytest.mark.parametrize(
    "name",
    ["samples/echo.pcap", "samples/wss.pcapng", "tests/captures/violators_a.pcap", "tests/captures/port_reuse.pcap"],
)
def test_everything_is_as_with_our_own_reading(name: str) -> None:
    ours = records(ROOT / name)
    assert len(ours) > 5
    assert records(ROOT / name, engine="tshark") == ours


@needs_tshark
@pytest.mark.parametrize(
    "name",
    [
        "tls12_python.pcap", "tls13_chromium_dsb.pcapng", "net_loss.pcap", "rw_gap.pcap", "rw_ip6ext.pcap",
        "rw_ipfrag.pcap", "rw_reorder.pcap", "rw_truncfile.pcap", "rw_tso_len0.pcap", "rw_gzip.pcap.gz",
        "var_sll.pcap", "var_snap96.pcap",
    ],
)  # fmt: skip
def test_captures_with_losses_fragments_and_keys(name: str, shared_captures: Path) -> None:
    path = shared_captures / name
    keys = path.with_suffix(".keys")
    keylog = str(keys) if keys.exists() else ""
    ours = records(path, keylog=keylog)
    assert len(only(Message, ours)) > 5
    assert records(path, keylog=keylog, engine="tshark") == ours


@needs_tshark
@pytest.mark.parametrize("tunnel", [True, False])
def test_ipsec_that_only_tshark_can_open(tunnel: bool, tmp_path: Path) -> None:
    """In a tunnel, and with the TCP segment right behind ESP (transport mode)."""
    sealed = tmp_path / "esp.pcap"
    esp(sealed, tunnel=tunnel)
    ends = [OUTER] if tunnel else [("192.0.2.1", "192.0.2.80"), ("192.0.2.80", "192.0.2.1")]
    options = [ESP_OPTION, *(secured_association(*each) for each in ends)]
    assert only(Connection, records(sealed)) == []
    found = records(sealed, engine="tshark", tshark_options=options)
    clear = records(ECHO)
    assert len(only(Connection, found)) == 1
    assert [_without_file(each) for each in found] == [_without_file(each) for each in clear]


@needs_tshark
def test_wifi_that_only_tshark_can_open(tmp_path: Path) -> None:
    """WPA2, with the passphrase and the four-way handshake in the capture."""
    pytest.importorskip("cryptography")
    sealed = tmp_path / "wifi.pcap"
    wifi.on_air(ECHO, sealed)
    assert only(Connection, records(sealed)) == []
    wrong, right = (f'uat:80211_keys:"wpa-pwd","{word}:{wifi.NETWORK}"' for word in ("x" * 8, wifi.PASSPHRASE))
    assert only(Connection, records(sealed, engine="tshark", tshark_options=[wrong])) == []
    found = records(sealed, engine="tshark", tshark_options=[right])
    clear = records(ECHO)
    assert [each.sha256 for each in only(Message, found)] == [each.sha256 for each in only(Message, clear)]
    assert [each.rule for each in only(Finding, found)] == [each.rule for each in only(Finding, clear)]
    packets = [each.packet for each in only(Frame, found)]
    assert packets == [each.packet + wifi.BEFORE for each in only(Frame, clear)]


def _without_file(record: Record) -> str:
    return repr(record).replace(str(ECHO), "FILE").partition("file='")[0]


@needs_tshark
def test_the_summary_tells_what_was_not_tcp_and_who_opened_the_packets(shared_captures: Path) -> None:
    *_, summary = analyzer.records(shared_captures / "rw_ipfrag.pcap", engine="tshark")
    assert isinstance(summary, Summary)
    assert summary.skipped == {"no TCP that tshark finds": 876}
    assert summary.packets == 993
    assert summary.notes[0].startswith("packets as tshark ")


@needs_tshark
def test_values_of_options_are_never_repeated(tmp_path: Path) -> None:
    secret = KEY.hex()
    good = secured_association(*OUTER)
    run = next(iter(analyzer.records(ECHO, engine="tshark", tshark_options=[good])))
    assert isinstance(run, Run)
    assert run.settings == {"engine": "tshark", "tshark_options": ["uat"]}
    for option in (good.replace("CBC", "XYZ"), f"no.such.preference:{secret}", f"{secret}"):
        done = wsanalyzer(
            "analyze", ECHO, "--engine", "tshark", "--tshark-option", option, "-f", "jsonl", folder=tmp_path
        )
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert secret.encode() not in done.stderr + done.stdout


@needs_tshark
def test_what_tshark_cannot_read(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pcap"
    damaged.write_bytes(b"not a capture")
    with pytest.raises(InputError, match="tshark cannot read it"):
        records(damaged, engine="tshark")
    with pytest.raises(InputError, match="no such file"):
        records(tmp_path / "none.pcap", engine="tshark")
    with pytest.raises(InputError, match="regular files only"):
        records(Path("-"), engine="tshark")
    with pytest.raises(UsageError, match="finished files only"):
        records(ECHO, engine="tshark", follow=True)


@needs_tshark
def test_a_format_that_only_tshark_reads(tmp_path: Path) -> None:
    """Here Sun's snoop, in which editcap writes."""
    if shutil.which("editcap") is None:
        pytest.skip("not installed: editcap")
    snoop = tmp_path / "echo.snoop"
    subprocess.run(["editcap", "-F", "snoop", str(ECHO), str(snoop)], check=True, capture_output=True)
    with pytest.raises(InputError):
        records(snoop)
    found = records(snoop, engine="tshark")
    assert [each.sha256 for each in only(Message, found)] == [each.sha256 for each in only(Message, records(ECHO))]


@needs_tshark
def test_several_captures_are_one_timeline(tmp_path: Path) -> None:
    paths = [str(ROOT / "tests" / "captures" / name) for name in ("port_reuse.pcap", "echo_chromium.pcap")]
    ours = [each for each in analyzer.records(paths, *RECORDS) if isinstance(each, Message)]
    assert [each for each in analyzer.records(paths, *RECORDS, engine="tshark") if isinstance(each, Message)] == ours


@pytest.mark.parametrize("missing", ["tshark", "pyshark"])
def test_what_is_missing_is_one_line(missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if missing == "pyshark":
        monkeypatch.setitem(sys.modules, "pyshark", None)
    else:
        pytest.importorskip("pyshark")
        monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(analyzer.MissingDependencyError, match=f"{missing} is not installed.*install"):
        records(ECHO, engine="tshark")


@needs_tshark
def test_batches_are_small_whatever_the_capture(tmp_path: Path) -> None:
    ledger = Ledger("echo")
    reader = TsharkReader(str(ECHO), 0, Settings(engine="tshark", batch_packets=7), ledger, 1 << 20)
    counts = []
    while (batch := reader.read()) is not None:
        counts.append(batch.count)
        assert len(batch.data) % 8 == 0
    reader.close()
    assert counts == [7] * 5 + [6]
    assert ledger.position == ECHO.stat().st_size
