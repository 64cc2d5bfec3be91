"""Recorded traffic with ground truth: every frame, message and violation, and no other error or warning.

The table of what was compared stands at the end of the test run. A few small captures are in the repository;
the rest is found through WSANALYZER_SHARED (by default the folder ``shared`` beside the repository).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import truth

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("WSANALYZER_SHARED", HERE.parent.parent / "shared")) / "captures"
PATTERNS = (
    "echo*", "reject*", "violators_a.*", "lookalikes_a.*", "autobahn_fuzzing*", "clean_mix.*", "base_small.*",
    "port_reuse.*", "autobahn_deflate*", "clean_deflate.*", "deflate_chromium*", "net_*", "var_nano.*",
    "var_pcapng.*", "var_sll.*", "rw_reorder.*", "rw_wrap.*", "rw_vlan.*", "rw_null.*", "rw_raw.*", "rw_gzip.*",
    "rw_bigendian.*", "rw_badsum.*", "rw_tso_len0.*", "rw_segmented.*",
    "rw_conflict.*", "rw_ip6ext.*", "rw_ipfrag.*", "rw_mid_nosyn.*", "rw_nofin.*", "rw_overlap_noreorder.*",
    "multi_iface.*", "tls1*",
)  # fmt: skip


def _captures() -> list[Path]:
    """The small captures of the repository, and the others where they are at hand."""
    own = [path for path in (HERE / "captures").iterdir() if truth.SUFFIX.search(path.name)]
    names = {path.name for path in own}
    recorded = {path for pattern in PATTERNS for path in SHARED.glob(pattern) if truth.SUFFIX.search(path.name)}
    return sorted([*own, *(path for path in recorded if path.name not in names)])


@pytest.mark.parametrize("capture", [pytest.param(path, id=path.name) for path in _captures()])
def test_the_analyzer_says_what_the_peers_did(capture: Path, record_property: Callable[[str, object], None]) -> None:
    outcome = truth.compare(capture)
    record_property("truth", outcome.row())
    assert not outcome.problems, "\n".join(outcome.problems[:50])


def test_the_recorded_captures_are_at_hand(shared_captures: Path) -> None:
    """Skipped, with the reason, where only the repository's own captures were compared."""
    missing = [pattern for pattern in PATTERNS if not any(shared_captures.glob(pattern))]
    assert not missing
