"""Intake: finds manifests that have landed and the deliveries in them that can be used, and records where a delivery
came from.

No file is moved: taken manifests are recorded beside the tables. A dataset has landed when its `_SUCCESS` file exists,
a single file when it exists itself (it must appear by an atomic rename or upload).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.manifests.files import is_manifest_file
from cutouts.adapters.storage.manifests.opening import open_manifest
from cutouts.adapters.storage.parallel import in_parallel
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import find_record, read_record, write_record
from cutouts.core.config import Site
from cutouts.core.errors import ManifestError
from cutouts.core.manifests.checks import (
    CONTENT_COLUMNS,
    EMPTY,
    DeliveryProblem,
    Group,
    check_content,
    check_undated,
    without_blanks,
)
from cutouts.core.records import DeliveryKey
from cutouts.core.table_paths import intake_file, refused_file, taken_file
from cutouts.intake.queue import enter

_LANDED = "_SUCCESS"
_REFUSED = pa.schema(
    [("date", pa.date32()), ("image_id", pa.string()), ("delivery_id", pa.string()), ("uri", pa.string())]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The content of one manifest: deliveries to work on, the problems of the others, and the number of rows."""

    manifest: str
    accepted: tuple[DeliveryKey, ...]
    refused: tuple[DeliveryProblem, ...]
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """Where a delivery was taken from."""

    manifest: str
    delivery: DeliveryKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRefusal:
    """Why nothing could be taken from a manifest in its present state."""

    manifest: str
    problems: tuple[str, ...]


def inspect(source: str) -> Intake:
    """The deliveries of a manifest, good and bad. Raises ManifestError if its structure is wrong or it has no rows."""
    manifest = open_manifest(source)
    accepted: list[DeliveryKey] = []
    refused: list[DeliveryProblem] = []
    for day, table in manifest.by_day(CONTENT_COLUMNS):
        bad = tuple(replace(problem, day=day) for problem in (check_content(table) if day else check_undated(table)))
        refused += bad
        if day:
            accepted += _keys(table, day, {problem.delivery_id for problem in bad})
    if not manifest.rows:
        raise ManifestError(f"the manifest {source} cannot be used", [EMPTY])
    return Intake(manifest=source, accepted=tuple(accepted), refused=tuple(refused), rows=manifest.rows)


def rows_of(source: str, groups: Collection[Group]) -> pa.Table:
    """`date`, `image_id`, `delivery_id` and `uri` of the rows of these groups, and of all rows without a delivery
    id."""
    found = open_manifest(source).by_day(_REFUSED.names[1:]) if groups else ()
    return pa.concat_tables([_REFUSED.empty_table(), *(_rows_on(day, rows, groups) for day, rows in found)])


def take(site: Site, manifest: str, *, waiting: bool = False) -> Intake:
    """Check a landed manifest and record the deliveries taken from it. If it has not changed, taking it again returns
    the same.

    With `waiting`, each delivery also enters the queue of `cutouts.intake.queue`. Raises ManifestError if nothing can
    be taken, and records the refusal; a manifest that was refused before is checked again.
    """
    tables = open_store(site.tables_url)
    fingerprint = _fingerprint(manifest)
    receipt = taken_file(fingerprint)
    if found := find_record(tables, receipt, Intake):
        return found
    try:
        intake = inspect(manifest)
    except ManifestError as error:
        refusal = ManifestRefusal(manifest=manifest, problems=(error.title, *error.problems))
        write_record(tables, refused_file(fingerprint), refusal)
        raise
    for delivery in intake.accepted:
        write_record(tables, intake_file(delivery), _Origin(manifest=manifest, delivery=delivery))
        if waiting:
            enter(site, delivery)
    write_record(tables, receipt, intake)
    tables.remove(refused_file(fingerprint))
    return intake


def landed(site: Site) -> tuple[str, ...]:
    """URLs of the manifests below the site's `manifests` that were neither taken nor refused in their present state."""
    tables = open_store(site.tables_url)
    return tuple(
        url
        for url, fingerprint in _standing(site)
        if not any(tables.exists(name) for name in (taken_file(fingerprint), refused_file(fingerprint)))
    )


def refused(site: Site) -> tuple[ManifestRefusal, ...]:
    """The refusals of manifests below the site's `manifests`, in their present state."""
    tables = open_store(site.tables_url)
    found = (find_record(tables, refused_file(fingerprint), ManifestRefusal) for _, fingerprint in _standing(site))
    return tuple(one for one in found if one)


def _standing(site: Site) -> Iterator[tuple[str, str]]:
    """Each manifest that has landed, with its fingerprint."""
    for url in sorted(set(_landed(open_store(site.manifests_url)))):
        yield url, _fingerprint(url)


def source_of(site: Site, delivery: DeliveryKey) -> str:
    """The manifest that a delivery was taken from. Raises ManifestError if the delivery was never taken."""
    tables = open_store(site.tables_url)
    try:
        return read_record(tables, intake_file(delivery), _Origin).manifest
    except FileNotFoundError:
        raise ManifestError(
            f"delivery {delivery} is not known", [f"no manifest with it has arrived in {site.manifests_url}"]
        ) from None


def deliveries_on(site: Site, day: date) -> tuple[DeliveryKey, ...]:
    """The deliveries of one day that were taken."""
    tables = open_store(site.tables_url)
    names = tables.names(f"intake/deliveries/{day.isoformat()}", ".json")
    return tuple(sorted(read_record(tables, name, _Origin).delivery for name in names))


def deliveries_between(site: Site, first: date | None, last: date | None) -> tuple[DeliveryKey, ...]:
    """Every delivery that was taken from `first` to `last`, both included; None means no limit."""
    tables = open_store(site.tables_url)
    start, end = (first or date.min).isoformat(), (last or date.max).isoformat()
    names = [name for name in tables.names("intake/deliveries", ".json") if start <= name.split("/")[2] <= end]
    return tuple(sorted(in_parallel(lambda name: read_record(tables, name, _Origin).delivery, names)))


def _rows_on(day: date | None, rows: pa.Table, groups: Collection[Group]) -> pa.Table:
    wanted = pa.array([delivery_id for of_day, delivery_id in groups if of_day == day], pa.string())
    named = without_blanks(rows.column("delivery_id"))
    columns = {**{name: rows.column(name) for name in ("image_id", "uri")}, "delivery_id": named}
    columns["date"] = pa.repeat(pa.scalar(day, pa.date32()), rows.num_rows)
    rows = pa.table([columns[name] for name in _REFUSED.names], schema=_REFUSED)
    return rows.filter(pc.or_(pc.is_null(named), pc.is_in(named, wanted)))


def _keys(table: pa.Table, day: date, refused: set[str | None]) -> Iterator[DeliveryKey]:
    for delivery_id in sorted(pc.unique(without_blanks(table.column("delivery_id"))).drop_null().to_pylist()):
        if delivery_id not in refused:
            yield DeliveryKey(date=day, delivery_id=delivery_id)


def _landed(store: Store) -> Iterator[str]:
    """Folders with a `_SUCCESS` file (a whole dataset or one of its days), and Parquet files at the top level."""
    for name in store.names("", ""):
        folder, _, last = name.rpartition("/")
        if last == _LANDED:
            yield f"{store.url}/{folder}".rstrip("/")
        elif not folder and is_manifest_file(name):
            yield f"{store.url}/{name}"


def _fingerprint(url: str) -> str:
    """32 hexadecimal characters that change when the manifest's files do."""
    store = open_store(url)
    files = [store.path(name) for name in store.names("", "")] or [store.path("").rstrip("/")]
    versions = sorted(str(store.fs.ukey(file)) for file in files)
    return hashlib.sha256("\n".join([url, *versions]).encode()).hexdigest()[:32]
