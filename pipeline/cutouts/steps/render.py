"""render: makes the missing and stale renditions of live images, without the network, and records them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_tables import find_record, read_table
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, DamagedError
from cutouts.core.records import Plan
from cutouts.core.renditions.records import LiveCutout, RenditionFailure
from cutouts.core.renditions.rendition import Rendition
from cutouts.core.table_paths import plan_file
from cutouts.recipes import renditions_named
from cutouts.runner import Runner, Work
from cutouts.stages.isolation import nothing_to_try
from cutouts.stages.render_chunk import RenderJob, RenderResult, failed, render_chunk, single_images
from cutouts.steps.lease import at_work


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedSite:
    """What was rendered: numbers of pictures, of those that break a rule of their channel, and of images looked at;
    the failures, and how many pictures of renditions that the site does not make any more were given up."""

    images: int
    pictures: int
    refused: int
    retired: int
    failures: tuple[RenditionFailure, ...]


def _ignore(_: RenderResult) -> None:
    """The default for `on_chunk`: does nothing."""


@at_work
def render_stale(
    site: Site,
    runner: Runner,
    *,
    delivery_id: str | None = None,
    on_start: Callable[[int], None] = lambda _: None,
    on_chunk: Callable[[RenderResult], None] = _ignore,
) -> RenderedSite:
    """Render what is stale of the site's renditions: of all live images, or of those of a delivery id.

    A picture is stale if the live version of its image or its rendition is another than the recorded one. Pictures are
    stored before they are recorded, so a kill costs only the chunks in progress. `on_start` is called with the number
    of images, and `on_chunk` with each finished chunk. Raises ConfigError if the site names no rendition, or one that
    does not exist.
    """
    renditions = site_renditions(site)
    images = pictures = refused = retired = 0
    failures: list[RenditionFailure] = []
    with Catalog.open(site.catalog_url) as catalog:
        if delivery_id is None:
            retired = catalog.renditions.keep_only([one.name for one in renditions])
        stale = catalog.renditions.stale({one.name: one.digest for one in renditions}, delivery_id=delivery_id)
        on_start(len(stale))
        for result in _work(site, runner, renditions, stale):
            catalog.renditions.record(result.entries, datetime.now(UTC))
            pictures += len(result.entries)
            refused += sum(bool(entry.violations) for entry in result.entries)
            failures += result.failures
            on_chunk(result)
        images = len(stale)
    return RenderedSite(images=images, pictures=pictures, refused=refused, retired=retired, failures=tuple(failures))


def site_renditions(site: Site) -> tuple[Rendition, ...]:
    """The renditions that the site's settings name. Raises ConfigError if there are none, or if one does not exist."""
    if not site.renditions:
        raise ConfigError("the site names no renditions", ['set `renditions`, for example ["amazon-main", "web-card"]'])
    return renditions_named(site.renditions, site.recipes)


def _work(
    site: Site, runner: Runner, renditions: Sequence[Rendition], stale: Sequence[LiveCutout]
) -> Iterator[RenderResult]:
    if not stale:
        return
    tables = open_store(site.tables_url)
    images, sources = _with_places(tables, stale)
    job = RenderJob(
        renditions=tuple(renditions),
        objects_url=site.objects_url,
        reading=site.reading(*sources),
        max_pixels=site.max_pixels,
        max_memory=site.max_memory,
        image_seconds=site.image_seconds,
    )
    work = Work(function=partial(render_chunk, job), parts=single_images, trial=nothing_to_try, blamed=failed)
    size = max(1, min(site.chunk, len(images) // (4 * max(1, runner.describe().threads))))
    yield from runner.map(work, [tuple(images[start : start + size]) for start in range(0, len(images), size)])


def _with_places(tables: Store, stale: Sequence[LiveCutout]) -> tuple[list[LiveCutout], tuple[str, ...]]:
    """The images with the addresses of their photographs, and the folders that their plans allowed to read.

    An image whose plan is gone has no address any more.
    """
    found, sources = list[LiveCutout](), dict[str, None]()
    for plan_id in dict.fromkeys(image.plan_id for image in stale):
        images = [image for image in stale if image.plan_id == plan_id]
        places: dict[str, str] = {}
        try:
            plan = find_record(tables, plan_file(plan_id, "plan.json"), Plan)
            if plan is not None:
                sources |= dict.fromkeys(plan.sources)
                places = _places(tables, plan_id, [image.image_id for image in images])
        except DamagedError:
            places = {}
        found += [replace(image, uri=places.get(image.image_id)) for image in images]
    return found, tuple(sources)


def _places(tables: Store, plan_id: str, image_ids: Sequence[str]) -> dict[str, str]:
    rows = read_table(tables, plan_file(plan_id, "delivery.parquet"), ["image_id", "uri"])
    chosen = rows.filter(pc.field("image_id").isin(list(image_ids)))
    return dict(zip(chosen.column("image_id").to_pylist(), chosen.column("uri").to_pylist(), strict=True))
