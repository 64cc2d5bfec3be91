"""Which version of the distribution this is: the one home of it, beside the package's metadata."""

from __future__ import annotations

from pathlib import Path


def version() -> str:
    """The installed version, or ``0+unknown`` in a checkout that was never installed."""
    beside = Path(__file__).resolve().parent.parent.glob("wsanalyzer-*.dist-info")
    stated = [folder.name.removesuffix(".dist-info").partition("-")[2] for folder in beside]
    if len(stated) == 1:  # so pip installs it; to ask the library takes 15 ms, most of it for the package email
        return stated[0]
    from importlib import metadata

    try:
        return metadata.version("wsanalyzer")
    except metadata.PackageNotFoundError:
        return "0+unknown"
