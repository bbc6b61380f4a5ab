"""How far each backfill is: its records, which say what is done, and whether somebody asked it to stop."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_records import find_record, write_record
from cutouts.core.backfills.selection import BackfillSelection
from cutouts.core.backfills.state import BackfillPhase, BackfillState
from cutouts.core.backfills.survey import DeliveryWork
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError
from cutouts.core.table_paths import BACKFILLS, backfill_file, backfilled_file


def find_backfill(site: Site, backfill_id: str) -> BackfillState | None:
    """The progress of a backfill; None if no backfill has that id."""
    return find_record(open_store(site.tables_url), backfill_file(backfill_id, "state.json"), BackfillState)


def require_backfill(site: Site, backfill_id: str) -> BackfillState:
    """The progress of a backfill. Raises CutoutsError if no backfill has that id."""
    state = find_backfill(site, backfill_id)
    if state is None:
        raise CutoutsError(f"there is no backfill {backfill_id}: `cutouts status` lists them")
    return state


def note_work(site: Site, backfill_id: str, *, cut: int, seconds: float) -> BackfillState:
    """Add one finished shard to the progress of a backfill. Only the process that cuts its shards may call this, for
    one shard at a time."""
    state = require_backfill(site, backfill_id)
    done = finished_deliveries(site, backfill_id)
    return keep_backfill(
        site, replace(state, cut=state.cut + cut, seconds=state.seconds + seconds, deliveries_done=done)
    )


def end_run(site: Site, backfill_id: str, *, failed: bool) -> BackfillState:
    """Record the state of a backfill at the end of a run: done, cancelled, failed, or paused because the budget is used
    up."""
    state = require_backfill(site, backfill_id)
    state = replace(state, deliveries_done=finished_deliveries(site, backfill_id))
    if is_cancelled(site, backfill_id):
        phase = BackfillPhase.CANCELLED
    elif failed:
        phase = BackfillPhase.FAILED
    else:
        phase = BackfillPhase.DONE if state.deliveries_done >= state.deliveries else BackfillPhase.PAUSED
    return keep_backfill(site, replace(state, phase=phase))


def finished_deliveries(site: Site, backfill_id: str) -> int:
    """How many deliveries a backfill has finished, over all of its runs."""
    return len(open_store(site.tables_url).names(backfill_file(backfill_id, "done"), ".json"))


def keep_backfill(site: Site, state: BackfillState) -> BackfillState:
    """Record the progress of a backfill, with the present time."""
    state = replace(state, at=datetime.now(UTC))
    write_record(open_store(site.tables_url), backfill_file(state.backfill_id, "state.json"), state)
    return state


def backfills(site: Site) -> tuple[BackfillState, ...]:
    """Every backfill, the most recently active first."""
    tables = open_store(site.tables_url)
    names = [name for name in tables.names(BACKFILLS, "/state.json") if name.count("/") == 2]
    found = filter(None, (find_record(tables, name, BackfillState) for name in names))
    return tuple(sorted(found, key=lambda state: state.at, reverse=True))


def cancel_backfill(site: Site, backfill_id: str) -> BackfillState:
    """Ask a backfill to stop, wherever it runs: it stops before its next shard. Raises CutoutsError if no backfill has
    that id."""
    state = require_backfill(site, backfill_id)
    if state.phase is BackfillPhase.DONE:
        return state
    state = keep_backfill(site, replace(state, phase=BackfillPhase.CANCELLED))
    write_record(open_store(site.tables_url), backfill_file(backfill_id, "cancelled.json"), state)
    return state


def is_cancelled(site: Site, backfill_id: str) -> bool:
    """Whether somebody has asked the backfill to stop."""
    return open_store(site.tables_url).exists(backfill_file(backfill_id, "cancelled.json"))


def uncancel(site: Site, backfill_id: str) -> None:
    """Withdraw the request to stop a backfill, because it is started again."""
    open_store(site.tables_url).remove(backfill_file(backfill_id, "cancelled.json"))


def finish_delivery(site: Site, backfill_id: str, work: DeliveryWork) -> None:
    """Record that a backfill has finished a delivery."""
    write_record(open_store(site.tables_url), backfilled_file(backfill_id, work.delivery), work)


def is_finished(site: Site, selection: BackfillSelection, backfill_id: str, work: DeliveryWork) -> bool:
    """Whether a backfill has finished a delivery: no image is left to cut, and everything was judged and published.

    A second try is never finished as long as it has images: those that were judged are not among them any more.
    """
    if work.todo or (work.images and selection.quarantined):
        return False
    return open_store(site.tables_url).exists(backfilled_file(backfill_id, work.delivery))


def reopen_delivery(site: Site, backfill_id: str, work: DeliveryWork) -> None:
    """Withdraw the record that a backfill has finished a delivery, because there is work in it again."""
    open_store(site.tables_url).remove(backfilled_file(backfill_id, work.delivery))
