"""The real `historical_backfill`, run by `dag.test()`."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from cutouts import intake
from cutouts.core.config import Site
from tests.airflow_home import announced, dag_bag, task_states
from tests.deliveries import land, manifest_of, nothing, photograph, product


def test_a_day_is_worked_through_delivery_by_delivery(site: Site, tmp_path: Path) -> None:
    """The good delivery is published though the other one is held; again, nothing is cut."""
    photograph(tmp_path / "studio" / "good", product(0))
    photograph(tmp_path / "studio" / "empty", *map(nothing, range(5)))
    table = manifest_of(tmp_path / "studio")
    intake.take(site, str(land(tmp_path / "archive", "old", date(2025, 3, 4), table)))

    run = dag_bag()["historical_backfill"].test(run_conf={"day": "2025-03-04"})
    assert str(run.state) == "success"
    assert task_states(run)["one_delivery.publish"] == ["skipped", "success"]
    assert announced("cutouts") & {"2025-03-04/good", "2025-03-04/empty"} == {"2025-03-04/good"}

    receipts = set(Path(site.tables_url).glob("shards/**/receipt.json"))
    again = dag_bag()["historical_backfill"].test(run_conf={"day": "2025-03-04"})
    assert str(again.state) == "success"
    assert set(Path(site.tables_url).glob("shards/**/receipt.json")) == receipts


def test_the_tasks_of_a_delivery_are_named_after_it(site: Site, tmp_path: Path) -> None:
    """The pages show the delivery's key where they would number the group's instances."""
    for name in ("caps", "hats"):
        photograph(tmp_path / "studio" / name, product(0))
    intake.take(site, str(land(tmp_path, "named", date(2025, 5, 6), manifest_of(tmp_path / "studio"))))
    run = dag_bag()["historical_backfill"].test(run_conf={"day": "2025-05-06"})
    names = {(task.task_id, task.rendered_map_index) for task in run.get_task_instances() if task.map_index >= 0}
    steps = ("plan", "segment", "gate", "publish")
    assert names == {(f"one_delivery.{step}", f"2025-05-06/{name}") for step in steps for name in ("caps", "hats")}


def test_it_shows_no_schedule(site: Site) -> None:
    """Its timetable looks like no cron expression, and offers no next run."""
    timetable = dag_bag()["historical_backfill"].timetable
    assert (timetable.summary, "Never by itself" in timetable.description) == ("Backfill only", True)


def test_a_delivery_that_fails_stops_none_of_the_others(site: Site, tmp_path: Path) -> None:
    """The manifest of one is gone: its group fails, and with it the run, but the other one is published."""
    for name in ("gone", "here"):
        photograph(tmp_path / name / name, product(0))
        table = manifest_of(tmp_path / name)
        intake.take(site, str(land(tmp_path / "archive", name, date(2025, 4, 5), table)))
    shutil.rmtree(tmp_path / "archive" / "gone")

    run = dag_bag()["historical_backfill"].test(run_conf={"day": "2025-04-05"})
    states = task_states(run)
    assert (str(run.state), states["one_delivery.plan"]) == ("failed", ["failed", "success"])
    assert states["one_delivery.publish"] == ["success", "upstream_failed"]
    assert announced("cutouts") & {"2025-04-05/gone", "2025-04-05/here"} == {"2025-04-05/here"}


def test_a_day_without_deliveries_is_no_failure(site: Site) -> None:
    """A backfill over a year meets many such days."""
    assert str(dag_bag()["historical_backfill"].test(run_conf={"day": "2025-03-05"}).state) == "success"
