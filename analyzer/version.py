"""Which version of the distribution this is: the one home of it, beside the package's metadata."""

from __future__ import annotations


def version() -> str:
    """The installed version, or ``0+unknown`` in a checkout that was never installed."""
    from importlib import metadata  # not cheap, and rarely asked for

    try:
        return metadata.version("wsanalyzer")
    except metadata.PackageNotFoundError:
        return "0+unknown"
