"""How packages are installed, by make and in the image: only wheels of locked versions, each checked by its hash."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutouts.core.config import Site
from tests.docker.files import DOCKER, ROOT, recipe, values

REQUIREMENTS = sorted(ROOT.glob("requirements-*.txt"))
TARGETS = (
    "setup-train",
    ".venv/.cpu .venv/.gpu: .venv/.%",
    ".venv-tools/.ready",
    ".venv/.dev",
    ".venv-docs/.done",
    "setup-render",
)


def _installing() -> Iterator[str]:
    """Every call of `pip install` in the Makefile and the Dockerfile."""
    for target in TARGETS:
        yield from (line for line in recipe(target) if " pip " in line)
    for run in values("RUN"):
        yield from (part for part in run.split("&&") if " pip " in part)


def test_every_call_of_pip_is_known() -> None:
    """Nothing else installs packages."""
    calls = re.findall(r"pip install", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert len(calls) == 2, "in LOCKED and PROJECT"
    assert len([call for call in _installing() if "install" in call]) == 9 + 3


@pytest.mark.parametrize("call", sorted(set(_installing())))
def test_only_locked_packages_are_installed(call: str) -> None:
    """Wheels have a known hash; the project itself is built without an index and without build isolation."""
    words = call.split()
    if "--editable" in words:
        assert {"--no-index", "--no-build-isolation", "--no-deps"} <= set(words)
    else:
        assert {"--require-hashes", "--no-deps", "--only-binary", ":all:"} <= set(words)
        assert re.fullmatch(r"( -r \S*requirements-\S+( \S+)*?\.txt)+", call.partition(":all:")[2].rstrip("\\ "))


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: file.stem)
def test_every_requirement_is_pinned_and_hashed(file: Path) -> None:
    """It has one version and the digests of its files, and no index is named."""
    text = file.read_text(encoding="utf-8")
    blocks = re.findall(r"^([a-z0-9].*?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if re.match(r"[^#\s]", line)]
    assert [line for line in lines if not re.match(r"[a-z0-9][\w.-]*(\[[\w,-]+\])?==[\w.+]+ ", line)] == []
    assert len(blocks) == len(lines) > 0
    assert "://" not in text


def test_the_build_requirement_is_the_installed_version() -> None:
    """`make setup` installs that version of setuptools before it builds."""
    (name,) = re.findall(r"^(\S+)==", (ROOT / "requirements-build.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert f'requires = ["{name}>=' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for target in TARGETS[:2]:
        order = [line for line in recipe(target) if "requirements-build.txt" in line or "--editable" in line]
        assert ["--editable" in line for line in order] == [False, True]


@pytest.mark.parametrize("file", ["requirements-train.txt", "requirements-train-cpu.txt"])
def test_pytorch_needs_no_other_versions(file: str) -> None:
    """It is installed on top of the test requirements, which must not change."""
    there, added = _pins("requirements-dev.txt"), _pins(file)
    assert "torch" in added
    assert {name: found for name, found in added.items() if name in there and not found <= there[name]} == {}
    assert file.endswith("-cpu.txt") == (not [name for name in added if name.startswith("nvidia")])


def test_no_index_is_named_anywhere() -> None:
    """Packages come from the index that pip is configured for on the machine."""
    files = [ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob(".ci/*"), *DOCKER.glob("*")]
    found = [str(file) for file in files if re.search(r"index-url|find-links", file.read_text(encoding="utf-8"))]
    assert found == []


def _pins(file: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    text = (ROOT / file).read_text(encoding="utf-8")
    for name, version, marker in re.findall(r"^([a-z0-9-]+)==(\S+)( ;.*)? \\$", text, re.MULTILINE):
        if "python_full_version >= '3.12'" not in marker:  # of several variants, the one for Python 3.11
            found.setdefault(name, set()).add(version)
    return found


def test_only_settings_that_exist_are_set() -> None:
    """A site refuses any other `CUTOUTS_*`, so each command that make calls would end with an error."""
    files = [ROOT / "Makefile", *(path for path in DOCKER.iterdir() if path.is_file())]
    named = {name for file in files for name in re.findall(r"\bCUTOUTS_([A-Z_]+)", file.read_text(encoding="utf-8"))}
    assert {name.lower() for name in named} <= set(Site.model_fields)
