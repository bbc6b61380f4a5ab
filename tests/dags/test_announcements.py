"""The real `announcements`, run by `dag.test()`."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from cutouts import intake, steps
from cutouts.core.config import Site
from cutouts.core.records import DeliveryKey
from tests.airflow_home import dag_bag, events, task_states
from tests.deliveries import land, manifest_of, nothing, photograph, product


def test_waiting_deliveries_become_partitions_up_to_the_limit(site: Site, tmp_path: Path) -> None:
    """They leave the queue, and the others stay in it, the oldest first."""
    for number in range(6):
        photograph(tmp_path / "studio" / f"shop-{number}", product(0))
    table = manifest_of(tmp_path / "studio")
    intake.take(site, str(land(Path(site.manifests_url), "many", date(2026, 4, 1), table)), waiting=True)

    run = dag_bag()["announcements"].test()
    assert (str(run.state), task_states(run)["deliveries"]) == ("success", ["success"])
    handed = [key for key, _ in events("manifest") if key and key.startswith("2026-04-01/shop-")]
    assert sorted(handed) == [f"2026-04-01/shop-{number}" for number in range(4)]
    left = intake.waiting(site, at_most=10)
    assert [str(key) for key in left.first] == ["2026-04-01/shop-4", "2026-04-01/shop-5"]


def test_a_release_by_command_is_announced_once(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not announced at once; then its key is on the asset once, with the counts."""
    monkeypatch.setattr("cutouts_airflow.announcing.GRACE", timedelta(0))
    photograph(tmp_path / "studio" / "dim", *map(nothing, range(5)), product(1))
    intake.take(site, str(land(tmp_path, "any", date(2026, 4, 2), manifest_of(tmp_path / "studio"))))
    held = dag_bag()["catalog_refresh"].test(run_conf={"delivery": "2026-04-02/dim"})
    assert task_states(held)["publish"] == ["skipped"]
    assert task_states(dag_bag()["announcements"].test())["publication"] == ["skipped"]

    steps.approve(site, "2026-04-02/dim", by="Ada", why="meant so")
    assert task_states(dag_bag()["announcements"].test())["publication"] == ["success"]
    ((_, facts),) = events("cutouts", "2026-04-02/dim")
    assert (facts["images"], facts["published"], facts["quarantined"]) == (6, 1, 5)
    assert steps.unannounced(site) == ()
    assert task_states(dag_bag()["announcements"].test())["publication"] == ["skipped"]
    assert len(events("cutouts", "2026-04-02/dim")) == 1


def test_a_task_that_airflow_gave_up_records_nothing(site: Site, tmp_path: Path) -> None:
    """Airflow refused its success and the event with it, so the announcement is still due."""
    from cutouts_airflow import announcing

    class GivenUp:
        dag_id, task_id, run_id, map_index = "catalog_refresh", "publish", "run", -1

        @staticmethod
        def get_task_states(**_: object) -> dict[str, dict[str, str]]:
            return {"run": {"publish": "up_for_retry"}}

    photograph(tmp_path / "studio" / "lost", product(0))
    intake.take(site, str(land(tmp_path, "lost", date(2026, 4, 3), manifest_of(tmp_path / "studio"))), waiting=True)
    announcing.handed_over({"ti": GivenUp()})
    assert intake.waiting(site, at_most=1).first == (DeliveryKey.parse("2026-04-03/lost"),)
