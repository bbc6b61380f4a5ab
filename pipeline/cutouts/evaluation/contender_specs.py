"""Parses the names of contenders: `NAME`, `NAME=FILE` or `NAME=FOLDER`, and after it how they are run, as in
`NAME:bare`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from cutouts.core.errors import ConfigError


class How(StrEnum):
    """How a matte is made: by the whole recipe, by the network alone, or as rembg does it."""

    RECIPE = "recipe"
    BARE = "bare"
    REMBG = "rembg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A contender: the name of a network in the model table, or of the file or folder at `path`."""

    name: str
    path: Path | None = None
    how: How = How.RECIPE

    @property
    def label(self) -> str:
        """Its name in tables: the name, and how it is run if that is not the recipe."""
        return self.name if self.how is How.RECIPE else f"{self.name}:{self.how}"


def parse(text: str) -> Spec:
    """The contender that `text` names. Raises ConfigError if the text is not a contender, or if its path does not
    exist."""
    body, colon, how = text.rpartition(":")
    known = bool(colon) and how in set(How)
    name, named, path = (body if known else text).partition("=")
    if not name or (named and not path):
        raise ConfigError(
            f"{text!r} is not the name of a network", ["expected NAME, NAME=FILE or NAME=FOLDER, and :bare or :rembg"]
        )
    if path and not Path(path).exists():
        raise ConfigError(f"{text!r} cannot be measured", [f"{path} is not there"])
    return Spec(name=name, path=Path(path) if path else None, how=How(how) if known else How.RECIPE)


def contenders(networks: Iterable[str], compared: Iterable[str]) -> tuple[list[Spec], list[str]]:
    """All contenders, each once, and the labels of those that are compared.

    If a name has a file in one place, the file is used everywhere. Raises ConfigError if two contenders have the same
    label.
    """
    specs = [parse(text) for text in networks]
    pair = [parse(text) for text in compared]
    paths = {spec.name: spec.path for spec in (*specs, *pair) if spec.path is not None}
    filled = [replace(spec, path=spec.path or paths.get(spec.name)) for spec in (*specs, *pair)]
    unique = {spec.label: spec for spec in filled}
    if clash := sorted({spec.label for spec in filled if unique[spec.label] != spec}):
        raise ConfigError("duplicate network name", [f"{label} names two different files" for label in clash])
    return list(unique.values()), [spec.label for spec in filled[len(specs) :]]
