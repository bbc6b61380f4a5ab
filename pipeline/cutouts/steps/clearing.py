"""gc: removes what nothing refers to any more, if it is older than the grace period and nothing runs.

References come from live images, the history, decisions that wait for a person, and the tables. If the site limits the
history, tables that are older than this limit and not needed by any of these are removed first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog, References
from cutouts.adapters.storage.parallel import in_parallel
from cutouts.adapters.storage.store import Store, is_unfinished, open_store
from cutouts.adapters.storage.stored_records import find_record
from cutouts.adapters.storage.stored_tables import filter_table, read_each, read_table
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.errors import StorageError
from cutouts.core.renditions.rendition import SUFFIX
from cutouts.core.table_paths import THUMBNAILS, gate_file, object_of, plan_file, records_first
from cutouts.core.text.counting import counted
from cutouts.steps.journal import keep_journal, newest_catalog
from cutouts.steps.lease import site_lease

_NAMES = ("mask", "cutout")
_PICTURES = tuple(sorted({".png", *SUFFIX.values()}))
"""The suffixes of objects: mattes, cutouts and renditions."""
_KEYED = re.compile(r"(plans|shards|gates)/([^/]+)/")
_NAMES_OBJECTS = re.compile(r"(ledger/masks/.+|ledger/.+/masks|shards/.+/masks|gates/.+/outcomes)\.parquet")
_AT_ONCE = 50_000
"""Rows whose names are read at a time."""

Files = Mapping[str, tuple[int, datetime]]
"""The size (B) and the time of writing of each file, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """The numbers of things removed: rows of the history and of the ledger, files of tables, objects, and unfinished
    files; `bytes` is the size of all removed files."""

    history: int = 0
    ledger: int = 0
    tables: int = 0
    objects: int = 0
    unfinished: int = 0
    bytes: int = 0


def clear(site: Site, *, dry_run: bool = False, now: datetime | None = None) -> Cleared:
    """Remove what nothing refers to; a `dry_run` only counts. `now` is timezone-aware, by default the present time.

    Raises TransientError if anything runs on the site, DamagedError if a table that must be read is damaged,
    StorageError if no decision is stored although some wait for a person.
    """
    with site_lease(site, alone=True):
        now = now or datetime.now(UTC)
        old = now - timedelta(days=site.history_days) if site.history_days else None
        with Catalog.open(site.catalog_url) if dry_run else newest_catalog(site) as catalog:
            gone, kept = catalog.history.expired(old, dry_run=dry_run)
        if not dry_run:
            keep_journal(site)
        tables, objects = open_store(site.tables_url), open_store(site.objects_url)
        files = tables.written()
        _require_decisions(tables, files, kept.waiting_gates)
        expired = frozenset(_unneeded(tables, files, kept, old) if old else ())
        freed = _removed(tables, files, sorted(expired), dry_run=dry_run)
        files = {name: about for name, about in files.items() if name not in expired}
        dropped = dict(_shortened(tables, files, kept, old, dry_run=dry_run)) if old else {}
        named = _Named(kept.objects)
        _add_named(named, tables, files, dropped, without=kept.gates - kept.waiting_gates if old else ())
        young = now - timedelta(hours=site.grace_hours)
        orphans = dict(_orphans(objects.each_written(), named, young))
        freed += _removed(objects, orphans, [*orphans], dry_run=dry_run)
        pictures = [*_old_pictures(files, named, young)]
        parts = [name for name, (_, written) in files.items() if written < young and is_unfinished(name)]
        freed += _removed(tables, files, [*pictures, *parts], dry_run=dry_run)
    unfinished = sum(map(is_unfinished, orphans))
    return Cleared(
        history=gone,
        ledger=sum(table.num_rows for table in dropped.values()),
        tables=len(expired) + len(pictures),
        objects=len(orphans) - unfinished,
        unfinished=unfinished + len(parts),
        bytes=freed,
    )


def drop_unnamed(tables: Store, objects: Store, catalog: Catalog) -> int:
    """Remove every object that nothing refers to, and every unfinished one, whatever their age. Returns their number.

    The caller holds the site's lease alone, and has called `require_decisions`.
    """
    _, kept = catalog.history.expired(None, dry_run=False)
    named = _Named(kept.objects)
    _add_named(named, tables, tables.written(), {}, without=())
    orphans = [name for name, _ in _orphans(objects.each_written(), named, datetime.max.replace(tzinfo=UTC))]
    objects.remove_all(orphans)
    return len(orphans)


def require_decisions(tables: Store, catalog: Catalog) -> None:
    """Raise StorageError if the tables cannot be the site's."""
    _, kept = catalog.history.expired(None, dry_run=True)
    _require_decisions(tables, tables.names("", ".json"), kept.waiting_gates)


def _require_decisions(tables: Store, files: Iterable[str], waiting: Collection[str]) -> None:
    """Raise StorageError if the tables cannot be the site's: an empty folder refers to no object.

    If all decisions were forgotten, there is a receipt.
    """
    if waiting and not any(name.startswith(("gates/", "forgotten/")) for name in files):
        raise StorageError(
            f"{tables.url} has no decision of the gate, but {counted(len(waiting), 'decision')} of the catalogue "
            "still waits for a person. Nothing was removed. Check that this is the site's folder and that it is mounted"
        )


def _removed(store: Store, files: Files, names: Sequence[str], *, dry_run: bool) -> int:
    """Remove the files, unless it is a `dry_run`. Returns their size (B)."""
    if not dry_run:
        for some in records_first(names):
            store.remove_all(some)
    return sum(files[name][0] for name in names)


def _unneeded(tables: Store, files: Files, kept: References, old: datetime) -> Iterator[str]:
    """Files of plans, shards, decisions and verdicts that were written before `old` and that nothing kept depends
    on."""
    yield from (name for name, (_, written) in files.items() if name.startswith("verdicts/") and written < old)
    sets: dict[tuple[str, ...], list[str]] = {}
    for name in files:
        if found := _KEYED.match(name):
            sets.setdefault(found.groups(), []).append(name)
    young = {one for one, names in sets.items() if max(files[name][1] for name in names) >= old}
    gates = kept.gates | {key for kind, key in young if kind == "gates"}
    working = kept.waiting_plans | {key for kind, key in young if kind != "gates"}
    needed = {"gates": gates, "plans": kept.plans | working | _plans_of(tables, gates), "shards": working}
    for (kind, key), names in sets.items():
        if key not in needed[kind]:
            yield from names


def _plans_of(tables: Store, gates: Iterable[str]) -> set[str]:
    found = in_parallel(lambda gate_id: find_record(tables, gate_file(gate_id, "decision.json"), GateDecision), gates)
    return {decision.plan_id for decision in found if decision}


def _planned(tables: Store, files: Files, waiting: Collection[str], old: datetime) -> frozenset[str]:
    """The sha256 of all photographs in plans that may still be worked on: recent plans, and those that wait for a
    person."""
    names = []
    for name, (_, written) in files.items():
        plan_id = name.removeprefix("plans/").removesuffix("/delivery.parquet")
        if name == plan_file(plan_id, "delivery.parquet") and (written >= old or plan_id in waiting):
            names.append(name)
    tables_of_plans = read_each(tables, names, ["content", "sha256"])
    return frozenset(text for table in tables_of_plans for column in table.columns for text in _texts(column))


def _shortened(
    tables: Store, files: Files, kept: References, old: datetime, *, dry_run: bool
) -> Iterator[tuple[str, pa.Table]]:
    """Each file of the ledger that loses rows, with these rows: the file is old, and nobody needs their photographs."""
    wanted = pa.array(sorted(kept.contents | _planned(tables, files, kept.waiting_plans, old)), pa.string())
    for name, (_, written) in files.items():
        if name.startswith("ledger/") and name.endswith(".parquet") and written < old:
            table = read_table(tables, name)
            keep = pc.is_in(table.column("sha256"), value_set=wanted)
            gone = table.filter(pc.invert(keep))
            if gone.num_rows:
                if not dry_run:
                    filter_table(tables, name, lambda rows: pc.is_in(rows.column("sha256"), value_set=wanted))
                yield name, gone


class _Named:
    """Names of objects that something refers to. Most are live and named by several tables: each is kept once."""

    def __init__(self, live: Collection[str]) -> None:
        self._live = live
        self._others: set[str] = set()

    def add(self, names: Iterable[str]) -> None:
        """Add names."""
        self._others.update(name for name in names if name not in self._live)

    def __contains__(self, name: str) -> bool:
        return name in self._live or name in self._others

    def __iter__(self) -> Iterator[str]:
        return chain(self._live, self._others)


def _add_named(
    named: _Named, tables: Store, files: Files, dropped: Mapping[str, pa.Table], *, without: Collection[str]
) -> None:
    """Add the objects that masks of shards and of the ledger, and decisions, name, except in the dropped rows.

    Decisions of the gates in `without`, which were published long ago, are ignored too.
    """
    ignored = {gate_file(gate_id, "outcomes.parquet") for gate_id in without}
    names = [name for name in files if _NAMES_OBJECTS.fullmatch(name) and name not in ignored]
    columns = [*_NAMES, "sha256"] if dropped else _NAMES
    for name, table in zip(names, read_each(tables, names, columns), strict=True):
        gone = dropped[name].column("sha256").combine_chunks() if name in dropped else pa.array([], pa.string())
        kept = table.filter(pc.invert(pc.is_in(table.column("sha256"), value_set=gone))) if len(gone) else table
        for some in kept.select(_NAMES).to_batches(max_chunksize=_AT_ONCE):
            for column in some.columns:
                named.add(column.drop_null().to_pylist())


def _texts(column: pa.ChunkedArray) -> list[str]:
    found: list[str] = pc.unique(column).drop_null().to_pylist()
    return found


def _orphans(
    stored: Iterable[tuple[str, tuple[int, datetime]]], named: _Named, young: datetime
) -> Iterator[tuple[str, tuple[int, datetime]]]:
    """Objects that nothing refers to, and unfinished files of killed writers, if they are older than the grace
    period."""
    for name, (size, written) in stored:
        if written < young and (is_unfinished(name) or (name.endswith(_PICTURES) and name not in named)):
            yield name, (size, written)


def _old_pictures(files: Files, named: _Named, young: datetime) -> Iterator[str]:
    """Small pictures for the review pages, of cutouts that nothing refers to."""
    pictures = [name for name, (_, written) in files.items() if name.startswith(f"{THUMBNAILS}/") and written < young]
    gone = {object_of(name) for name in pictures}.difference(map(object_of, named))
    yield from (name for name in pictures if object_of(name) in gone)
