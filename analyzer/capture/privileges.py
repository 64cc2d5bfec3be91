"""Whom a capture program runs as: the user who called sudo, with as little more as capturing needs.

Opening an interface takes privileges, reading what comes from it takes none. So a socket is opened first and handed to
a process without privileges; dumpcap is started by setpriv (util-linux) as the calling user, with the two capabilities
that capturing takes and no others. The command line then gives up root itself (`drop`), before it opens any output.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from analyzer.errors import InputError

CAPABILITIES = "+net_raw,+net_admin"

PATIENCE = 20.0
"""Seconds that finding out may take."""

ADVICE = (
    "no permission to capture; run it with sudo, or allow dumpcap to capture for your user "
    "(sudo dpkg-reconfigure wireshark-common; sudo usermod -aG wireshark $USER; log in again), "
    "or: sudo setcap cap_net_raw,cap_net_admin+eip $(which dumpcap)"
)


class Caller(NamedTuple):
    """The user who called sudo."""

    uid: int
    gid: int
    groups: list[int]


@functools.cache
def caller() -> Caller | None:
    """Who called sudo; None where this is not root, root's own call, or an installation that only root can read."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    try:
        uid, gid = int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"])
    except (KeyError, ValueError):
        return None
    if uid <= 0 or gid < 0:
        return None
    import pwd

    try:
        groups = os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
    except KeyError:
        groups = [gid]
    user = Caller(uid, gid, groups)
    return user if _can_run(user) else None


def _can_run(user: Caller) -> bool:
    """Whether ``user`` can import what may still have to be."""
    try:
        tried = subprocess.run(
            [sys.executable, "-P", "-c", "import analyzer.pipeline"],
            env={**os.environ, "PYTHONPATH": search_path()},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE,
            user=user.uid,
            group=user.gid,
            extra_groups=user.groups,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return tried.returncode == 0


def search_path() -> str:
    """For another interpreter: this very package first."""
    package = str(Path(__file__).resolve().parents[2])
    rest = os.environ.get("PYTHONPATH")
    return f"{package}{os.pathsep}{rest}" if rest else package


def drop() -> bool:
    """Become the calling user for good; whether there is one."""
    user = caller()
    if user is None:
        return False
    try:
        os.setgroups(user.groups)
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
    except OSError as error:
        raise InputError(f"cannot give up the privileges of root: {error.strerror or error}") from None
    return True


def wrapper() -> list[str]:
    """What to put before a command that captures, so that it runs as the calling user, if there is one."""
    setpriv = shutil.which("setpriv")
    user = caller()
    if setpriv is None or user is None:
        return []
    groups = ",".join(map(str, user.groups))
    return [
        *(setpriv, f"--reuid={user.uid}", f"--regid={user.gid}", f"--groups={groups}"),
        *(f"--inh-caps={CAPABILITIES}", f"--ambient-caps={CAPABILITIES}"),
    ]
