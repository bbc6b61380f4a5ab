"""Finds images in the tables of a site, and removes them: from ledger, plans, decisions and records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_tables import (
    change_table,
    filter_table,
    find_record,
    read_record,
    read_table,
    write_record,
)
from cutouts.core.decisions import GateDecision, Outcome
from cutouts.core.publications import Selection
from cutouts.core.records import DeliveryKey, Plan, Receipt
from cutouts.core.table_paths import gate_file, intake_file, plan_file, waiting_file
from cutouts.intake import Intake

R = TypeVar("R")
OBJECTS = ("mask", "cutout")


@dataclass(frozen=True, slots=True)
class Found:
    """What the tables and the catalogue know about images: ids by plan, (delivery id, image id) keys, contents and
    objects. `named` has an image id and URI for each content."""

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
        for name in OBJECTS:
            if name in rows.column_names:
                self.objects.update(filter(None, rows.column(name).to_pylist()))


def rows_of_plans(tables: Store) -> Iterator[tuple[str, str]]:
    """The plan id and the name of each table that states the delivery and product of its images."""
    for name in tables.names("plans", ".parquet"):
        yield name.split("/")[1], name
    for name in tables.names("gates", "/outcomes.parquet"):
        decision = find_record(tables, gate_file(name.split("/")[1], "decision.json"), GateDecision)
        if decision:
            yield decision.plan_id, name


def texts(values: Iterable[str]) -> pa.Array:
    """The values, sorted, as an array."""
    return pa.array(sorted(values), pa.string())


def from_ledger(tables: Store, mine: Found, others: Found) -> int:
    """Remove the results of photographs that only forgotten images have; shared results stay under the name of another
    image. Returns the number of removed rows."""
    only, shared = texts(mine.contents - others.contents), mine.contents & others.contents
    gone = 0
    for name in tables.names("ledger", ".parquet"):
        gone += filter_table(tables, name, lambda rows: pc.invert(pc.is_in(rows.column("sha256"), value_set=only)))
        if shared:
            change_table(tables, name, lambda rows: _renamed(rows, shared, others.named))
    return gone


def _renamed(rows: pa.Table, shared: Collection[str], named: Mapping[str, tuple[str, str]]) -> pa.Table:
    """The rows, with those of shared photographs under the id and URI of another image with the same content."""
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


def from_plans(tables: Store, mine: Found) -> int:
    """Remove the images from shards, decisions and plans, and correct the counts; empty plans are removed completely.
    Returns the number of removed rows."""
    gone = 0
    decisions: dict[str, list[str]] = {}
    for plan_id, name in rows_of_plans(tables):
        if name.startswith("gates/"):
            decisions.setdefault(plan_id, []).append(name.split("/")[1])
    for plan_id, ids in mine.by_plan.items():
        gates = decisions.get(plan_id, [])
        shards = tables.names(f"shards/{plan_id}", "/receipt.json")
        outcomes = [gate_file(gate_id, "outcomes.parquet") for gate_id in gates]
        planned = [plan_file(plan_id, name) for name in ("shards.parquet", "delivery.parquet")]
        for name in (*tables.names(f"shards/{plan_id}", ".parquet"), *outcomes, *planned):  # product ids last
            gone += filter_table(tables, name, _without(ids))
        for name in shards:
            _correct(tables, name, Receipt, partial(_receipt, tables, name))
        for gate_id in gates:
            _correct(tables, gate_file(gate_id, "decision.json"), GateDecision, partial(_decision, tables))
        _correct(tables, plan_file(plan_id, "plan.json"), Plan, partial(_plan, tables))
        _remove_if_empty(tables, plan_id, gates)
    return gone


def _without(ids: Collection[str]) -> Callable[[pa.Table], pa.Array]:
    forgotten = texts(ids)
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
        for suffix in (".json", ".parquet"):  # without its record, a set counts as not written
            for folder in folders:
                tables.remove_all(tables.names(folder, suffix))


def from_manifests(tables: Store, selection: Selection) -> int:
    """Remove the images from the manifests that were made from folders of photographs. Returns the number of removed
    rows."""
    names = tables.names("manifests", ".parquet")
    return sum(filter_table(tables, name, lambda rows: pc.invert(meant(rows, selection))) for name in names)


def meant(rows: pa.Table, selection: Selection) -> pa.ChunkedArray:
    """Whether each row is about a selected image, for a table with the ids of delivery, product and image."""
    found = pa.repeat(pa.scalar(value=True), rows.num_rows)
    for name, value in selection.given.items():
        found = pc.and_(found, pc.equal(rows.column(name), value))
    return found


def from_records(tables: Store, selection: Selection) -> int:
    """Remove verdicts, which are made again, damaged tables, which cannot be searched, and, if a whole delivery is
    forgotten, its intake. Returns the number of removed files."""
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
