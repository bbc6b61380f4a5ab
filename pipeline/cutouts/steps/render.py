"""render: makes the missing and stale renditions of live images, without the network, and records them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.quality.channels import Violation, channel_named, violations
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import find_record
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.channels.rules import Channel
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, DamagedError
from cutouts.core.records import Plan
from cutouts.core.renditions.records import LiveCutout, RenditionEntry, RenditionFailure
from cutouts.core.renditions.rendition import Rendition
from cutouts.core.table_paths import plan_file
from cutouts.recipes import renditions_named
from cutouts.runner import Runner, Work
from cutouts.stages.isolation import nothing_to_try
from cutouts.stages.render_chunk import (
    RenderJob,
    RenderResult,
    failed,
    measure_chunk,
    not_measured,
    render_chunk,
)
from cutouts.stages.rendering import check_grounds
from cutouts.steps.chunks import chunks
from cutouts.steps.journal import newest_catalog
from cutouts.steps.lease import at_work
from cutouts.steps.wished_renditions import renditions_wished


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedSite:
    """What was done: numbers of images with stale renditions, of pictures rendered, of earlier pictures that were only
    checked again because rules changed, of all of these that break a rule of their channel, and of pictures given up
    because the site does not make their rendition any more, or the image's row does not ask for it; and the
    failures."""

    images: int
    pictures: int
    checked: int
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
    retired = 0
    with newest_catalog(site) as catalog:
        if delivery_id is None:
            retired = catalog.renditions.keep_only([one.name for one in renditions])
        wished = renditions_wished(catalog, open_store(site.tables_url), renditions, delivery_id=delivery_id)
        unwished = [one for one in catalog.renditions.entries(delivery_id=delivery_id) if wished.refuse(one)]
        catalog.renditions.give_up(unwished)
        stale = catalog.renditions.stale({one.name: one.digest for one in renditions}, delivery_id=delivery_id)
        stale = wished.of(stale)
        on_start(len(stale))
        rules = _rules(site, renditions)
        made = _recorded(catalog, _work(site, runner, renditions, stale), rules, on_chunk)
        live = catalog.renditions.entries(delivery_id=delivery_id)
        catalog.renditions.record(_without_rules(live, rules), datetime.now(UTC))
        again = _recorded(catalog, _check_again(site, runner, live, rules), rules, _ignore)
    return RenderedSite(
        images=len(stale),
        pictures=made.entries,
        checked=again.entries,
        refused=made.refused + again.refused,
        retired=retired + len(unwished),
        failures=(*made.failures, *again.failures),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorded:
    """How many entries were recorded, how many of them break a rule, and what failed."""

    entries: int
    refused: int
    failures: tuple[RenditionFailure, ...]


def _recorded(
    catalog: Catalog,
    results: Iterable[RenderResult],
    rules: Mapping[str, Channel],
    on_chunk: Callable[[RenderResult], None],
) -> _Recorded:
    """Judge and record each result as it comes."""
    recorded = refused = 0
    failures: list[RenditionFailure] = []
    for result in results:
        entries = judged(result, rules)
        catalog.renditions.record(entries, datetime.now(UTC))
        recorded += len(entries)
        refused += sum(bool(entry.violations) for entry in entries)
        failures += result.failures
        on_chunk(result)
    return _Recorded(entries=recorded, refused=refused, failures=tuple(failures))


def judged(result: RenderResult, rules: Mapping[str, Channel]) -> tuple[RenditionEntry, ...]:
    """The entries of a result that were measured or have no rules, with the rules of their channels that they break.

    Broken rules that only warn are among the notes.
    """
    done = [entry for entry in result.entries if entry.rendition not in rules]
    for name, channel in rules.items():
        entries = [one for one in result.entries if one.rendition == name and one.picture in result.figures]
        broken = violations(channel, [result.figures[one.picture] for one in entries])
        done += [_with(entry, channel, found) for entry, found in zip(entries, broken, strict=True)]
    return tuple(done)


def _with(entry: RenditionEntry, channel: Channel, found: Sequence[Violation]) -> RenditionEntry:
    mark = f"{channel.channel} warns: "
    warnings = (f"{mark}{one.text}" for one in found if one.severity != "critical")
    return replace(
        entry,
        rules=channel.digest,
        violations=tuple(one.text for one in found if one.severity == "critical"),
        notes=(*(note for note in entry.notes if not note.startswith(mark)), *warnings),
    )


def _without_rules(entries: Sequence[RenditionEntry], rules: Mapping[str, Channel]) -> list[RenditionEntry]:
    """The entries of renditions that were judged before and have no rules any more."""
    freed = (entry for entry in entries if entry.rules and entry.rendition not in rules)
    return [replace(entry, rules="", violations=()) for entry in freed]


def _rules(site: Site, renditions: Sequence[Rendition]) -> dict[str, Channel]:
    """The rules in force today, by the name of the rendition that must keep them."""
    today, tolerance = datetime.now(UTC).date(), site.white_tolerance
    return {
        one.name: channel_named(one.rules).on(today, white_tolerance=tolerance)
        for one in renditions
        if one.rules is not None
    }


def _check_again(
    site: Site, runner: Runner, entries: Sequence[RenditionEntry], rules: Mapping[str, Channel]
) -> Iterator[RenderResult]:
    """Measure the pictures that were judged by other rules than today's; nothing is rendered."""
    due = [one for one in entries if one.rendition in rules and one.rules != rules[one.rendition].digest]
    if not due:
        return
    job = _job(site, (), ())
    work = Work(function=partial(measure_chunk, job), trial=nothing_to_try, blamed=not_measured)
    yield from runner.map(work, chunks(site, runner, due))


def site_renditions(site: Site) -> tuple[Rendition, ...]:
    """The renditions that the site's settings name. Raises ConfigError if there are none, or if one cannot be made."""
    if not site.renditions:
        raise ConfigError("the site names no renditions", ['set `renditions`, for example ["amazon-main", "web-card"]'])
    found = renditions_named(site.renditions, site.recipes)
    check_grounds(found, site.max_pixels)
    return found


def _work(
    site: Site, runner: Runner, renditions: Sequence[Rendition], stale: Sequence[LiveCutout]
) -> Iterator[RenderResult]:
    if not stale:
        return
    tables = open_store(site.tables_url)
    images, sources = _with_places(tables, stale)
    job = _job(site, renditions, sources)
    work = Work(function=partial(render_chunk, job), trial=nothing_to_try, blamed=failed)
    yield from runner.map(work, chunks(site, runner, images))


def _job(site: Site, renditions: Sequence[Rendition], sources: Sequence[str]) -> RenderJob:
    return RenderJob(
        renditions=tuple(renditions),
        objects_url=site.objects_url,
        reading=site.reading(*sources),
        max_pixels=site.max_pixels,
        max_memory=site.max_memory,
        image_seconds=site.image_seconds,
    )


def _with_places(tables: Store, stale: Sequence[LiveCutout]) -> tuple[list[LiveCutout], tuple[str, ...]]:
    """The images with the addresses of their photographs, and the folders that their plans allowed to read.

    An image whose plan is gone or damaged has no address any more.
    """
    found, sources = list[LiveCutout](), dict[str, None]()
    for plan_id in dict.fromkeys(image.plan_id for image in stale):
        images = [image for image in stale if image.plan_id == plan_id]
        places: dict[str, str] = {}
        plan = find_record(tables, plan_file(plan_id, "plan.json"), Plan)
        if plan is not None:
            sources |= dict.fromkeys(plan.sources)
            with suppress(DamagedError):
                places = _places(tables, plan_id, [image.image_id for image in images])
        found += [replace(image, uri=places.get(image.image_id)) for image in images]
    return found, tuple(sources)


def _places(tables: Store, plan_id: str, image_ids: Sequence[str]) -> dict[str, str]:
    rows = read_table(tables, plan_file(plan_id, "delivery.parquet"), ["image_id", "uri"])
    chosen = rows.filter(pc.field("image_id").isin(list(image_ids)))
    return dict(zip(chosen.column("image_id").to_pylist(), chosen.column("uri").to_pylist(), strict=True))
