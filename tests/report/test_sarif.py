"""SARIF, checked against the standard's data model (the oracle) and against what viewers need."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Model

from analyzer.model import Finding
from analyzer.report.sarif import uri
from tests.report import made


def log(*records: Any, **look: Any) -> dict[str, Any]:
    text = made.rendered("sarif", records, **look)
    made.assert_harmless(text)
    Model.model_validate_json(text)
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
    assert uri("a b#\udc9b.pcap") == "a%20b%23%9B.pcap"
