"""Rules listed and explained."""

from __future__ import annotations

import json
from collections.abc import Callable

Cli = Callable[..., tuple[int, str, str]]


def test_rules_as_text(scripted, cli: Cli) -> None:
    _, out, _ = cli("rules")
    cells = "MK-001 error MUST client unmasked-client-frame RFC 6455 5.1, 5.3"
    assert out.splitlines()[1].split() == cells.split()


def test_rules_as_json_have_every_field(scripted, cli: Cli) -> None:
    rules = json.loads(cli("rules", "-f", "json", "--select", "mk")[1])
    assert rules[0] == {
        "id": "MK-001",
        "name": "unmasked-client-frame",
        "title": "A client sent a frame without masking it",
        "severity": "error",
        "level": "MUST",
        "rfc": "RFC 6455 5.1, 5.3",
        "role": "client",
        "close_code": 1002,
        "fail_required": True,
        "subject": "FrameColumns",
        "opcode": None,
        "default": True,
        "together": False,
        "prose": "Why it matters: caches.",
        "violates": ["client: 81 05 48 65 6c 6c 6f"],
        "conforms": ["client: 81 80 37 fa 21 3d\nserver: 81 00", "server: 81 00"],
    }


def test_an_unknown_prefix_is_wrong_usage(scripted, cli: Cli) -> None:
    assert cli("rules", "--select", "ZZ")[0] == 2


def test_a_rule_by_id_and_by_name(scripted, cli: Cli) -> None:
    by_id, by_name = cli("explain", "mk-001"), cli("explain", "unmasked_client_frame")
    assert by_id == by_name
    assert by_id[1] == (
        "MK-001 unmasked-client-frame\n"
        "A client sent a frame without masking it.\n"
        "\n"
        "severity  error\n"
        "section   RFC 6455 5.1, 5.3 (MUST)\n"
        "side      client\n"
        "looks at  FrameColumns\n"
        "the peer  must fail the connection with close code 1002\n"
        "\n"
        "Why it matters: caches.\n"
        "\n"
        "Violates:\n"
        "    client: 81 05 48 65 6c 6c 6f\n"
        "\n"
        "Conforms:\n"
        "    client: 81 80 37 fa 21 3d\n"
        "    server: 81 00\n"
        "\n"
        "    server: 81 00\n"
    )


def test_numbers_and_names_of_the_protocol(scripted, cli: Cli) -> None:
    assert cli("explain", "0x9")[1] == cli("explain", "ping")[1]
    assert cli("explain", "1006")[1].startswith("close code 1006: abnormal closure")


def test_what_is_unknown_suggests_what_is_near(scripted, cli: Cli) -> None:
    status, _, err = cli("explain", "MK-01")
    assert status == 2
    assert "did you mean MK-001" in err
