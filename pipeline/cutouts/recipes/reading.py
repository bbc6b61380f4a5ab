"""Reads recipes: those of this package, and those of a file of the user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from tomllib import TOMLDecodeError

from cutouts.core.errors import ConfigError
from cutouts.core.renditions.rendition import Rendition, parse_renditions
from cutouts.core.text.display import shown
from cutouts.core.text.files import toml_tables

_LARGEST_GROUND = 64 << 20
"""Largest file of a picture for a ground (B)."""


def known_renditions(own: str | Path | None = None) -> dict[str, Rendition]:
    """The shipped renditions and those of the file `own`, which override shipped ones of the same name.

    Raises ConfigError with every problem of a file.
    """
    found = dict[str, Rendition]()
    for file in sorted(Path(__file__).parent.glob("*.toml")):
        found |= _read(file)
    return found if own is None else found | _read(Path(own).expanduser())


def renditions_named(names: Sequence[str], own: str | Path | None = None) -> tuple[Rendition, ...]:
    """The renditions with these names, each once, in this order. Raises ConfigError if one is not known."""
    known = known_renditions(own)
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        problems = [f"{shown(name)}: unknown; known are {', '.join(sorted(known))}" for name in unknown]
        raise ConfigError("these renditions do not exist", problems)
    return tuple(known[name] for name in dict.fromkeys(names))


def _read(file: Path) -> dict[str, Rendition]:
    try:
        tables = toml_tables(file.read_bytes())
    except (OSError, TOMLDecodeError) as error:
        raise ConfigError("the renditions cannot be read", [f"{file}: {error}"]) from error
    found = parse_renditions({name: _with_ground(table, file.parent) for name, table in tables.items()}, str(file))
    _require_rules(found.values(), file)
    return found


def _require_rules(renditions: Iterable[Rendition], file: Path) -> None:
    """Raise ConfigError with each rendition that must keep rules which do not exist."""
    known = sorted(one.name.removesuffix(".toml") for one in (files("cutouts.schemas") / "rules").iterdir())
    problems = [
        f"{one.name}.rules: {shown(one.rules)} is unknown; known are {', '.join(known)}"
        for one in renditions
        if one.rules is not None and one.rules not in known
    ]
    if problems:
        raise ConfigError(f"the renditions in {file} are wrong", problems)


def _with_ground(table: object, folder: Path) -> object:
    """The table with the bytes of its picture for the ground instead of the name of the file, which is relative to
    `folder`."""
    if not isinstance(table, Mapping) or not isinstance(name := table.get("ground_image"), str):
        return table
    file = folder / Path(name).expanduser()
    try:
        if file.stat().st_size > _LARGEST_GROUND:
            raise ConfigError("the renditions cannot be read", [f"{file}: more than {_LARGEST_GROUND:,} B"])
        return {**table, "ground_image": file.read_bytes()}
    except OSError as error:
        raise ConfigError("the renditions cannot be read", [f"ground_image: {error}"]) from error
