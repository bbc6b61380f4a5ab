"""gc: removes what nothing refers to any more, if it is older than the grace period and nothing runs.

References come from live images, the history, decisions that wait for a person, and the tables. If the site limits the
history, tables that are older than this limit and not needed by any of these are removed first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog, References
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_tables import filter_table, find_record, read_table
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.renditions.rendition import SUFFIX
from cutouts.core.table_paths import THUMBNAILS, gate_file, object_of, plan_file
from cutouts.steps.journal import keep_journal
from cutouts.steps.lease import site_lease

_NAMES = ("mask", "cutout")
_PICTURES = tuple(sorted({".png", *SUFFIX.values()}))
"""The suffixes of objects: mattes, cutouts and renditions."""
_KEYED = ("plans", "shards", "gates")

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

    Raises TransientError if anything runs on the site, DamagedError if a table that must be read is damaged.
    """
    with site_lease(site, alone=True):
        now = now or datetime.now(UTC)
        old = now - timedelta(days=site.history_days) if site.history_days else None
        with Catalog.open(site.catalog_url) as catalog:
            gone, kept = catalog.history.expired(old, dry_run=dry_run)
        if not dry_run:
            keep_journal(site)
        tables, objects = open_store(site.tables_url), open_store(site.objects_url)
        remove = _keep if dry_run else Store.remove
        left = tables.written()
        done = Cleared(history=gone)
        rows: dict[str, pa.Table] = {}
        if old:
            drop = [*_unneeded(tables, left, kept, old)]
            done = replace(done, tables=len(drop), bytes=_removed(tables, left, drop, remove))
            left = {name: about for name, about in left.items() if name not in {*drop}}
            contents = kept.contents | _planned(tables, left, kept.waiting_plans, old)
            rows = dict(_shortened(tables, left, contents, old, dry_run=dry_run))
            done = replace(done, ledger=sum(table.num_rows for table in rows.values()))
        done_with = kept.gates - kept.waiting_gates if old else frozenset[str]()
        named = kept.objects | _named(tables, left, rows, without=done_with)
        stored = objects.written()
        orphans = [*_orphans(stored, named, now - timedelta(hours=site.grace_hours))]
        halves = [name for name in orphans if _is_hidden(name)]
        freed = _removed(objects, stored, orphans, remove)
        pictures = [*_old_pictures(left, named, now - timedelta(hours=site.grace_hours))]
        freed += _removed(tables, left, pictures, remove)
        done = replace(done, tables=done.tables + len(pictures))
        unfinished = len(halves)
        return replace(done, objects=len(orphans) - unfinished, unfinished=unfinished, bytes=done.bytes + freed)


def _keep(_store: Store, _name: str) -> None:
    """Stands in for `Store.remove` in a dry run, and removes nothing."""


def _removed(store: Store, files: Files, names: Iterable[str], remove: Callable[[Store, str], None]) -> int:
    freed = 0
    for name in names:
        remove(store, name)
        freed += files[name][0]
    return freed


def _unneeded(tables: Store, files: Files, kept: References, old: datetime) -> Iterator[str]:
    """Files of plans, shards, decisions and verdicts that were written before `old` and that nothing kept depends
    on."""
    yield from (name for name, (_, written) in files.items() if name.startswith("verdicts/") and written < old)
    sets: dict[tuple[str, str], list[str]] = {}
    for name in files:
        kind, key, *_ = name.split("/")
        if kind in _KEYED:
            sets.setdefault((kind, key), []).append(name)
    young = {one for one, names in sets.items() if max(files[name][1] for name in names) >= old}
    gates = kept.gates | {key for kind, key in young if kind == "gates"}
    working = kept.waiting_plans | {key for kind, key in young if kind != "gates"}
    needed = {"gates": gates, "plans": kept.plans | working | _plans_of(tables, gates), "shards": working}
    for (kind, key), names in sets.items():
        if key not in needed[kind]:
            yield from sorted(names, key=lambda name: not name.endswith(".json"))  # the record goes first


def _plans_of(tables: Store, gates: Iterable[str]) -> set[str]:
    found = (find_record(tables, gate_file(gate_id, "decision.json"), GateDecision) for gate_id in gates)
    return {decision.plan_id for decision in found if decision}


def _planned(tables: Store, files: Files, waiting: Collection[str], old: datetime) -> frozenset[str]:
    """The sha256 of all photographs in plans that may still be worked on: recent plans, and those that wait for a
    person."""
    found: set[str] = set()
    for name, (_, written) in files.items():
        plan_id = name.removeprefix("plans/").removesuffix("/delivery.parquet")
        if name == plan_file(plan_id, "delivery.parquet") and (written >= old or plan_id in waiting):
            for column in read_table(tables, name, ["content", "sha256"]).columns:
                found.update(pc.unique(column).drop_null().to_pylist())
    return frozenset(found)


def _shortened(
    tables: Store, files: Files, contents: Collection[str], old: datetime, *, dry_run: bool
) -> Iterator[tuple[str, pa.Table]]:
    """Each file of the ledger that loses rows, with these rows: the file is old, and nobody needs their photographs."""
    wanted = pa.array(sorted(contents), pa.string())
    for name, (_, written) in files.items():
        if name.startswith("ledger/") and name.endswith(".parquet") and written < old:
            table = read_table(tables, name)
            keep = pc.is_in(table.column("sha256"), value_set=wanted)
            gone = table.filter(pc.invert(keep))
            if gone.num_rows:
                if not dry_run:
                    filter_table(tables, name, lambda rows: pc.is_in(rows.column("sha256"), value_set=wanted))
                yield name, gone


def _named(tables: Store, files: Files, dropped: Mapping[str, pa.Table], *, without: Collection[str]) -> frozenset[str]:
    """The objects that are named by masks of shards and of the ledger, and by decisions, except in the dropped rows.

    Decisions of the gates in `without`, which were published long ago, are ignored too.
    """
    found: set[str] = set()
    for name in files:
        if not _names_objects(name) or (name.startswith("gates/") and name.split("/")[1] in without):
            continue
        table = read_table(tables, name, [*_NAMES, "sha256"])
        if name in dropped:
            gone = dropped[name].column("sha256").combine_chunks()
            table = table.filter(pc.invert(pc.is_in(table.column("sha256"), value_set=gone)))
        for column in _NAMES:
            found.update(pc.unique(table.column(column)).drop_null().to_pylist())
    return frozenset(found)


def _names_objects(name: str) -> bool:
    kind, *_, last = name.split("/")
    if kind == "ledger":
        return last.endswith(".parquet") and (last == "masks.parquet" or name.startswith("ledger/masks/"))
    return (kind, last) in (("shards", "masks.parquet"), ("gates", "outcomes.parquet"))


def _orphans(stored: Files, named: Collection[str], young: datetime) -> Iterator[str]:
    """Objects that nothing refers to, and unfinished files of killed writers, if they are older than the grace
    period."""
    for name, (_, written) in stored.items():
        if written < young and (_is_hidden(name) or (name.endswith(_PICTURES) and name not in named)):
            yield name


def _old_pictures(files: Files, named: Collection[str], young: datetime) -> Iterator[str]:
    """Small pictures for the review pages, of cutouts that nothing refers to."""
    kept = {object_of(name) for name in named}
    for name, (_, written) in files.items():
        if name.startswith(f"{THUMBNAILS}/") and written < young and object_of(name) not in kept:
            yield name


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
