"""The real `manifest_intake`, run by `dag.test()`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts import intake
from cutouts.core.config import Site
from cutouts.core.errors import ManifestError
from cutouts.core.records import DeliveryKey
from tests.airflow_home import dag_bag, task_states
from tests.deliveries import land, manifest_of, photograph, product

DAY = date(2026, 2, 3)


@pytest.fixture
def table(tmp_path: Path) -> pa.Table:
    """A manifest of two deliveries with one photograph each."""
    for name in ("first", "second"):
        photograph(tmp_path / "studio" / name, product(0))
    return manifest_of(tmp_path / "studio")


def _doubled(table: pa.Table, delivery_id: str) -> pa.Table:
    """The manifest with that delivery's image listed twice."""
    rows = table.to_pylist()
    twice = [row for row in rows if row["delivery_id"] == delivery_id]
    return pa.Table.from_pylist([*rows, *twice], schema=table.schema)


def _waiting(site: Site) -> set[str]:
    return {str(key) for key in intake.waiting(site, at_most=100).first}


def test_each_delivery_of_a_landed_manifest_is_queued_once(site: Site, table: pa.Table) -> None:
    """A second run finds nothing new and queues nothing."""
    land(Path(site.manifests_url), "clean", DAY, table)
    run = dag_bag()["manifest_intake"].test()
    assert str(run.state) == "success"
    assert _waiting(site) == {"2026-02-03/first", "2026-02-03/second"}
    intake.leave(site, intake.waiting(site, at_most=2).first)
    again = dag_bag()["manifest_intake"].test()
    assert (str(again.state), task_states(again)["take"]) == ("success", ["skipped"])
    assert _waiting(site) == set()


def test_a_wrong_delivery_fails_the_run_while_the_others_continue(site: Site, table: pa.Table) -> None:
    """Duplicate ids and a manifest without a column are reported, and the good delivery is queued."""
    land(Path(site.manifests_url), "doubled", date(2026, 2, 4), _doubled(table, "second"))
    land(Path(site.manifests_url), "wrong", date(2026, 2, 5), table.drop_columns(["uri"]))
    run = dag_bag()["manifest_intake"].test()
    states = task_states(run)
    assert (str(run.state), states["take"], states["report_refusals"]) == ("failed", ["failed", "success"], ["failed"])
    assert _waiting(site) == {"2026-02-04/first"}
    assert intake.landed(site) == ()
    (refusal,) = intake.refused(site)
    assert (Path(refusal.manifest).parent.name, "uri" in " ".join(refusal.problems)) == ("wrong", True)


def test_a_wrong_manifest_fails_one_run_until_it_changes(site: Site, table: pa.Table) -> None:
    """The next run succeeds, and once the manifest was delivered again it is taken."""
    folder = land(Path(site.manifests_url), "wrong", date(2026, 2, 7), table.drop_columns(["uri"]))
    states = [str(dag_bag()["manifest_intake"].test().state) for _ in range(3)]
    assert states == ["failed", "success", "success"]
    pq.write_table(table, folder / "part-0.parquet")
    assert str(dag_bag()["manifest_intake"].test().state) == "success"
    assert _waiting(site) == {"2026-02-07/first", "2026-02-07/second"}
    assert intake.refused(site) == ()


def test_a_backfill_of_a_day_with_a_refused_manifest_fails(site: Site, table: pa.Table) -> None:
    """The intake reported it before, but the person who asks for that day has to know too."""
    from cutouts_airflow import tasks

    land(Path(site.manifests_url), "wrong", date(2026, 2, 8), table.drop_columns(["uri"]))
    assert str(dag_bag()["manifest_intake"].test().state) == "failed"
    with pytest.raises(ManifestError, match="uri"):
        tasks.deliveries_on(date(2026, 2, 8))


def test_a_manifest_whose_deliveries_are_all_refused_queues_nothing(site: Site, table: pa.Table) -> None:
    """Its task is skipped, and the report fails the run."""
    bad = _doubled(_doubled(table, "first"), "second")
    land(Path(site.manifests_url), "refused", date(2026, 2, 6), bad)
    run = dag_bag()["manifest_intake"].test()
    assert (str(run.state), task_states(run)["take"]) == ("failed", ["skipped"])
    assert _waiting(site) == set()
    assert intake.deliveries_on(site, date(2026, 2, 6)) == ()


def test_a_backfill_takes_only_its_own_day(site: Site, table: pa.Table) -> None:
    """Manifests of other days are left to the intake, and the backfill queues nothing."""
    from cutouts_airflow import tasks

    land(Path(site.manifests_url), "history", DAY, table)
    land(Path(site.manifests_url), "later", date(2026, 2, 9), table)
    assert tasks.deliveries_on(DAY) == ["2026-02-03/first", "2026-02-03/second"]
    assert intake.deliveries_on(site, date(2026, 2, 9)) == ()
    assert _waiting(site) == set()
    assert intake.source_of(site, DeliveryKey(date=DAY, delivery_id="first")).endswith("history/date=2026-02-03")
