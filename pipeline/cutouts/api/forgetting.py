"""The right to be forgotten: images leave catalogue, history, objects, tables and reports, and a receipt stays.

Objects go before the rows that name them, and the catalogue's history last. So if it is killed at any moment, the same
order finds what is left and completes it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_tables import (
    change_table,
    filter_table,
    find_record,
    read_record,
    read_table,
    write_record,
)
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Outcome
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Order, Selection
from cutouts.core.records import DeliveryKey, Plan, Receipt
from cutouts.core.table_paths import forgotten_file, gate_file, intake_file, plan_file, waiting_file
from cutouts.intake import Intake
from cutouts.report.folder.links import own_links
from cutouts.steps.lease import site_lease

R = TypeVar("R")
_OBJECTS = ("mask", "cutout")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetReceipt:
    """What was removed, without a word of what it was: who ordered it, why and when, and counts.

    `kind` says by what the images were chosen: delivery, product or image.
    """

    receipt_id: str
    kind: str
    by: str
    because: str
    at: str
    withdrawn: int
    history: int
    table_rows: int
    objects: int
    files: int


@dataclass(frozen=True, slots=True)
class _Found:
    """What the tables and the catalogue know of images: ids by plan and by delivery, contents and objects."""

    by_plan: dict[str, set[str]] = field(default_factory=dict)
    keys: set[tuple[str, str]] = field(default_factory=set)
    contents: set[str] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)
    named: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, plan_id: str | None, rows: pa.Table) -> None:
        """Add rows of a table that has at least `image_id`."""
        ids = rows.column("image_id").to_pylist()
        if plan_id is not None:
            self.by_plan.setdefault(plan_id, set()).update(ids)
        columns = rows.column_names
        if "delivery_id" in columns:
            self.keys.update(zip(rows.column("delivery_id").to_pylist(), ids, strict=True))
        for name in ("sha256", "content"):
            if name in columns:
                contents = rows.column(name).to_pylist()
                self.contents.update(filter(None, contents))
                if "uri" in columns:
                    places = zip(contents, zip(ids, rows.column("uri").to_pylist(), strict=True), strict=True)
                    self.named.update((content, place) for content, place in places if content)
        self.add_objects(rows)

    def add_objects(self, rows: pa.Table) -> None:
        """Add the objects that the rows name."""
        for name in _OBJECTS:
            if name in rows.column_names:
                self.objects.update(filter(None, rows.column(name).to_pylist()))


def forget(site: Site, selection: Selection, order: Order) -> ForgetReceipt:
    """Remove the selected images from all that the site keeps; gives the receipt, which stays.

    Raises TransientError if anything runs on the site, CutoutsError if nothing is known of such images.
    """
    if selection.image_id is not None and selection.delivery_id is None:
        raise CutoutsError("an image id is only unique within its delivery: name that too (--delivery)")
    with site_lease(site, alone=True), Catalog.open(site.catalog_url) as catalog:
        tables, objects = open_store(site.tables_url), open_store(site.objects_url)
        withdrawn = sum(one.withdrawn for one in catalog.history.withdraw_forgotten(selection, order))
        mine, others = _find(tables, catalog, selection)
        if not mine.keys:
            raise CutoutsError(f"nothing is known of {selection.words}")
        gone = sorted(mine.objects - others.objects)
        for name in gone:
            objects.remove(name)
        rows = _from_ledger(tables, mine, others) + _from_plans(tables, mine)
        files = _from_records(tables, selection) + _from_report(site, mine)
        receipt_id = uuid.uuid4().hex
        receipt = ForgetReceipt(
            receipt_id=receipt_id,
            kind=", ".join(name.removesuffix("_id") for name in selection.given),
            by=order.by,
            because=order.because,
            at=order.at.isoformat(),
            withdrawn=withdrawn,
            history=catalog.history.purge(selection, f"forgotten-{receipt_id}"),
            table_rows=rows,
            objects=len(gone),
            files=files,
        )
        write_record(tables, forgotten_file(receipt_id), receipt)
    return receipt


def _find(tables: Store, catalog: Catalog, selection: Selection) -> tuple[_Found, _Found]:
    """What is known of the selected images, and of all others."""
    mine, others = _Found(), _Found()
    mine.add(None, catalog.history.versions(selection))
    others.add(None, catalog.history.versions(selection, others=True))
    for plan_id, name in _rows_of_plans(tables):
        table = read_table(tables, name)
        meant = _meant(table, selection)
        mine.add(plan_id, table.filter(meant))
        others.add(plan_id, table.filter(pc.invert(meant)))
    for name in tables.names("shards", "/masks.parquet"):
        plan_id, table = name.split("/")[1], read_table(tables, name)
        meant = pc.is_in(table.column("image_id"), value_set=_texts(mine.by_plan.get(plan_id, ())))
        mine.add(plan_id, table.filter(meant))
        others.add(plan_id, table.filter(pc.invert(meant)))
    only = _texts(mine.contents - others.contents)
    for name in tables.names("ledger", ".parquet"):
        if name.startswith("ledger/masks/") or name.endswith("/masks.parquet"):
            table = read_table(tables, name, ["sha256", *_OBJECTS])
            meant = pc.is_in(table.column("sha256"), value_set=only)
            mine.add_objects(table.filter(meant))
            others.add_objects(table.filter(pc.invert(meant)))
    return mine, others


def _rows_of_plans(tables: Store) -> Iterator[tuple[str, str]]:
    """Each table that says of which delivery and product an image is, with its plan."""
    for name in tables.names("plans", ".parquet"):
        yield name.split("/")[1], name
    for name in tables.names("gates", "/outcomes.parquet"):
        decision = find_record(tables, gate_file(name.split("/")[1], "decision.json"), GateDecision)
        if decision:
            yield decision.plan_id, name


def _meant(table: pa.Table, selection: Selection) -> pa.ChunkedArray:
    meant = pa.repeat(pa.scalar(value=True), table.num_rows)
    for name, value in selection.given.items():
        meant = pc.and_(meant, pc.equal(table.column(name), value))
    return meant


def _texts(values: Iterable[str]) -> pa.Array:
    return pa.array(sorted(values), pa.string())


def _from_ledger(tables: Store, mine: _Found, others: _Found) -> int:
    """Drop what was made of photographs that nobody else has; what others share goes on under their name."""
    only, shared = _texts(mine.contents - others.contents), mine.contents & others.contents
    gone = 0
    for name in tables.names("ledger", ".parquet"):
        gone += filter_table(tables, name, lambda rows: pc.invert(pc.is_in(rows.column("sha256"), value_set=only)))
        if shared:
            change_table(tables, name, lambda rows: _renamed(rows, shared, others.named))
    return gone


def _renamed(rows: pa.Table, shared: Collection[str], named: Mapping[str, tuple[str, str]]) -> pa.Table:
    """The rows of photographs that are shared, under the id and URI of another image that has the same."""
    contents = rows.column("sha256").to_pylist()
    for number, column in enumerate(("image_id", "uri")):
        if column in rows.column_names:
            values = [
                named[content][number] if content in shared and content in named else value
                for content, value in zip(contents, rows.column(column).to_pylist(), strict=True)
            ]
            at = rows.schema.get_field_index(column)
            rows = rows.set_column(at, rows.schema.field(column), pa.array(values, pa.string()))
    return rows


def _from_plans(tables: Store, mine: _Found) -> int:
    """Drop the images from shards, decisions and plans, and correct their books; empty plans go as a whole."""
    gone = 0
    decisions: dict[str, list[str]] = {}
    for plan_id, name in _rows_of_plans(tables):
        if name.startswith("gates/"):
            decisions.setdefault(plan_id, []).append(name.split("/")[1])
    for plan_id, ids in mine.by_plan.items():
        gates = decisions.get(plan_id, [])
        shards = tables.names(f"shards/{plan_id}", "/receipt.json")
        outcomes = [gate_file(gate_id, "outcomes.parquet") for gate_id in gates]
        planned = [plan_file(plan_id, name) for name in ("shards.parquet", "delivery.parquet")]
        for name in (*tables.names(f"shards/{plan_id}", ".parquet"), *outcomes, *planned):  # who knows products last
            gone += filter_table(tables, name, _without(ids))
        for name in shards:
            _correct(tables, name, Receipt, partial(_receipt, tables, name))
        for gate_id in gates:
            _correct(tables, gate_file(gate_id, "decision.json"), GateDecision, partial(_decision, tables))
        _correct(tables, plan_file(plan_id, "plan.json"), Plan, partial(_plan, tables))
        _remove_if_empty(tables, plan_id, gates)
    return gone


def _without(ids: Collection[str]) -> Callable[[pa.Table], pa.Array]:
    forgotten = _texts(ids)
    return lambda rows: pc.invert(pc.is_in(rows.column("image_id"), value_set=forgotten))


def _correct(tables: Store, name: str, kind: type[R], change: Callable[[R], R]) -> None:
    record = find_record(tables, name, kind)
    if record is not None and (corrected := change(record)) != record:
        write_record(tables, name, corrected)


def _receipt(tables: Store, name: str, receipt: Receipt) -> Receipt:
    folder = name.rpartition("/")[0]
    masks, rejections = (
        read_table(tables, f"{folder}/{table}.parquet", ["image_id"]).num_rows for table in ("masks", "rejections")
    )
    reused = min(receipt.reused, masks)
    return replace(receipt, images=masks + rejections, reused=reused, cut=masks - reused, rejected=rejections)


def _decision(tables: Store, decision: GateDecision) -> GateDecision:
    outcomes = gate_file(decision.gate_id, "outcomes.parquet")
    found = read_table(tables, outcomes, ["outcome"]).column("outcome").to_pylist()
    return replace(decision, images=len(found), **{str(one): found.count(str(one)) for one in Outcome})


def _plan(tables: Store, plan: Plan) -> Plan:
    states = read_table(tables, plan_file(plan.plan_id, "delivery.parquet"), ["state"]).column("state").to_pylist()
    known = states.count("known")
    return replace(plan, images=len(states), known=known, todo=len(states) - known)


def _remove_if_empty(tables: Store, plan_id: str, gates: Iterable[str]) -> None:
    plan = find_record(tables, plan_file(plan_id, "plan.json"), Plan)
    if plan is not None and not plan.images:
        folders = (f"plans/{plan_id}", f"shards/{plan_id}", *(f"gates/{gate_id}" for gate_id in gates))
        for suffix in (".json", ".parquet"):  # without its record a set counts for nothing
            for folder in folders:
                tables.remove_all(tables.names(folder, suffix))


def _from_records(tables: Store, selection: Selection) -> int:
    """Remove verdicts, which are made again, damaged tables, which nobody can look into, and a delivery's intake."""
    names = [*tables.names("verdicts", ".json"), *tables.names("damaged", "")]
    if list(selection.given) == ["delivery_id"]:
        for name in tables.names("intake/taken", ".json"):
            intake = read_record(tables, name, Intake)
            its = [one for one in intake.accepted if one.delivery_id == selection.delivery_id]
            names += [file for key in its for file in _intake_files(tables, key)]
            _correct(tables, name, Intake, lambda one: _without_delivery(one, selection.delivery_id))
    tables.remove_all(names)
    return len(names)


def _intake_files(tables: Store, key: DeliveryKey) -> list[str]:
    return [name for name in (intake_file(key), waiting_file(key)) if tables.exists(name)]


def _without_delivery(intake: Intake, delivery_id: str | None) -> Intake:
    return replace(
        intake,
        accepted=tuple(one for one in intake.accepted if one.delivery_id != delivery_id),
        refused=tuple(one for one in intake.refused if one.delivery_id != delivery_id),
    )


def _from_report(site: Site, mine: _Found) -> int:
    """Remove a run's page, which shows pictures, and what its table, its manifest and its links say of the images."""
    root = Path(site.root)
    if "://" in site.root or not (root / "images.parquet").is_file():
        return 0
    store = open_store(str(root.resolve()))
    keys = _texts(f"{delivery_id}/{image_id}" for delivery_id, image_id in mine.keys)

    def keep(rows: pa.Table) -> pa.Array:
        named = pc.binary_join_element_wise(rows.column("delivery_id"), rows.column("image_id"), "/")
        return pc.invert(pc.is_in(named, value_set=keys))

    prefixes = tuple(_link_names(read_table(store, "images.parquet"), keep))
    listed = ("images.parquet", *store.names("manifest", ".parquet"))
    changed = [name for name in listed if filter_table(store, name, keep)]
    links = list(own_links(root))
    gone = [
        link
        for link in links
        if not link.exists() or link.relative_to(root / "cutouts").as_posix().startswith(prefixes)
    ]
    for file in (*gone, root / "report.html"):
        file.unlink(missing_ok=True)
    return len(changed) + len(gone) + 1


def _link_names(images: pa.Table, keep: Callable[[pa.Table], pa.Array]) -> Iterator[str]:
    """How the names of links to forgotten images begin; what begins alike comes back with the next run."""
    for row in images.filter(pc.invert(keep(images))).to_pylist():
        for name in (row["source"], f"{row['date']}/{row['delivery_id']}/{row['image_id']}"):
            yield PurePosixPath(name).with_suffix("").as_posix()
