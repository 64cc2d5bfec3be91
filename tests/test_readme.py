"""What the READMEs show is what happens: their commands run, print what is shown, and take the options named.

- A ``console`` block holds commands after ``$ `` and below each what it prints. The commands of this program are
  run and compared line by line; ``...`` stands for any lines, and in a line for any text.
- A ``python`` block is run.
- In ``sh`` and ``bash`` blocks, every option given to ``wsanalyzer`` has to be in that command's help.

They run in an empty folder that has the samples in it.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.command import python, wsanalyzer

ROOT = Path(__file__).parent.parent
READMES = (ROOT / "README.md", ROOT / "samples" / "README.md")

_FENCE = re.compile(r"^([ ]*)```(\w+)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_COMMANDS_THAT_WAIT = ("sniff",)


class Block(NamedTuple):
    """One fenced block."""

    readme: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.readme}:{self.line}"


def blocks(*languages: str) -> list[object]:
    found = []
    for readme in READMES:
        text = readme.read_text(encoding="utf-8") if readme.exists() else ""
        for match in _FENCE.finditer(text):
            indent, language, inside = match.groups()
            if language in languages:
                line = text.count("\n", 0, match.start()) + 1
                body = "\n".join(row.removeprefix(indent) for row in inside.splitlines())
                block = Block(str(readme.relative_to(ROOT)), line, language, body)
                found.append(pytest.param(block, id=str(block)))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    return tmp_path


def test_there_is_a_readme() -> None:
    assert all(readme.exists() for readme in READMES)


def sessions(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        elif found:
            found[-1][1].append(line)
    return found


def as_pattern(expected: list[str]) -> re.Pattern[str]:
    """The lines as a pattern in which ``...`` stands for anything."""
    parts = []
    for line in expected:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(piece) for piece in line.rstrip().split("...")) + r"[ ]*\n")
    return re.compile("".join(parts))


@pytest.mark.parametrize("block", blocks("console"))
def test_a_command_prints_what_is_shown(block: Block, folder: Path) -> None:
    for command, expected in sessions(block.text):
        words = shlex.split(command, comments=True)
        if not words or words[0] != "wsanalyzer" or "|" in words or set(words) & set(_COMMANDS_THAT_WAIT):
            continue
        done = wsanalyzer(*words[1:], folder=folder)
        assert done.returncode in (0, 1), done.stderr.decode()
        printed = done.stdout.decode()
        if expected:
            assert as_pattern(expected).fullmatch(printed.rstrip("\n") + "\n"), f"$ {command}\n{printed}"


@pytest.mark.parametrize("block", blocks("python"))
def test_a_python_example_runs(block: Block, folder: Path) -> None:
    done = python("-c", block.text, folder=folder)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("block", blocks("yaml"))
def test_a_ci_recipe_fails_the_build_and_writes_its_file(block: Block, folder: Path) -> None:
    commands = re.findall(r"\bwsanalyzer (analyze [^\n]*)", block.text)
    assert commands
    (folder / "run.pcap").symlink_to(ROOT / "samples" / "violations.pcap")
    for command in commands:
        words = shlex.split(command)
        done = wsanalyzer(*words, folder=folder)
        assert done.returncode == 1, done.stderr.decode()
        assert done.stdout
        files = [word for at, word in enumerate(words) if words[at - 1] == "-o" and word != "-"]
        assert all((folder / name).stat().st_size > 1000 for name in files)
        assert all(name in block.text.replace(command, "") for name in files), "and the service is given it"


@pytest.mark.parametrize("block", blocks("sh", "bash", "console", "yaml"))
def test_the_options_shown_exist(block: Block, folder: Path) -> None:
    for part in re.findall(r"(?:^|[\s/])wsanalyzer[ ]+([a-z][^\n|;&<>#]*)", block.text, re.MULTILINE):
        words = part.split()
        options = [word.partition("=")[0] for word in words[1:] if re.fullmatch(r"--?[a-zA-Z][\w-]*(=.*)?", word)]
        done = wsanalyzer(words[0], "--help", folder=folder)
        assert done.returncode == 0, f"no command {words[0]}"
        known = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", done.stdout.decode()))
        assert set(options) <= known, f"wsanalyzer {part.strip()}"
