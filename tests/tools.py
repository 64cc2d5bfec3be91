"""Tools that a test needs and a machine may lack: skipped with the reason, but a failure in CI."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

import pytest

_MISSING = ", ".join(
    name
    for name, there in (("tshark", shutil.which("tshark") is not None), ("pyshark", find_spec("pyshark") is not None))
    if not there
)
needs_tshark = pytest.mark.skipif(
    bool(_MISSING) and os.environ.get("CI") != "true", reason=f"not installed: {_MISSING or 'nothing'}"
)
"""tshark and pyshark. In CI the test runs without them, and fails with the line a user would see."""
