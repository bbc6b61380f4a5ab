"""verify: checks everything that a site stores, quickly or byte by byte, and repairs what can be made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, DamagedError
from cutouts.core.progress import Progress, unwatched
from cutouts.core.records import Plan
from cutouts.core.table_paths import plan_file
from cutouts.runner import open_runner
from cutouts.steps.lease import site_lease
from cutouts.steps.ledger import record
from cutouts.steps.networks import results_by
from cutouts.steps.reconciliation import shard_results
from cutouts.steps.verify.catalog_rows import catalog_findings
from cutouts.steps.verify.findings import FaultKind, Finding
from cutouts.steps.verify.journal_records import journal_findings
from cutouts.steps.verify.ledger_sets import PLANNED, held_parts, masks_of, mended_record
from cutouts.steps.verify.objects import broken_objects, make_again, object_findings
from cutouts.steps.verify.pictures import picture_findings
from cutouts.steps.verify.table_sets import (
    TableSet,
    current,
    damage,
    ledger_sets,
    move_away,
    readable_record,
    table_sets,
)

_KEY = ("sha256", "matte_digest", "render_digest", "mask", "cutout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The numbers of things checked, and the findings; `files` counts tables and records, `live` the catalogue's live
    images."""

    files: int
    objects: int
    live: int
    findings: tuple[Finding, ...]

    @property
    def outages(self) -> int:
        """The number of findings about files that may be readable at another try."""
        return sum(finding.kind is FaultKind.OUTAGE for finding in self.findings)

    @property
    def left(self) -> int:
        """The number of findings that were not repaired."""
        return sum(finding.repaired is None for finding in self.findings)


def verify(
    site: Site,
    *,
    whole: bool = False,
    repair: bool = False,
    tell: Callable[[Finding], None] = lambda _: None,
    progress: Progress = unwatched,
) -> Verification:
    """Check that tables, ledger, objects and catalogue are complete and agree; `tell` is called with each finding, and
    `progress` at the beginning of each phase, with the number of its files.

    A file that cannot be read is a finding that no repair touches. Raises TransientError if many cannot be read at the
    moment.

    By default the check is quick: footers of tables, digests of records, the end of each PNG. With `whole`, every byte
    is read and compared with its checksum. With `repair`, damaged tables are moved away, so that the next run makes
    them again; parts of the ledger are made again from their shards, and objects from their photographs.

    A check holds the site's lease like a step, so that nothing is removed meanwhile. A repair needs it alone: what it
    moves away may be in use, or may have just been written again. It raises TransientError if anything runs.
    """
    with site_lease(site, alone=repair):
        return _verified(site, whole=whole, repair=repair, tell=tell, progress=progress)


def _verified(
    site: Site, *, whole: bool, repair: bool, tell: Callable[[Finding], None], progress: Progress
) -> Verification:
    tables, objects = open_store(site.tables_url), open_store(site.objects_url)
    findings: list[Finding] = []

    def add(finding: Finding) -> None:
        findings.append(finding)
        tell(finding)

    sets = table_sets(tables)
    files = sum(len(one.files) for one in sets)
    with progress("tables", files) as heard:
        damaged = current(tables, [*damage(tables, sets, heard, whole=whole)])
    left = []
    for one, finding in _records_first(damaged):
        mend = repair and finding.kind is FaultKind.DAMAGED
        left += [] if mend else [one]
        add(replace(finding, repaired=_mended(tables, one)) if mend else finding)
    masks = _masks(tables, without={one.files for one in left})
    for finding in _catalog_findings(site, damaged, left, repair=repair):
        add(finding)
    with Catalog.open(site.catalog_url) as catalog:
        live = catalog.live()
        for finding in picture_findings(objects, catalog.renditions, whole=whole, repair=repair):
            add(finding)
    names = _names(masks, live)
    with progress("objects", len(names)) as heard:
        broken = broken_objects(objects, names, heard, whole=whole)
    damaged_objects = [name for name, fault in broken.items() if repair and fault.kind is FaultKind.DAMAGED]
    fates: dict[str, str | None] = {}
    if damaged_objects:
        with open_runner(site) as runner:
            fates = make_again(site, tables, masks, damaged_objects, runner)
    for finding in object_findings(objects, broken, fates):
        add(finding)
    for finding in _unknown(site, masks, live):
        add(finding)
    return Verification(files=files, objects=len(names), live=live.num_rows, findings=tuple(findings))


def _catalog_findings(
    site: Site, damaged: list[tuple[TableSet, Finding]], left: list[TableSet], *, repair: bool
) -> Iterator[Finding]:
    """The findings about the journal, and those about the catalogue. It is only compared with a whole journal: without
    damaged sets that are `left` as they are."""
    lost = [*journal_findings(site, [one for one, _ in damaged if one.journal], repair=repair)]
    yield from lost
    if not any(one.journal for one in left) and (repair or not lost):
        yield from catalog_findings(site)


def _records_first(damaged: list[tuple[TableSet, Finding]]) -> list[tuple[TableSet, Finding]]:
    """Sort parts of the ledger last: they are made again from shards, which must be checked before."""
    return sorted(damaged, key=lambda pair: pair[0].ledger)


def _mended(tables: Store, one: TableSet) -> str:
    """Move a damaged set away. A part of the ledger is made again from its plans' shards if they are undamaged. Returns
    what was done, in words."""
    if not one.ledger:
        move_away(tables, one)
        if one.journal:
            return "moved away, and written again from the catalogue"
        return "moved away: the next run makes it again"
    if one.record and mended_record(tables, one):
        return "its record was written again"
    parts = held_parts(tables, one)
    move_away(tables, one)
    made = sum(_made_again(tables, part.partition("-")[0]) for part in sorted(parts))
    if made == len(parts) > 0:
        return "made again from the shards"
    again = f"{made} of {len(parts)} plans made again from the shards, " if made else ""
    return f"moved away: {again}{'other' if made else 'its'} images are cut again when they are delivered again"


def _made_again(tables: Store, plan_id: str) -> bool:
    """Add the results of a plan's shards to the ledger again. Returns False if the plan is gone or its shards are
    damaged."""
    plan = readable_record(tables, plan_file(plan_id, "plan.json"), Plan)
    try:
        results = plan and shard_results(tables, plan)
    except CutoutsError:
        return False
    if plan and results:
        for network in plan.networks:
            if network.shards:
                record(tables, network.recipe, plan.plan_id, results_by(results, network.recipe))
    return bool(plan)


def _masks(tables: Store, *, without: set[tuple[str, ...]]) -> pa.Table:
    """All masks of the ledger that can be read, in the columns of `PLANNED`."""
    parts = {*ledger_sets(tables)}
    while True:
        try:
            pieces = [masks_of(tables, one) for one in sorted(parts, key=str) if one.files not in without]
        except DamagedError:
            before, parts = parts, {*ledger_sets(tables)}
            if parts == before:
                raise
        else:
            return pa.concat_tables([PLANNED.empty_table(), *pieces])


def _names(masks: pa.Table, live: pa.Table) -> list[str]:
    """Every object that the ledger or the catalogue refers to."""
    columns = [table.column(name).combine_chunks() for table in (masks, live) for name in ("mask", "cutout")]
    found: list[str] = pc.unique(pa.concat_arrays(columns)).sort().to_pylist()
    return found


def _unknown(site: Site, masks: pa.Table, live: pa.Table) -> Iterator[Finding]:
    """A finding for each live image that has no matching result in the ledger."""
    known = pc.is_in(_versions(live), value_set=_versions(masks).combine_chunks())
    for row in live.filter(pc.invert(known)).to_pylist():
        yield Finding(
            place=f"{site.catalog_url}: {row['delivery_date']}/{row['delivery_id']}, image {row['image_id']}",
            what="it is live, but the ledger has no matching result; deliver it again",
        )


def _versions(rows: pa.Table) -> pa.ChunkedArray:
    """A text for each row that is the same for the same photograph, recipe and objects."""
    return pc.binary_join_element_wise(*(rows.column(name).cast(pa.string()) for name in _KEY), " ")
