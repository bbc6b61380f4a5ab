"""Plans, their shards and decisions of earlier steps by their keys, which people may type."""

from __future__ import annotations

from typing import TypeVar

from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import find_record, read_record
from cutouts.core.arguments import require_type
from cutouts.core.decisions import GateDecision
from cutouts.core.errors import StorageError
from cutouts.core.records import Plan, ShardKey
from cutouts.core.table_paths import gate_file, plan_file
from cutouts.core.text.counting import counted

R = TypeVar("R")


def plan_of(tables: Store, plan_id: str) -> Plan:
    """The plan with that id. Raises StorageError if there is none, DamagedError if it is damaged."""
    require_type("plan_id", plan_id, str)
    return _stored(tables, plan_file(plan_id, "plan.json"), Plan, f"plan {plan_id}", "cutouts plan")


def plan_of_shard(tables: Store, shard: ShardKey) -> Plan:
    """The plan that a shard belongs to. Raises StorageError if there is none, or if it has no such shard."""
    plan = plan_of(tables, shard.plan_id)
    if shard.index not in range(plan.shards):
        has = counted(plan.shards, "shard")
        raise StorageError(f"there is no shard {shard}: its plan has {has}, whose keys `cutouts plan` prints")
    return plan


def is_second_try(tables: Store, plan_id: str) -> bool:
    """Whether a plan is about quarantined images that were cut again; false if the plan was removed."""
    plan = find_record(tables, plan_file(plan_id, "plan.json"), Plan)
    return plan is not None and bool(plan.second_try_of)


def decision_of(tables: Store, gate_id: str) -> GateDecision:
    """The gate's decision with that id. Raises StorageError if there is none, DamagedError if it is damaged."""
    require_type("gate_id", gate_id, str)
    return _stored(tables, gate_file(gate_id, "decision.json"), GateDecision, f"decision {gate_id}", "cutouts gate")


def _stored(tables: Store, name: str, kind: type[R], what: str, command: str) -> R:
    try:
        return read_record(tables, name, kind)
    except FileNotFoundError as error:
        raise StorageError(
            f"there is no {what} in {tables.url}: `{command}` prints its id, and --out or --config names the site that "
            "it is in"
        ) from error
