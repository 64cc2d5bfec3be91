"""Giving up root, tried in processes of their own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from analyzer.capture import privileges
from tests.command import WHERE, python

NOBODY = "65534"


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    privileges.caller.cache_clear()


def test_who_did_not_use_sudo_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_UID", raising=False)
    assert privileges.caller() is None
    assert not privileges.drop()
    assert not [word for word in privileges.wrapper() if "uid" in word]


def test_root_is_given_up_for_good(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give up root")
    monkeypatch.setenv("SUDO_UID", NOBODY)
    monkeypatch.setenv("SUDO_GID", NOBODY)
    code = (
        "import os\n"
        "from analyzer.capture import privileges\n"
        "privileges._can_run = lambda user: True\n"
        "print(privileges.drop(), os.getresuid(), os.getresgid(), os.getgroups())\n"
        "print(privileges.wrapper())\n"
    )
    done = python("-c", code, folder=tmp_path)
    line, wrapper = done.stdout.decode().splitlines()
    assert line == "True (65534, 65534, 65534) (65534, 65534, 65534) [65534]", done.stderr.decode()
    assert "--reuid=65534" in wrapper or shutil.which("setpriv") is None


def test_who_cannot_read_the_program_does_not_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    monkeypatch.setattr(sys, "executable", "/nosuch/python")
    monkeypatch.setenv("SUDO_UID", NOBODY)
    monkeypatch.setenv("SUDO_GID", NOBODY)
    assert privileges.caller() is None


@pytest.mark.parametrize(("uid", "gid"), [("0", "0"), ("-5", "1"), ("x", "1"), ("", "")])
def test_no_such_caller(uid: str, gid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", uid)
    monkeypatch.setenv("SUDO_GID", gid)
    assert privileges.caller() is None


def test_another_interpreter_finds_this_package() -> None:
    assert privileges.search_path().split(os.pathsep)[0] == str(WHERE)
