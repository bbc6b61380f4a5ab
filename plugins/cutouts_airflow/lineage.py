"""Tells Airflow what a task reads and writes, so that a lineage provider (OpenLineage) sees datasets, not only tasks.

Airflow collects it only if such a provider is installed; otherwise this costs nothing. The datasets are coarse on
purpose: a manifest, the stores, the catalogue. What happened to a single image is what `cutouts explain` says.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from airflow.sdk.lineage import get_hook_lineage_collector

from cutouts.core.config import Site
from cutouts.core.text.display import redacted

VIEW = "published_cutouts"
_PORT = 5432


class _Task:
    """What the collector attributes datasets to."""


_TASK = _Task()


def reads(*places: str) -> None:
    """The running task reads these folders, files or URLs."""
    collector = get_hook_lineage_collector()
    for uri in map(_uri, places):
        collector.add_input_asset(_TASK, uri=uri)


def writes(*places: str) -> None:
    """The running task writes these folders, files or URLs."""
    collector = get_hook_lineage_collector()
    for uri in map(_uri, places):
        collector.add_output_asset(_TASK, uri=uri)


def catalogue(here: Site) -> str:
    """The catalogue's view as a dataset: `postgres://HOST:PORT/DATABASE/SCHEMA/published_cutouts`, or SQLite's file."""
    url = urlsplit(here.catalog_url)
    if url.scheme.startswith("sqlite"):
        return unquote(here.catalog_url.partition(":///")[2].partition("?")[0])
    named = re.search(r"search_path=([^,\s&]+)", unquote(url.query))
    schema = named[1] if named else "public"
    return f"postgres://{url.hostname}:{url.port or _PORT}{url.path}/{schema}/{VIEW}"


def _uri(place: str) -> str:
    """A URL without secrets; a path becomes `file://`, of which providers do not decode the name."""
    if "://" in place:
        return redacted(place)
    path = str(Path(place).resolve())
    return "file://" + "".join(quote(one) if one in "%?#" else one for one in path)
