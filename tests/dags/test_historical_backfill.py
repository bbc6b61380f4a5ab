"""The real `historical_backfill`, run by `dag.test()`."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

from cutouts import intake
from cutouts.adapters.catalog import Catalog
from cutouts.core.backfills.state import BackfillPhase
from cutouts.core.config import Site
from cutouts.steps.backfill_progress import backfills, cancel_backfill
from cutouts_airflow import order
from tests.airflow_home import announced, dag_bag, task_states
from tests.deliveries import land, manifest_of, nothing, photograph, product

NOTHING: dict[str, object] = {
    **dict.fromkeys(("day", "first", "last", "images", "hours", "resume")),
    **{name: [] for name in ("suppliers", "categories", "products")},
    **dict.fromkeys(("stale", "newest_first", "dry_run"), False),
}
"""The defaults of its parameters, because `dag.test` keeps the values of one run for the next."""


def _run(**conf: object) -> Any:
    """A run with these parameters."""
    return dag_bag()["historical_backfill"].test(run_conf={**NOTHING, **conf})


def test_the_deliveries_of_a_day_are_independent(site: Site, tmp_path: Path) -> None:
    """The good delivery is published though the other one is held; a second run cuts nothing."""
    photograph(tmp_path / "studio" / "good", product(0))
    photograph(tmp_path / "studio" / "empty", *map(nothing, range(5)))
    table = manifest_of(tmp_path / "studio")
    intake.take(site, str(land(tmp_path / "archive", "old", date(2025, 3, 4), table)))

    run = _run(day="2025-03-04")
    assert str(run.state) == "success"
    assert task_states(run)["one_delivery.publish"] == ["skipped", "success"]
    assert announced("cutouts") & {"2025-03-04/good", "2025-03-04/empty"} == {"2025-03-04/good"}

    receipts = set(Path(site.tables_url).glob("shards/**/receipt.json"))
    again = _run(day="2025-03-04")
    assert str(again.state) == "success"
    assert set(Path(site.tables_url).glob("shards/**/receipt.json")) == receipts


def test_the_tasks_of_a_delivery_are_named_after_it(site: Site, tmp_path: Path) -> None:
    """Airflow shows the delivery's key in place of a number."""
    for name in ("caps", "hats"):
        photograph(tmp_path / "studio" / name, product(0))
    intake.take(site, str(land(tmp_path, "named", date(2025, 5, 6), manifest_of(tmp_path / "studio"))))
    run = _run(day="2025-05-06")
    names = {(task.task_id, task.rendered_map_index) for task in run.get_task_instances() if task.map_index >= 0}
    steps = ("plan", "segment", "gate", "publish")
    assert names == {(f"one_delivery.{step}", f"2025-05-06/{name}") for step in steps for name in ("caps", "hats")}


def test_it_shows_no_schedule(site: Site) -> None:
    """Its timetable does not look like a cron expression and has no next run."""
    timetable = dag_bag()["historical_backfill"].timetable
    assert (timetable.summary, "Never by itself" in timetable.description) == ("Backfill only", True)


def test_a_failed_delivery_does_not_stop_the_others(site: Site, tmp_path: Path) -> None:
    """The manifest of one is missing: its group and the run fail, but the other one is published."""
    for name in ("gone", "here"):
        photograph(tmp_path / name / name, product(0))
        table = manifest_of(tmp_path / name)
        intake.take(site, str(land(tmp_path / "archive", name, date(2025, 4, 5), table)))
    shutil.rmtree(tmp_path / "archive" / "gone")

    run = _run(day="2025-04-05")
    states = task_states(run)
    assert (str(run.state), states["one_delivery.plan"]) == ("failed", ["failed", "success"])
    assert states["one_delivery.publish"] == ["success", "upstream_failed"]
    assert announced("cutouts") & {"2025-04-05/gone", "2025-04-05/here"} == {"2025-04-05/here"}


def test_a_day_without_deliveries_is_not_a_failure(site: Site) -> None:
    """A backfill over a year includes many such days."""
    assert str(_run(day="2025-03-05").state) == "success"


def test_a_selection_is_worked_on_within_its_budget_and_continued(site: Site, tmp_path: Path) -> None:
    """One image is cut today, the evening's DAG continues, and nothing is left for the next evening."""
    photograph(tmp_path / "studio" / "acme", product(21), product(22))
    intake.take(site, str(land(tmp_path / "archive", "budget", date(2025, 6, 7), manifest_of(tmp_path / "studio"))))
    chosen = {"suppliers": ["acme"], "first": "2025-06-07", "images": 1}

    dry = _run(**chosen, dry_run=True)
    assert (str(dry.state), task_states(dry)["finish"]) == ("success", ["success"])
    assert backfills(site) == ()

    run = _run(**chosen)
    assert str(run.state) == "success"
    (state,) = backfills(site)
    assert (state.phase, state.cut, state.images, state.budget.images) == (BackfillPhase.PAUSED, 1, 2, 1)
    with Catalog.open(site.catalog_url) as catalog:
        assert catalog.counts().images == 1

    from cutouts_airflow import backfilling

    evening = dag_bag()["backfill_tomorrow"]
    assert "again" in evening.task_ids
    assert backfilling.paused() == [{"resume": state.backfill_id}]
    again = _run(resume=state.backfill_id)
    assert str(again.state) == "success"
    (state,) = backfills(site)
    assert (state.phase, state.cut, state.deliveries_done) == (BackfillPhase.DONE, 2, 1)
    assert backfilling.paused() == []


def test_a_cancelled_backfill_stops_before_its_next_shard(site: Site, tmp_path: Path) -> None:
    """It can be cancelled outside of Airflow; nothing stays queued, and a run with its id continues it."""
    from cutouts_airflow import backfilling

    photograph(tmp_path / "studio" / "later", product(31))
    intake.take(site, str(land(tmp_path / "archive", "cancel", date(2025, 7, 8), manifest_of(tmp_path / "studio"))))
    first = _run(suppliers=["later"], hours=1e-9)
    (state,) = backfills(site)
    assert (str(first.state), state.phase, state.cut) == ("success", BackfillPhase.PAUSED, 0)
    assert task_states(first)["one_delivery.segment"] == ["skipped"]
    cancel_backfill(site, state.backfill_id)
    assert backfilling.paused() == []
    run = _run(resume=state.backfill_id, hours=1)
    assert (str(run.state), backfills(site)[0].phase) == ("success", BackfillPhase.DONE)


def test_a_run_that_selects_nothing_fails_at_once(site: Site) -> None:
    """A forgotten parameter must not reprocess everything."""
    run = _run()
    assert task_states(run)["chosen"] == ["failed"]


def test_it_has_its_own_pool_and_one_run_at_a_time(airflow_home: Path) -> None:
    """It takes no more slots than the pool has, and two runs never work on the same selection."""
    backfill = dag_bag()["historical_backfill"]
    assert {task.pool for task in backfill.tasks} == {order.BACKFILL_POOL}
    assert backfill.max_active_runs == 1
    assert all(task.priority_weight < order.PLAN for task in backfill.tasks)
