"""The only reader of settings: files, then `CUTOUTS_*` variables, then options. Later ones override earlier ones.

The files are `~/.cutouts/cutouts.toml`, and then the file that the user names, or else `cutouts.toml` in the working
folder. The user did not name the latter. It may have come with the photographs, so it must not set where code comes
from or where results go.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from tomllib import TOMLDecodeError

from cutouts.core.config import ENV_PREFIX, LOCAL_CLUSTERS, Site, parse_site
from cutouts.core.errors import ConfigError
from cutouts.core.home_folder import below_home
from cutouts.core.text.display import command, shown
from cutouts.core.text.files import toml_tables

FILE = "cutouts.toml"
HOME_FILE = f"~/.cutouts/{FILE}"
"""The user's own settings, which apply unless they are overridden."""
CONFIG_VARIABLE = f"{ENV_PREFIX}CONFIG"
"""The variable that names a settings file. It is the only `CUTOUTS_*` variable that is not a setting."""

HARMLESS = frozenset({
    "batch", "chunk", "max_shards", "model", "provider", "retry_rejected", "shard_bytes", "shard_images", "threads",
    "workers",
})  # fmt: skip
"""Settings that a file which the user did not name may change freely. None of them sets where anything comes from or
goes to, or gives a permission that only the user can give. All others, except those below, need a named file."""
PLACES = frozenset({"root", "objects", "tables", "manifests"})
"""Settings that such a file may set to folders below the working folder."""
LIMITS = frozenset({"image_seconds", "max_pixels", "max_bytes", "read_seconds"})
"""Limits that such a file may lower, but not raise above the default."""


def load_site(path: str | os.PathLike[str] | None = None, **overrides: object) -> Site:
    """The site from files, then environment, then `overrides`; overrides that are None are ignored.

    Raises ConfigError with every problem, also if a named file does not exist, or if the file in the working folder has
    settings that it may not change.
    """
    surroundings = dict(os.environ)
    named = path or surroundings.pop(CONFIG_VARIABLE, None)
    surroundings.pop(CONFIG_VARIABLE, None)
    file = _named(Path(below_home(named))) if named else _found(Path(FILE))
    site = parse_site({**_read(Path(below_home(HOME_FILE))), **file}, surroundings)
    given = {name: value for name, value in overrides.items() if value is not None}
    return parse_site({**site.model_dump(), **given}, {}) if given else site


def _named(file: Path) -> dict[str, object]:
    if not file.is_file():
        raise ConfigError("the settings cannot be read", [f"{file} does not exist"])
    return _read(file)


def _found(file: Path) -> dict[str, object]:
    """The settings of a file that the user did not name. Raises ConfigError with each that it may not change."""
    settings = _read(file)
    if problems := [*_overreach(settings)]:
        advice = (
            f"if you trust the file, name it: --config {command(FILE)}, or {CONFIG_VARIABLE}={command(FILE)}; "
            f"otherwise set them in {HOME_FILE} or in the environment"
        )
        raise ConfigError(f"{FILE} was found in the working folder and may not set this", [*problems, advice])
    return settings


def _read(file: Path) -> dict[str, object]:
    if not file.is_file():
        return {}
    try:
        return toml_tables(file.read_bytes())
    except (OSError, TOMLDecodeError) as error:
        raise ConfigError("the settings cannot be read", [f"{file}: {error}"]) from error


def _overreach(settings: Mapping[str, object]) -> Iterator[str]:
    """Each setting that a file which the user did not name may not change, in words."""
    for name in (name for name in settings if name in Site.model_fields):
        value = settings[name]
        told = f"{name} = {shown(value)}"
        if name in PLACES:
            if not _is_below_here(str(value)):
                yield f"{told}: it is outside the working folder"
        elif name in LIMITS:
            if isinstance(value, int | float) and value > Site.model_fields[name].default:
                yield f"{told}: it raises the limit, which is {Site.model_fields[name].default}"
        elif name not in HARMLESS and not (name == "cluster" and value in LOCAL_CLUSTERS):
            yield told


def _is_below_here(place: str) -> bool:
    """Whether the place is the working folder or below it, after following links."""
    here = Path.cwd().resolve()
    return "://" not in place and not place.startswith("~") and (here / place).resolve().is_relative_to(here)
