"""The one reader of settings: `cutouts.toml` in the working folder (or the file named) and `CUTOUTS_*`."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from pipeline.core.config import ENV_PREFIX, Site, parse_site
from pipeline.core.errors import ConfigError

FILE = "cutouts.toml"
CONFIG_VARIABLE = f"{ENV_PREFIX}CONFIG"
"""Names another file than `cutouts.toml`; the only `CUTOUTS_*` that is no setting."""


def load_site(path: str | None = None, **overrides: object) -> Site:
    """The site by file, then environment, then `overrides` (those that are None count for nothing).

    Raises ConfigError listing every problem; a file that was named has to be there.
    """
    surroundings = dict(os.environ)
    named = path or surroundings.pop(CONFIG_VARIABLE, None)
    surroundings.pop(CONFIG_VARIABLE, None)
    site = parse_site(_read(named), surroundings)
    given = {name: value for name, value in overrides.items() if value is not None}
    return parse_site({**site.model_dump(), **given}, {}) if given else site


def _read(named: str | None) -> dict[str, object]:
    file = Path(named or FILE)
    if not file.is_file():
        if named:
            raise ConfigError("the settings cannot be read", [f"{file} is not there"])
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("the settings cannot be read", [f"{file}: {error}"]) from error
