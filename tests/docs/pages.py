"""Reads the project's Markdown pages: their code blocks, tables, links and the words in backticks."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
DESIGN = ROOT / "pipeline" / "DESIGN.md"
CHANGELOG = ROOT / "CHANGELOG.md"
AIRFLOW = DOCS / "airflow.md"
CATALOGUE = DOCS / "catalogue.md"
CLUSTER = DOCS / "cluster.md"
COMMAND_LINE = DOCS / "command-line.md"
GATE = DOCS / "gate.md"
INSTALL = DOCS / "install.md"
MANIFESTS = DOCS / "manifests.md"
MODELS = DOCS / "models.md"
QUICK_START = DOCS / "quick-start.md"
RESULTS = DOCS / "results.md"
SECURITY = DOCS / "security.md"
SERVE = DOCS / "serve.md"
SETTINGS = DOCS / "settings.md"
TRAINING = DOCS / "training.md"
TROUBLESHOOTING = DOCS / "troubleshooting.md"

PAGES = (README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(DOCS.glob("*.md")))
"""Every page for users; design, changelog and model card are links in `docs/`."""

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPLIT = re.compile(r"(?<!\\)\|")
_PIPE = re.compile(r"\\?\|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A code block and its stated language."""

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
    """The texts in backticks outside code blocks."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def shell_lines(page: Path) -> list[list[str]]:
    """The words of each command of the shell blocks, without comments, continued lines joined."""
    lines = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def called(page: Path, program: str) -> list[list[str]]:
    """The arguments of each call of a program in the shell blocks."""
    return [words[1:] for words in shell_lines(page) if words[0] == program]


def mentioned(page: Path, program: str) -> list[list[str]]:
    """The arguments of each mention of a program with one of its commands, in backticks."""
    told = [
        _PIPE.split(span.partition(f"{program} ")[2])[0].split()
        for span in spans(page)
        if re.search(rf"(^| ){program} \w", span)
    ]
    return [words for words in told if words]


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below the line that contains `heading`, without the header row."""
    below = page.read_text(encoding="utf-8").split(heading, 1)[1]
    table = re.search(r"((?:^\|.*\n)+)", below, re.MULTILINE)
    assert table, f"there is no table below {heading!r}"
    cells = [[cell.strip() for cell in _SPLIT.split(line)[1:-1]] for line in table[1].splitlines()]
    return cells[2:]


def links(page: Path) -> list[str]:
    """The targets of the page's links and pictures within the project, without anchors."""
    return [link for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose(page)) if "://" not in link]
