"""Commands that people can copy: with the site's own settings, quoted for the shell, and without passwords."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from cutouts.core.config import ENV_PREFIX, Site
from cutouts.core.text.display import command

_SQLITE = "sqlite:///"


def approve_command(site: Site, gate_id: str) -> str:
    """The command that releases a held decision, from any folder; a person fills in NAME and TEXT.

    A password in the catalogue's URL is left out; PostgreSQL reads it from `PGPASSWORD` instead.
    """
    return _publish_command(site, "--approve", gate_id)


def reject_command(site: Site, gate_id: str) -> str:
    """The command that rejects a held decision, in the same form."""
    return _publish_command(site, "--reject", gate_id)


def _publish_command(site: Site, option: str, gate_id: str) -> str:
    settings = {
        "catalog": site.catalog and _shown_url(site.catalog),
        "tables": site.tables and _absolute(site.tables),
        "mask_quality": site.mask_quality and _absolute(site.mask_quality),
    }
    given = [f"{ENV_PREFIX}{name.upper()}={value}" for name, value in settings.items() if value]
    call = ["cutouts", "publish", option, gate_id, "--by", "NAME", "--why", "TEXT", "--out", _absolute(site.root)]
    return command(*(["env", *given] if given else []), *call)


def _absolute(place: str) -> str:
    """A local path, made absolute; a URL is unchanged."""
    return place if "://" in place else str(Path(place).absolute())


def _shown_url(url: str) -> str:
    if url.startswith(_SQLITE):
        return f"{_SQLITE}{_absolute(url.removeprefix(_SQLITE))}"
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    kept = [(name, value) for name, value in parse_qsl(parts.query) if "password" not in name]
    query = urlencode(kept, quote_via=quote)
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}", query=query))
