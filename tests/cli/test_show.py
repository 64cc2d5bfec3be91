"""The options of ``show``."""

from __future__ import annotations

from collections.abc import Callable

from tests.report import made

Cli = Callable[..., tuple[int, str, str]]


def test_the_tables_are_harmless(scripted, cli: Cli) -> None:
    status, out, err = cli("show", "x.pcap", "--connection", "0")
    assert (status, err) == (0, "")
    assert "Frames\n" in out
    assert "Messages\n" in out
    made.assert_harmless(out)


def test_wrong_words(scripted, cli: Cli) -> None:
    assert cli("show", "x.pcap", "--direction", "up")[::2] == (
        2,
        "wsanalyzer: --direction up: not known; choose from client, server\n",
    )
    assert cli("show", "x.pcap", "--connection", "9")[0] == 2


def test_ports_are_handed_on(scripted, cli: Cli) -> None:
    assert cli("show", "x.pcap", "--decode-as", "8080")[0] == 0
    assert scripted.settings.decode_as == {8080}
