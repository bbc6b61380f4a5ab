"""Reads a Markdown page: its code blocks, tables, links and what stands in backticks."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DESIGN = ROOT / "pipeline" / "DESIGN.md"
CHANGELOG = ROOT / "CHANGELOG.md"
TRAINING = ROOT / "docs" / "training.md"
SECURITY = ROOT / "docs" / "security.md"
MANIFESTS = ROOT / "docs" / "manifests.md"
AIRFLOW = ROOT / "docs" / "airflow.md"

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPLIT = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A code block and what language it says it is in."""

    language: str
    text: str


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of one language."""
    found = (Block(language=kind, text=text) for kind, text in _BLOCK.findall(page.read_text(encoding="utf-8")))
    return [block.text for block in found if block.language == language]


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def spans(page: Path) -> list[str]:
    """What stands in backticks outside of code blocks."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def shell_lines(page: Path) -> list[list[str]]:
    """The words of each command of the shell blocks, comments gone, lines joined."""
    lines = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def called(page: Path, program: str) -> list[list[str]]:
    """The words behind each call of a program in the shell blocks."""
    return [words[1:] for words in shell_lines(page) if words[0] == program]


def mentioned(page: Path, program: str) -> list[list[str]]:
    """The words behind each mention of a program and a command of it, in backticks."""
    told = [span.partition(f"{program} ")[2].split() for span in spans(page) if re.search(rf"(^| ){program} \w", span)]
    return [words for words in told if words]


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below the line that contains `heading`, without its head."""
    below = page.read_text(encoding="utf-8").split(heading, 1)[1]
    table = re.search(r"((?:^\|.*\n)+)", below, re.MULTILINE)
    assert table, f"there is no table below {heading!r}"
    cells = [[cell.strip() for cell in _SPLIT.split(line)[1:-1]] for line in table[1].splitlines()]
    return cells[2:]


def links(page: Path) -> list[str]:
    """Where the page's links and pictures point within the project."""
    return [link for link in re.findall(r"\]\(([^)#]+)\)", prose(page)) if "://" not in link]
