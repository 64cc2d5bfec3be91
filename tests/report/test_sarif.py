"""SARIF, checked by the standard's JSON schema, by Microsoft's validator, and for what viewers need.

The schema is the one that the npm package @microsoft/sarif-multitool 5.7.0 (MIT) carries, byte for byte. The validator
is that package itself: ``npm install --prefix DIR @microsoft/sarif-multitool``, and its path in
WSANALYZER_SARIF_MULTITOOL where it is not on the PATH.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from analyzer.model import Finding
from analyzer.report.sarif import uri
from tests.command import wsanalyzer
from tests.conftest import SAMPLES
from tests.report import made

SCHEMA = Path(__file__).parent / "schemas" / "sarif-2.1.0.json.gz"
validator = jsonschema.Draft202012Validator(
    json.loads(gzip.decompress(SCHEMA.read_bytes())), format_checker=jsonschema.FormatChecker()
)


def log(*records: Any, **look: Any) -> dict[str, Any]:
    text = made.rendered("sarif", records, **look)
    made.assert_harmless(text)
    validator.validate(json.loads(text))
    (run,) = json.loads(text)["runs"]
    return run


def test_golden() -> None:
    text = made.rendered("sarif", made.STORY)
    made.assert_golden("story.sarif", text)
    log(*made.STORY)


def test_the_region_is_the_packet_and_the_bytes() -> None:
    (result,) = log(made.RUN, made.UNMASKED, made.SUMMARY)["results"]
    (location,) = result["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": 17, "byteOffset": 4567, "byteLength": 1}
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "connection 0/client"


def test_a_result_names_its_rule_and_its_artifact_by_index() -> None:
    run = log(made.RUN, made.UNMASKED, made.SUMMARY)
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "MK-001"
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert run["artifacts"][artifact["index"]]["location"]["uri"] == artifact["uri"] == "chat.pcap"


def test_fingerprints_outlive_a_new_recording() -> None:
    again = msgspec.structs.replace(
        made.UNMASKED, packet=99, time_ns=5, stream_offset=1, byte_offset=2, file="other.pcap", file_offset=3
    )

    def prints(finding: Finding) -> list[str]:
        results = log(made.RUN, made.handshake(0), finding, finding, made.SUMMARY)["results"]
        return [next(iter(result["partialFingerprints"].values())) for result in results]

    assert prints(made.UNMASKED) == prints(again)
    assert len(set(prints(again))) == 2
    assert prints(again)[0] != prints(msgspec.structs.replace(again, direction="server"))[0]


def test_an_analysis_cut_short_says_so() -> None:
    assert log(made.RUN, made.UNMASKED)["invocations"][0]["executionSuccessful"] is False


def test_paths_are_references() -> None:
    assert uri("-") == "stdin"
    assert uri("/tmp/a b.pcap") == "file:///tmp/a%20b.pcap"
    assert uri("a b#\udc9b.pcap") == "a%20b%23%9B.pcap"


def _multitool() -> str:
    """The path of Microsoft's validator. Skips where it, or node, is not installed."""
    if shutil.which("node") is None:
        pytest.skip("no node here, which @microsoft/sarif-multitool needs")
    known = [
        os.environ.get("WSANALYZER_SARIF_MULTITOOL"),
        shutil.which("sarif-multitool"),
        *map(str, Path.home().glob(".npm/_npx/*/node_modules/.bin/sarif-multitool")),
    ]
    for path in known:
        if path and Path(path).exists():
            return path
    pytest.skip("no @microsoft/sarif-multitool here (npm install it; WSANALYZER_SARIF_MULTITOOL may name its path)")


def multitool_errors(path: Path) -> list[str]:
    """What ``sarif-multitool validate`` calls an error."""
    ran = subprocess.run(
        [_multitool(), "validate", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},  # it asks for libicu otherwise
    )
    assert "Analysis completed successfully" in ran.stdout, ran.stdout + ran.stderr
    return [line for line in ran.stdout.splitlines() if ": error " in line]


def test_the_multitool_finds_no_error_in_the_gallery_nor_in_the_story(tmp_path: Path) -> None:
    ran = wsanalyzer("analyze", SAMPLES / "violations.pcap", "--isolated", "-o", "gallery.sarif", folder=tmp_path)
    assert ran.returncode == 1, ran.stderr
    validator.validate(json.loads((tmp_path / "gallery.sarif").read_bytes()))
    (tmp_path / "story.sarif").write_text(made.rendered("sarif", made.STORY), encoding="utf-8")
    assert multitool_errors(tmp_path / "gallery.sarif") == []
    assert multitool_errors(tmp_path / "story.sarif") == []


def test_both_oracles_see_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "bad.sarif"
    path.write_text('{"version":"2.1.0","runs":[{"tool":{"driver":{}}}]}')
    assert [error.message for error in validator.iter_errors(json.loads(path.read_text()))] == [
        "'name' is a required property"
    ]
    assert ["'name' is missing" in line for line in multitool_errors(path)] == [True]
