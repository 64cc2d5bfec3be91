"""``wsanalyzer doctor``: what is installed, compiled and permitted on this machine.

Plain lines, ``name: answer``, so that a bug report can carry them. Nothing heavy is imported to find out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

HOT = (
    "analyzer.capture.records",
    "analyzer.tcp.packets",
    "analyzer.tcp.signs",
    "analyzer.tcp.streams",
    "analyzer.frames.decode",
    "analyzer.frames.text",
    "analyzer.messages.tokens",
    "analyzer.rules.pings",
)
"""The modules that pyproject.toml compiles where it can."""

PACKAGES = {
    "construct": "wire layouts",
    "cython": "run-time support of the hot modules",
    "msgspec": "records",
    "numpy": "columns",
    "rich": "colour and progress",
    "typer": "command line",
    "cryptography": "TLS decryption, extra tls",
    "pyshark": "tshark as second engine, extra tshark",
    "hpack": "HTTP/2, extra h2",
    "pyarrow": "Parquet output, extra parquet",
    "distributed": "many machines, extra cluster",
    "zstandard": ".zst captures, extra zstd",
    "scapy": "rare link types and live sockets, extra exotic",
}
TOOLS = ("tshark", "dumpcap", "tcpdump")


def doctor() -> int:
    """Tell what is installed, compiled and permitted."""
    for name, answer in answers():
        sys.stdout.write(f"{name}: {answer}\n")
    return 0


def answers() -> Iterator[tuple[str, str]]:
    """Name and answer of each check."""
    import platform
    import shutil
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    from analyzer import __version__

    yield "wsanalyzer", __version__
    yield "python", f"{platform.python_version()} ({platform.python_implementation()}, {platform.system()})"
    for module in HOT:
        spec = find_spec(module)
        origin = "" if spec is None else spec.origin or ""
        kind = "interpreted (slower; install a C compiler and reinstall)" if origin.endswith(".py") else "compiled"
        yield module, kind if origin else "missing"
    for package, use in PACKAGES.items():
        try:
            yield package, f"{version(package)} ({use})"
        except PackageNotFoundError:
            yield package, f"not installed ({use})"
    for tool in TOOLS:
        yield tool, shutil.which(tool) or "not found"
    yield "live capture", _permission()


def _permission() -> str:
    import socket

    family = getattr(socket, "AF_PACKET", None)
    if family is None:
        return "not available on this system"
    try:
        socket.socket(family, socket.SOCK_RAW, 0).close()
    except PermissionError:
        return "not permitted (needs root or CAP_NET_RAW)"
    except OSError as error:
        return f"not possible: {error.strerror}"
    return "permitted"
