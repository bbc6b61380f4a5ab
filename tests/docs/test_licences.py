"""docs/licences.md is compared with the wheels that are installed here."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distributions
from pathlib import Path

from tests.docs.pages import DOCS, ROOT, rows

LICENCES = DOCS / "licences.md"
LOCKED = frozenset(
    re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements-cpu.txt").read_text(encoding="utf-8"), re.MULTILINE)
)
COPYLEFT = re.compile(r"\b(?:[AL]?GPL|MPL)\b|\(MPL|GNU (?:Lesser |Affero )?General Public|Mozilla Public")
ELSEWHERE = frozenset({"matplotlib", "numpy", "scipy"})
"""Their metadata have the licence texts of bundled libraries, which the other table covers."""


def _name(one: Distribution) -> str:
    return re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()


def _installed() -> dict[str, Distribution]:
    """The packages of the CPU lock as installed."""
    return {_name(one): one for one in distributions() if _name(one) in LOCKED}


def _declared(one: Distribution) -> str:
    metadata = one.metadata
    classifiers = [text for text in metadata.get_all("Classifier") or [] if text.startswith("License")]
    bundled = [file for file in one.files or [] if file.name == "LICENSES_bundled.txt"]
    texts = [text for field in ("License", "License-Expression") for text in metadata.get_all(field) or []]
    return "\n".join([*texts, *classifiers, *(file.read_text() for file in bundled)])


def _libraries(one: Distribution) -> set[str]:
    """The shared libraries in a wheel, without version and digest."""
    files = [Path(str(file)) for file in one.files or []]
    found = {file.name for file in files if file.parent.name.endswith(".libs") and ".so" in file.name}
    return {re.sub(r"-[0-9a-f]{8}(?=[-.]).*|-r0-.*|\.so.*", "", name).rstrip("-") for name in found}


def test_every_shared_library_of_a_wheel_is_listed() -> None:
    """Nothing is listed that no wheel contains."""
    listed = {
        (row[0].strip("`"), library)
        for row in rows(LICENCES, "## Shared libraries in wheels")
        for library in re.findall(r"`([^`]+)`", row[1])
    }
    assert {(name, library) for name, one in _installed().items() for library in _libraries(one)} == listed


def test_every_package_under_a_copyleft_licence_is_listed() -> None:
    """The packages' own metadata declare the licence."""
    listed = {row[0].strip("`") for row in rows(LICENCES, "## Packages under a copyleft licence")}
    declared = {name for name, one in _installed().items() if COPYLEFT.search(_declared(one))}
    assert declared - ELSEWHERE == listed


def test_each_package_with_copyleft_libraries_ships_its_licence_texts() -> None:
    """An image that contains the wheel contains them too."""
    shared = rows(LICENCES, "## Shared libraries in wheels")
    packages = {row[0].strip("`") for row in shared if COPYLEFT.search(row[2])}
    without = [
        name
        for name in packages
        if not [file for file in _installed()[name].files or [] if re.search("LICEN", file.name, re.IGNORECASE)]
    ]
    assert len(packages) > 3
    assert without == []
