"""How packages are installed, by make and in the image: wheels of locked versions alone, each checked by its hash."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.files import DOCKER, ROOT, recipe, values

REQUIREMENTS = sorted(ROOT.glob("requirements-*.txt"))
TARGETS = ("setup-train", ".venv/.cpu .venv/.gpu: .venv/.%", ".venv-tools/.ready", ".venv/.dev", ".venv-docs/.done")


def _installing() -> Iterator[str]:
    """Every call of `pip install`, of the Makefile and of the Dockerfile."""
    for target in TARGETS:
        yield from (line for line in recipe(target) if " pip " in line)
    for run in values("RUN"):
        yield from (part for part in run.split("&&") if " pip " in part)


def test_every_call_of_pip_is_known() -> None:
    """Nothing installs packages beside these."""
    calls = re.findall(r"pip install", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert len(calls) == 2, "in LOCKED and PROJECT"
    assert len([call for call in _installing() if "install" in call]) == 8 + 3


@pytest.mark.parametrize("call", sorted(set(_installing())))
def test_nothing_is_installed_that_was_not_locked(call: str) -> None:
    """Wheels with a known hash; the project itself is built without an index and without isolated build packages."""
    words = call.split()
    if "--editable" in words:
        assert {"--no-index", "--no-build-isolation", "--no-deps"} <= set(words)
    else:
        assert {"--require-hashes", "--no-deps", "--only-binary", ":all:"} <= set(words)
        assert re.fullmatch(r"( -r \S*requirements-\S+( \S+)*?\.txt)+", call.partition(":all:")[2].rstrip("\\ "))


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: file.stem)
def test_every_requirement_is_pinned_and_hashed(file: Path) -> None:
    """One version, and the digests of its files; no address of an index."""
    text = file.read_text(encoding="utf-8")
    blocks = re.findall(r"^([a-z0-9].*?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if re.match(r"[^#\s]", line)]
    assert [line for line in lines if not re.match(r"[a-z0-9][\w.-]*(\[[\w,-]+\])?==[\w.+]+ ", line)] == []
    assert len(blocks) == len(lines) > 0
    assert "://" not in text


def test_what_builds_the_project_is_what_it_asks_for() -> None:
    """setuptools, in the version that `make setup` installs before it builds."""
    (name,) = re.findall(r"^(\S+)==", (ROOT / "requirements-build.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert f'requires = ["{name}>=' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for target in TARGETS[:2]:
        order = [line for line in recipe(target) if "requirements-build.txt" in line or "--editable" in line]
        assert ["--editable" in line for line in order] == [False, True]


@pytest.mark.parametrize("file", ["requirements-train.txt", "requirements-train-cpu.txt"])
def test_pytorch_needs_no_other_version_of_what_is_there(file: str) -> None:
    """It is installed on top of the requirements of the tests, which must stay as they are."""
    there, added = _pins("requirements-dev.txt"), _pins(file)
    assert "torch" in added
    assert {name: found for name, found in added.items() if name in there and not found <= there[name]} == {}
    assert file.endswith("-cpu.txt") == (not [name for name in added if name.startswith("nvidia")])


def test_no_index_is_named_anywhere() -> None:
    """Packages come from whatever index pip knows on the machine."""
    files = [ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob(".ci/*"), *DOCKER.glob("*")]
    found = [str(file) for file in files if re.search(r"index-url|find-links", file.read_text(encoding="utf-8"))]
    assert found == []


def _pins(file: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    text = (ROOT / file).read_text(encoding="utf-8")
    for name, version, marker in re.findall(r"^([a-z0-9-]+)==(\S+)( ;.*)? \\$", text, re.MULTILINE):
        if "python_full_version >= '3.12'" not in marker:  # of several forks, the one of Python 3.11
            found.setdefault(name, set()).add(version)
    return found
