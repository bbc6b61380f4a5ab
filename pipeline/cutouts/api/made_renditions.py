"""The renditions that a run makes after it has published, and how many of each there are."""

from __future__ import annotations

from collections.abc import Sequence

from cutouts.adapters.catalog import Catalog
from cutouts.core.config import Site
from cutouts.core.renditions.records import RenditionEntry, RenditionFailure
from cutouts.report.contents import RenditionRow
from cutouts.runner import open_runner
from cutouts.steps.render import render_stale, site_renditions

_PROBLEMS = 3
"""This many problems of each rendition are listed."""


def require_renditions(site: Site) -> None:
    """Raise ConfigError if a rendition that the site names cannot be read, before hours of work are spent."""
    if site.renditions:
        site_renditions(site)


def make_renditions(site: Site, deliveries: Sequence[str | None] = (None,)) -> tuple[RenditionRow, ...]:
    """Render what is stale of the site's renditions, and count the pictures of each; nothing if it names none.

    `deliveries` are delivery ids; None stands for the whole catalogue.
    """
    if not (site.renditions and deliveries):
        return ()
    with open_runner(site) as runner:
        done = [render_stale(site, runner, delivery_id=delivery) for delivery in deliveries]
    with Catalog.open(site.catalog_url) as catalog:
        entries = [entry for delivery in deliveries for entry in catalog.renditions.entries(delivery_id=delivery)]
    failures = [failure for one in done for failure in one.failures]
    return tuple(_row(name, entries, failures) for name in dict.fromkeys(site.renditions))


def _row(name: str, entries: Sequence[RenditionEntry], failures: Sequence[RenditionFailure]) -> RenditionRow:
    made = [entry for entry in entries if entry.rendition == name]
    broken = [entry for entry in made if entry.violations]
    failed = [failure for failure in failures if name in failure.renditions]
    words = [f"{one.image_id}: {one.violations[0]}" for one in broken]
    words += [f"{one.image_id}: {one.words}" for one in failed]
    return RenditionRow(
        name=name,
        published=len(made) - len(broken),
        refused=len(broken),
        failed=len(failed),
        problems=tuple(words[:_PROBLEMS]),
    )
