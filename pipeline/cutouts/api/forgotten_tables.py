"""Finds images in the tables of a site, and removes them: from ledger, plans, decisions and records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.parallel import in_parallel
from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import find_record, read_record, write_record
from cutouts.adapters.storage.stored_tables import change_table, filter_table, read_each, read_table
from cutouts.core.decisions import GateDecision, Outcome
from cutouts.core.publications import Selection
from cutouts.core.records import DeliveryKey, Plan, Receipt
from cutouts.core.table_paths import gate_file, intake_file, plan_file, records_first, waiting_file
from cutouts.intake import Intake

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Found:
    """What the tables and the catalogue know about images: ids by plan, (delivery id, image id) keys, and contents.
    `named` has an image id and URI for each content."""

    by_plan: dict[str, set[str]] = field(default_factory=dict)
    keys: set[tuple[str, str]] = field(default_factory=set)
    contents: set[str] = field(default_factory=set)
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


def rows_of_plans(tables: Store) -> list[tuple[str, str]]:
    """The plan id and the name of each table that states the delivery and product of its images."""
    gates = [name.split("/")[1] for name in tables.names("gates", "/outcomes.parquet")]
    decisions = in_parallel(lambda one: find_record(tables, gate_file(one, "decision.json"), GateDecision), gates)
    judged = [
        (decision.plan_id, gate_file(gate_id, "outcomes.parquet"))
        for gate_id, decision in zip(gates, decisions, strict=True)
        if decision
    ]
    return [*((name.split("/")[1], name) for name in tables.names("plans", ".parquet")), *judged]


def texts(values: Iterable[str]) -> pa.Array:
    """The values, sorted, as an array."""
    return pa.array(sorted(values), pa.string())


def from_ledger(tables: Store, mine: Found, others: Found) -> int:
    """Remove the results of photographs that only forgotten images have; shared results stay under the name of another
    image. Returns the number of removed rows."""
    only, shared = texts(mine.contents - others.contents), mine.contents & others.contents
    gone = 0
    for name in _ledger_files_with(tables, texts(mine.contents)):
        gone += filter_table(tables, name, lambda rows: pc.invert(pc.is_in(rows.column("sha256"), value_set=only)))
        if shared:
            change_table(tables, name, lambda rows: _renamed(rows, shared, others.named))
    return gone


def _ledger_files_with(tables: Store, contents: pa.Array) -> list[str]:
    """The ledger's files with a row about one of these contents. Of the others, only the digests are read."""
    names = tables.names("ledger", ".parquet")
    found = zip(names, read_each(tables, names, ["sha256"]), strict=True)
    return [name for name, rows in found if pc.any(pc.is_in(rows.column("sha256"), value_set=contents)).as_py()]


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


def from_results(tables: Store, mine: Found) -> int:
    """Remove the images from shards and decisions, and correct their counts. Returns the number of removed rows."""
    return sum(in_parallel(partial(_from_results, tables), _files_of_plans(tables, mine)))


def from_plans(tables: Store, mine: Found) -> int:
    """Remove the images from plans, and correct their counts; empty plans are removed completely, with their shards and
    decisions. Returns the number of removed rows."""
    work = _files_of_plans(tables, mine)
    gone = sum(in_parallel(partial(_from_plan, tables), work))
    empty = [
        name
        for one, is_empty in zip(work, in_parallel(partial(_is_empty, tables), work), strict=True)
        if is_empty
        for name in one.names
    ]
    for some in records_first(empty):
        tables.remove_all(some)
    return gone


def _files_of_plans(tables: Store, mine: Found) -> list[_PlanFiles]:
    files: dict[str, list[str]] = {plan_id: [] for plan_id in mine.by_plan}
    for name in (*tables.names("shards", ""), *tables.names("plans", "")):
        files.get(name.split("/")[1], []).append(name)
    plan_of = {name.split("/")[1]: plan_id for plan_id, name in rows_of_plans(tables) if name.startswith("gates/")}
    for name in tables.names("gates", ""):
        files.get(plan_of.get(name.split("/")[1], ""), []).append(name)
    return [_PlanFiles(plan_id=plan_id, ids=ids, names=tuple(files[plan_id])) for plan_id, ids in mine.by_plan.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlanFiles:
    """The files of a plan, its shards and its decisions, and the ids of its images that are to be forgotten."""

    plan_id: str
    ids: Collection[str]
    names: tuple[str, ...]

    def ending(self, *ends: str) -> list[str]:
        """The files whose names end like this."""
        return [name for name in self.names if name.endswith(ends)]


def _from_results(tables: Store, plan: _PlanFiles) -> int:
    # Before the rows: a shard that lacks images is cut anew if they come again.
    for name in plan.ending("/receipt.json"):
        _correct(tables, name, Receipt, partial(_receipt, tables, name, plan.ids))
    results = [name for name in plan.ending(".parquet") if not name.startswith("plans/")]
    gone = sum(filter_table(tables, name, _without(plan.ids)) for name in results)
    for name in plan.ending("/decision.json"):
        _correct(tables, name, GateDecision, partial(_decision, tables))
    return gone


def _from_plan(tables: Store, plan: _PlanFiles) -> int:
    # Before its rows: a plan that lacks images is made anew if they come again.
    for name in plan.ending("/plan.json"):
        _correct(tables, name, Plan, partial(_plan, tables, plan.ids))
    rows = plan.ending("/shards.parquet", "/delivery.parquet")
    return sum(filter_table(tables, name, _without(plan.ids)) for name in rows)


def _is_empty(tables: Store, plan: _PlanFiles) -> bool:
    record = find_record(tables, plan_file(plan.plan_id, "plan.json"), Plan)
    return record is not None and not record.images


def _without(ids: Collection[str]) -> Callable[[pa.Table], pa.Array]:
    forgotten = texts(ids)
    return lambda rows: pc.invert(pc.is_in(rows.column("image_id"), value_set=forgotten))


def _correct(tables: Store, name: str, kind: type[R], change: Callable[[R], R]) -> None:
    record = find_record(tables, name, kind)
    if record is not None and (corrected := change(record)) != record:
        write_record(tables, name, corrected)


def _receipt(tables: Store, name: str, ids: Collection[str], receipt: Receipt) -> Receipt:
    folder = name.rpartition("/")[0]
    found = (read_table(tables, f"{folder}/{table}.parquet", ["image_id"]) for table in ("masks", "rejections"))
    masks, rejections = (table.filter(_without(ids)(table)).num_rows for table in found)
    reused = min(receipt.reused, masks)
    return replace(receipt, images=masks + rejections, reused=reused, cut=masks - reused, rejected=rejections)


def _decision(tables: Store, decision: GateDecision) -> GateDecision:
    outcomes = gate_file(decision.gate_id, "outcomes.parquet")
    found = read_table(tables, outcomes, ["outcome"]).column("outcome").to_pylist()
    return replace(decision, images=len(found), **{str(one): found.count(str(one)) for one in Outcome})


def _plan(tables: Store, ids: Collection[str], plan: Plan) -> Plan:
    images = read_table(tables, plan_file(plan.plan_id, "delivery.parquet"), ["image_id", "state"])
    states = images.filter(_without(ids)(images)).column("state").to_pylist()
    known = states.count("known")
    return replace(plan, images=len(states), known=known, todo=len(states) - known)


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
