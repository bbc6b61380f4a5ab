"""A run on the configured site: takes a delivery, cuts, judges and publishes it, and stores the results as the settings
say."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.sources.folders import photographs
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import write_table
from cutouts.api.made_renditions import make_renditions
from cutouts.api.runs import plan_all, refresh_all
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Outcome
from cutouts.core.home_folder import below_home
from cutouts.core.progress import Progress, unwatched
from cutouts.core.table_paths import folder_manifest_file
from cutouts.intake import folder_manifest, take
from cutouts.report.contents import Refusal, RenditionRow
from cutouts.report.folder.folder_claim import holds_manifest
from cutouts.steps.lease import site_lease
from cutouts.steps.verify import require_live_objects


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRun:
    """What a run did on a site: the gate's decision on each delivery, and the deliveries that were refused.

    `unlisted` are folders of photographs that could not be listed, with the reason; `ignored` says in words what was
    skipped. `cut` images took `model_batches` calls of the network and `wall_seconds`. `renditions` are those of the
    delivery ids that were judged.
    """

    decisions: tuple[GateDecision, ...]
    refused: tuple[Refusal, ...]
    unlisted: tuple[str, ...]
    ignored: str
    cut: int
    model_batches: int
    wall_seconds: float
    renditions: tuple[RenditionRow, ...]

    @property
    def images(self) -> int:
        """The number of images in the judged deliveries; the counts of the five outcomes add up to it."""
        return sum(decision.images for decision in self.decisions)

    def count(self, outcome: Outcome) -> int:
        """The number of images with this outcome."""
        return sum(getattr(decision, outcome) for decision in self.decisions)


def run_on_site(
    source: str | os.PathLike[str],
    *,
    site: Site | None = None,
    progress: Progress = unwatched,
    full: bool = False,
) -> SiteRun:
    """Cut out, judge and publish a folder of images or a manifest on the configured site: its stores, its catalogue.

    The deliveries are recorded as if the manifest had landed, so that a later backfill finds them. If it is run again,
    only new or changed images are cut; this also continues a run that was killed. The site's renditions of these
    deliveries are made after publishing. `full` is the same as for `cutouts.run`. Raises the errors of `cutouts.run`,
    except OutputError; DamagedError, after everything is published, if an object of these deliveries is missing or
    truncated (in large ones, a random sample is checked).
    """
    site, source = site or load_site(), below_home(source)
    manifest, ignored, unlisted = _manifest(site, source, progress)
    if Path(source).is_dir():
        site = site.allowing(str(Path(source).resolve()))
    with site_lease(site):
        plans, refused = plan_all(site, take(site, manifest), full=full)
        decisions, work = refresh_all(site, plans, progress)
        for decision in decisions:
            require_live_objects(site, decision.gate_id)
        made = make_renditions(site, sorted({decision.delivery.delivery_id for decision in decisions}))
    return SiteRun(
        decisions=tuple(decisions),
        refused=tuple(refused),
        unlisted=unlisted,
        ignored=ignored,
        cut=work.images,
        model_batches=work.model_batches,
        wall_seconds=work.wall_seconds,
        renditions=made,
    )


def _manifest(site: Site, source: str, progress: Progress) -> tuple[str, str, tuple[str, ...]]:
    """The manifest to work on: the given one, from anywhere, or one made from the folder and stored beside the site's
    tables.

    Also returns what was ignored, as text, and the folders that cannot be listed.
    """
    folder = Path(source)
    if not folder.is_dir():
        return (source if "://" in source else str(folder.resolve())), "", ()
    if holds_manifest(folder):
        return str(folder.resolve()), "", ()
    found = photographs(folder, SUFFIXES)
    with progress("reading", len(found.files)) as heard:
        table, day = folder_manifest(folder, site, on_image=lambda: heard.add("read"))
    name = folder_manifest_file(_digest(table), day.isoformat())
    tables = open_store(site.tables_url)
    write_table(tables, name, table)
    return f"{tables.url}/{name.partition('/date=')[0]}", found.ignored, found.closed


def _digest(table: pa.Table) -> str:
    """A digest, 32 hexadecimal characters, of all values of the rows."""
    digest = hashlib.sha256()
    for batch in table.combine_chunks().to_batches():
        digest.update(batch.serialize())
    return digest.hexdigest()[:32]
