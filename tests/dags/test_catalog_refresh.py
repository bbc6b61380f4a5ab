"""The real `catalog_refresh`, run by `dag.test()` on tiny deliveries."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cutouts import intake, steps
from cutouts.core.config import Site
from cutouts.core.records import DeliveryKey
from cutouts.runner import open_runner
from tests.airflow_home import announced, dag_bag, events, task_states
from tests.deliveries import land, manifest_of, nothing, photograph, product

DAY = date(2026, 1, 2)


def _refresh(delivery: str) -> Any:
    return dag_bag()["catalog_refresh"].test(run_conf={"delivery": delivery})


def _published(site: Site) -> set[tuple[str, str]]:
    with sa.create_engine(site.catalog_url).connect() as connection:
        rows = connection.execute(sa.text("SELECT delivery_id, image_id FROM published_cutouts"))
        return {(row.delivery_id, row.image_id) for row in rows}


def _receipts(site: Site) -> set[Path]:
    return set(Path(site.tables_url).glob("shards/**/receipt.json"))


def _collector(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Airflow's own collector of lineage, which it only makes if a lineage provider is installed."""
    from airflow.sdk.lineage import HookLineageCollector

    from cutouts_airflow import lineage

    collector = HookLineageCollector()
    monkeypatch.setattr(lineage, "get_hook_lineage_collector", lambda: collector)
    return collector


def _taken(site: Site, studio: Path) -> None:
    intake.take(site, str(land(Path(site.manifests_url), "today", DAY, manifest_of(studio))))


def test_a_good_delivery_is_published_announced_and_known_the_next_time(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are in the view and its key is on the asset; a second run cuts, changes and announces nothing.

    A lineage provider gets what the tasks read and wrote: from the manifest to the catalogue.
    """
    collector = _collector(monkeypatch)
    photograph(tmp_path / "studio" / "good", product(0), product(1))
    _taken(site, tmp_path / "studio")

    first = _refresh("2026-01-02/good")
    published, receipts = _published(site), _receipts(site)
    assert task_states(first) == {name: ["success"] for name in ("plan", "segment", "gate", "publish")}
    assert published == {("good", "good/00.png"), ("good", "good/01.png")}
    ((_, facts),) = events("cutouts", "2026-01-02/good")
    counts = {name: facts[name] for name in ("images", "published", "confirmed", "superseded", "quarantined")}
    assert counts == {"images": 2, "published": 2, "confirmed": 0, "superseded": 0, "quarantined": 0}

    again = _refresh("2026-01-02/good")
    assert (str(again.state), task_states(again)["segment"]) == ("success", ["skipped"])
    assert (_published(site), _receipts(site)) == (published, receipts)
    assert task_states(again)["publish"] == ["success"]
    assert len(events("cutouts", "2026-01-02/good")) == 1
    found = collector.collected_assets
    read, written = ({one.asset.uri.removeprefix("file://") for one in side} for side in (found.inputs, found.outputs))
    manifest = f"{site.manifests_url}/today/date=2026-01-02"
    assert read == {manifest, site.tables_url, site.objects_url}
    assert written == {site.tables_url, site.objects_url, f"{site.root}/catalog.sqlite"}


def test_the_run_of_a_held_delivery_publishes_and_announces_nothing(site: Site, tmp_path: Path) -> None:
    """The run succeeds and publish is skipped."""
    photograph(tmp_path / "studio" / "empty", *map(nothing, range(5)))
    _taken(site, tmp_path / "studio")
    run = _refresh("2026-01-02/empty")
    assert str(run.state) == "success"
    assert task_states(run)["publish"] == ["skipped"]
    assert _published(site) == set()
    assert "2026-01-02/empty" not in announced("cutouts")


def test_a_publication_before_a_kill_is_announced_by_the_next_run(site: Site, tmp_path: Path) -> None:
    """If a run was killed between catalogue and event, the next one publishes nothing but announces it."""
    photograph(tmp_path / "studio" / "cut-off", product(0), product(1))
    _taken(site, tmp_path / "studio")
    key = DeliveryKey.parse("2026-01-02/cut-off")
    planned = steps.plan(site, intake.source_of(site, key), key)
    with open_runner(site) as runner:
        for shard in planned.shard_keys():
            steps.segment(site, shard, runner)
    steps.publish(site, steps.gate(site, planned.plan_id).gate_id)

    assert task_states(_refresh(str(key)))["publish"] == ["success"]
    ((_, facts),) = events("cutouts", str(key))
    assert facts["published"] == 2
    assert task_states(_refresh(str(key)))["publish"] == ["success"]
    assert len(events("cutouts", str(key))) == 1


def test_a_delivery_that_never_landed_fails_its_run_at_once(site: Site) -> None:
    """A wrong key is not retried, and no later task runs."""
    run = _refresh("2026-01-02/nobody")
    tries = {task.task_id: task.try_number for task in run.get_task_instances()}
    assert str(run.state) == "failed"
    assert tries["plan"] == 1
    assert task_states(run)["publish"] == ["upstream_failed"]


def test_a_run_that_names_no_delivery_fails_with_a_message(site: Site) -> None:
    """Either of the two fields may be empty, but not both; the task fails at once."""
    run = dag_bag()["catalog_refresh"].test()
    (plan,) = (task for task in run.get_task_instances() if task.task_id == "plan")
    assert (str(run.state), str(plan.state), plan.try_number) == ("failed", "failed", 1)


def test_the_variable_and_the_connections_win_over_the_environment(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run reads the root from the Variable and the database from the Connection when it runs."""
    elsewhere = Site(root=str(tmp_path / "elsewhere"), cluster="serial", catalog=f"sqlite:///{tmp_path}/other.db")
    monkeypatch.setenv("AIRFLOW_VAR_CUTOUTS", f'{{"root": "{elsewhere.root}"}}')
    monkeypatch.setenv("AIRFLOW_CONN_CUTOUTS_CATALOG", f'{{"conn_type": "sqlite", "host": "{tmp_path}/other.db"}}')
    photograph(tmp_path / "studio" / "good", product(0))
    _taken(elsewhere, tmp_path / "studio")
    assert str(_refresh("2026-01-02/good").state) == "success"
    assert _published(elsewhere) == {("good", "good/00.png")}
    assert not Path(site.root).exists()
