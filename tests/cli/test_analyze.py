"""The options of ``analyze``: from the command line and the configuration to the settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.model import Severity

Cli = Callable[..., tuple[int, str, str]]


def test_options_reach_the_analysis(scripted, cli: Cli) -> None:
    status, _, _ = cli(
        *("analyze", "x.pcap", "--select", "MK,TX-001", "--ignore", "hs", "--severity", "MK-001=info"),
        *("--decode-as", "8080", "--timeout", "pong=5,close=0.5", "--payloads", "--fail-on", "never"),
    )
    made = scripted.settings
    assert status == 0
    assert (made.select, made.ignore, made.severity) == (("MK", "TX-001"), ("HS",), {"MK-001": Severity.INFO})
    assert (made.decode_as, made.pong_timeout, made.close_timeout) == ({8080}, 5_000_000_000, 500_000_000)
    assert made.payloads is True


def test_the_configuration_is_used_unless_isolated(scripted, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.wsanalyzer]\nselect = ["MK"]\nfail-on = "never"\nlimits = { message-size = 7 }\n'
    )
    assert cli("analyze", "x.pcap")[0] == 0
    assert (scripted.settings.select, scripted.settings.message_size) == (("MK",), 7)
    assert cli("analyze", "x.pcap", "--select", "TX", "--fail-on", "error")[0] == 1
    assert scripted.settings.select == ("TX",)
    assert cli("analyze", "x.pcap", "--isolated")[0] == 1
    assert scripted.settings.select == ()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-f", "xml"], "--format xml: not known; choose from text, concise, jsonl, json"),
        (["--select", "ZZ"], "--select ZZ: no rule has this id or prefix"),
        (["--ignore", "MK-01"], "did you mean MK-001"),
        (["--severity", "MK-001"], "expected NAME=VALUE"),
        (["--fail-on", "fatal"], "choose from error, warning, info, never"),
        (["--color", "red"], "choose from auto, always, never"),
        (["--records", "packets"], "no kind of record is called 'packets'"),
        (["-o", "x.bin"], "no format has this suffix"),
        (["-o", "x.json", "-o", "x.json"], "two results for one place"),
        (["--config", "a.toml", "--isolated"], "exclude each other"),
        (["--config", "a.toml"], "a.toml: cannot read the configuration"),
    ],
)
def test_mistakes_are_one_line_and_status_2(scripted, cli: Cli, arguments: list[str], says: str) -> None:
    status, out, err = cli("analyze", "x.pcap", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("wsanalyzer: ")
    assert len(err.splitlines()) == 1
    assert says in err


def test_colour_is_for_people_on_standard_output_only(scripted, cli: Cli, tmp_path: Path) -> None:
    assert "\x1b[" in cli("analyze", "x.pcap", "--color", "always")[1]
    assert "\x1b[" not in cli("analyze", "x.pcap")[1]
    assert "\x1b[" not in cli("analyze", "x.pcap", "--color", "always", "-f", "concise")[1]
    cli("analyze", "x.pcap", "--color", "always", "-o", "r.txt")
    assert "\x1b[" not in (tmp_path / "r.txt").read_text()


def test_a_key_log_from_the_option_or_the_environment(scripted, cli: Cli, tmp_path, monkeypatch) -> None:
    (tmp_path / "keys").write_bytes(b"")
    (tmp_path / "others").write_bytes(b"")
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)
    for arguments, expected in (([], ""), (["--keylog", "keys"], "keys")):
        assert cli("analyze", "x.pcap", *arguments)[0] in (0, 1)
        assert scripted.settings.keylog == expected
    monkeypatch.setenv("SSLKEYLOGFILE", "others")
    for arguments, expected in (([], "others"), (["--keylog", "keys"], "keys")):
        assert cli("analyze", "x.pcap", *arguments)[0] in (0, 1)
        assert scripted.settings.keylog == expected


def test_a_key_log_that_cannot_be_read(cli: Cli, write_capture) -> None:
    capture = write_capture("client: 81 80 37 fa 21 3d")
    status, out, err = cli("analyze", capture, "--keylog", "none.log")
    assert (status, out, err) == (2, "", "wsanalyzer: key log none.log: no such file\n")
    assert cli("show", capture, "--keylog", "none.log")[0] == 2
