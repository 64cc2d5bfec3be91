"""``wsanalyzer sniff`` between two network namespaces, whose link is taken down while it listens."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import live
from tests.command import environment

PORT = 8765
HERE, THERE = "10.199.7.1", "10.199.7.2"


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, timeout=live.PATIENCE, check=False)
    assert done.returncode == 0, (words, done.stderr.decode())


def not_possible() -> str | None:
    """Why namespaces cannot be made here, None where they can."""
    name = f"wsanalyzer-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, timeout=live.PATIENCE, check=False)
    if tried.returncode == 0:
        ip("netns", "del", name)
        return None
    return f"network namespaces are not permitted ({tried.stderr.decode().strip()})"


@pytest.fixture
def pair() -> Iterator[tuple[str, str]]:
    """Two namespaces with the ends of one link: ``ws0`` in the first one, ``ws1`` in the second."""
    live.require(None if shutil.which("ip") else "ip (iproute2) is not installed")
    reason = not_possible()
    if reason is not None:
        pytest.skip(reason)
    here, there = f"wsa-{os.getpid()}", f"wsb-{os.getpid()}"
    with contextlib.ExitStack() as undo:
        for name in (here, there):
            ip("netns", "add", name)
            undo.callback(ip, "netns", "del", name)
        ip("-n", here, "link", "add", "ws0", "type", "veth", "peer", "name", "ws1", "netns", there)
        for name, link, address in ((here, "ws0", HERE), (there, "ws1", THERE)):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", link)
            ip("-n", name, "link", "set", link, "up")
        yield here, there


@contextlib.contextmanager
def running(name: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a namespace, until the block ends."""
    process = subprocess.Popen(
        ["ip", "netns", "exec", name, *command],
        env={**environment(), "PYTHONPATH": f"{Path(__file__).parents[1]}{os.pathsep}{environment()['PYTHONPATH']}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=live.PATIENCE)


@pytest.mark.parametrize("backend", live.BACKENDS)
def test_the_link_goes_down(backend: str, pair: tuple[str, str]) -> None:
    live.require(live.missing(backend))
    here, there = pair
    peers = f"from tests import live; live.violate({PORT}, {THERE!r})"
    with (
        running(there, sys.executable, str(Path(live.__file__)), THERE, str(PORT)) as server,
        live.Sniff("-i", "ws0", "--backend", backend, "--select", "MK", prefix=("ip", "netns", "exec", here)) as sniff,
    ):
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        with running(here, sys.executable, "-c", peers) as client:
            assert client.wait(live.PATIENCE) == 0
        sniff.await_finding("MK-001")
        ip("-n", here, "link", "set", "ws0", "down")
        children = sniff.children()
        assert sniff.wait() == 1, sniff.errors()
        assert not any(map(live.alive, children))
        assert "ws0: the interface went down" in sniff.summary["notes"]
        assert sniff.summary["connections"] == 1
