"""The real `catalog_refresh` on a store that fails for a while, or forbids."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cutouts import intake
from cutouts.core.config import Site
from tests.airflow_home import dag_bag, events, task_states
from tests.deliveries import land, manifest_of, photograph, product
from tests.faulty_s3 import FaultyS3, Trouble

KEY = "2026-01-02/shoot"
WRITES = {
    "plan": "PUT .*/tables/plans/",
    "segment": "PUT .*/objects/",
    "gate": "PUT .*/tables/gates/",
    "publish": "PUT .*/tables/journal/publications/",
}
"""What each task writes, by method and path."""


@pytest.fixture
def there(site: Site, bucket: str, proxy: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site in a store that may fail, to which a delivery of two photographs has come."""
    assert proxy.url
    one = site.model_copy(update={"tables": f"{bucket}/tables", "objects": f"{bucket}/objects"})
    monkeypatch.setenv("CUTOUTS_TABLES", one.tables_url)
    monkeypatch.setenv("CUTOUTS_OBJECTS", one.objects_url)
    photograph(tmp_path / "studio" / "shoot", product(0), product(1))
    intake.take(one, str(land(Path(one.manifests_url), "today", date(2026, 1, 2), manifest_of(tmp_path / "studio"))))
    return one


@contextmanager
def _ending_at_a_retry(proxy: FaultyS3) -> Iterator[None]:
    """The trouble of a task ends when Airflow is about to try this task again."""
    over = threading.Event()

    def watch() -> None:
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        while not over.wait(0.2):
            with create_session() as session:
                waiting = session.scalars(sa.select(TaskInstance.task_id).filter_by(state="up_for_retry"))
                healed = {WRITES[task] for task in waiting}
            proxy.troubles = [one for one in proxy.troubles if one.of not in healed]

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _tries(run: Any) -> dict[str, int]:
    return {task.task_id: task.try_number for task in run.get_task_instances()}


def _live(site: Site) -> list[tuple[str, int]]:
    with sa.create_engine(site.catalog_url).connect() as connection:
        rows = connection.execute(sa.text("SELECT image_id, publication_id FROM published_cutouts ORDER BY image_id"))
        return [(row.image_id, row.publication_id) for row in rows]


def test_each_task_is_tried_again_when_its_store_does_not_answer(there: Site, proxy: FaultyS3) -> None:
    """Every write of a task gets 503 until Airflow waits to try it again; the delivery is published once."""
    proxy.troubles = [Trouble(how=503, of=write) for write in WRITES.values()]
    with _ending_at_a_retry(proxy):
        run = dag_bag()["catalog_refresh"].test(run_conf={"delivery": KEY})
    assert (str(run.state), _tries(run)) == ("success", dict.fromkeys(WRITES, 2))
    assert _live(there) == [("shoot/00.png", 1), ("shoot/01.png", 1)]
    ((_, facts),) = events("cutouts", KEY)
    assert (facts["published"], facts["publication_ids"]) == (2, [1])


@pytest.mark.parametrize("task", ["plan", "publish"])
def test_a_task_fails_at_once_when_its_store_forbids(there: Site, proxy: FaultyS3, task: str) -> None:
    """No other try can help; when a person has allowed it and clears the task, the delivery is published once."""
    proxy.troubles = [Trouble(how=403, of=WRITES[task])]
    run = dag_bag()["catalog_refresh"].test(run_conf={"delivery": KEY})
    assert (str(run.state), _tries(run)[task], task_states(run)[task]) == ("failed", 1, ["failed"])
    assert "up_for_retry" not in {state for states in task_states(run).values() for state in states}
    proxy.troubles = []
    assert str(dag_bag()["catalog_refresh"].test(run_conf={"delivery": KEY}).state) == "success"
    assert _live(there) == [("shoot/00.png", 1), ("shoot/01.png", 1)]
