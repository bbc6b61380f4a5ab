"""The real `requeue_quarantine`, run by `dag.test()`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cutouts import intake
from cutouts.adapters.catalog import Catalog
from cutouts.api.backfills import backfill
from cutouts.core.backfills.selection import BackfillSelection
from cutouts.core.backfills.state import BackfillPhase
from cutouts.core.config import Site
from cutouts.steps.backfill_progress import backfills
from cutouts_airflow import order
from tests.airflow_home import announced, dag_bag, task_states
from tests.deliveries import land, manifest_of, photograph, product
from tests.reddish import asking_for_reddish, site_with_reddish, square

NOTHING: dict[str, object] = {
    **dict.fromkeys(("delivery", "first", "last", "images", "hours")),
    **{name: [] for name in ("suppliers", "categories", "products")},
    **dict.fromkeys(("everything", "refused_too", "dry_run"), False),
    "model": "default-int8",
    "reason": "",
}
"""The defaults of its parameters, because `dag.test` keeps the values of one run for the next."""


def _run(**conf: object) -> Any:
    """A run with these parameters."""
    return dag_bag()["requeue_quarantine"].test(run_conf={**NOTHING, **conf})


def test_quarantined_images_are_published_by_another_network(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run publishes and announces what its budget allows; the evening's run continues it with the same network."""
    reddish = site_with_reddish(tmp_path)
    for name in ("models", "mask_quality"):
        monkeypatch.setenv(f"CUTOUTS_{name.upper()}", str(getattr(reddish, name)))
    site = site.model_copy(update={name: getattr(reddish, name) for name in ("models", "mask_quality")})
    photograph(tmp_path / "studio" / "reds", product(0), product(1), *map(square, range(4)))
    table = asking_for_reddish(manifest_of(tmp_path / "studio"))
    intake.take(site, str(land(tmp_path / "archive", "reds", date(2025, 8, 9), table)))
    backfill(BackfillSelection(), site=site)

    run = _run(delivery="2025-08-09/reds", reason="half transparent", images=1)
    assert (str(run.state), task_states(run)["one_delivery.publish"]) == ("success", ["success"])
    assert announced("cutouts") & {"2025-08-09/reds"} == {"2025-08-09/reds"}
    assert (backfills(site)[0].phase, backfills(site)[0].cut) == (BackfillPhase.PAUSED, 1)

    from cutouts_airflow import backfilling

    (paused,) = backfilling.paused()  # of the evening's DAG, which continues it as a run of `historical_backfill`
    again = dag_bag()["historical_backfill"].test(run_conf=paused)
    assert (str(again.state), backfills(site)[0].phase) == ("success", BackfillPhase.DONE)
    with Catalog.open(site.catalog_url) as catalog:
        assert catalog.published("reds").num_rows == 6


def test_it_waits_behind_the_deliveries_of_tonight(airflow_home: Path) -> None:
    """Its tasks have the pool and the priorities of a backfill, and there is one run at a time."""
    dag = dag_bag()["requeue_quarantine"]
    assert {task.pool for task in dag.tasks} == {order.BACKFILL_POOL}
    assert all(task.priority_weight < order.PLAN for task in dag.tasks)
    assert dag.max_active_runs == 1
