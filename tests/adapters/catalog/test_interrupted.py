"""Readers and retries see all of a publication or none of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.catalog.engine import open_engine
from cutouts.core.publications import Draft, Publication
from tests.adapters.catalog.made import MONDAY, NOON, TUESDAY, entry
from tests.adapters.catalog.reader import contents, view

ROOT = Path(__file__).parents[3]
IMAGES = 6_000


def test_a_reader_sees_either_the_old_state_or_the_new_one(catalog: Catalog, url: str) -> None:
    """While a publication has written its rows but not committed, others read the previous state."""
    catalog.publish([entry("a"), entry("b")], Draft(gate_id="1", plan_id="plan", delivery=MONDAY, at=NOON))
    seen: list[dict[str, str]] = []

    def look(*event: object) -> None:
        if str(event[2]).startswith("INSERT INTO cutouts"):
            seen.append(contents(url))

    sa.event.listen(catalog._engine, "after_cursor_execute", look)
    new = [entry(name, TUESDAY, content="second") for name in "abc"]
    catalog.publish(new, Draft(gate_id="2", plan_id="plan", delivery=TUESDAY, at=NOON))
    assert seen == [{"a.jpg": "first-a", "b.jpg": "first-b"}]
    assert contents(url) == {"a.jpg": "second-a", "b.jpg": "second-b", "c.jpg": "second-c"}


@pytest.mark.parametrize("moment", ["reading", "written"])
def test_a_killed_publication_leaves_nothing_and_a_rerun_publishes_everything(url: str, moment: str) -> None:
    """It is killed while entries are read, or after all rows are written but before the commit."""
    program = [sys.executable, "-m", "tests.adapters.catalog.killed", url, moment, str(IMAGES)]
    killed = subprocess.run(program, cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    with Catalog.open(url) as catalog:
        assert view(url) == []
        assert catalog.publication_of("gate") is None
        entries = [entry(f"{number:05d}") for number in range(IMAGES)]
        done = catalog.publish(entries, Draft(gate_id="gate", plan_id="plan", delivery=MONDAY, at=NOON))
        assert (done.published, catalog.counts().images) == (IMAGES, IMAGES)


def test_two_concurrent_callers_publish_a_gate_once(url: str, catalog: Catalog) -> None:
    """Two callers with the same gate at the same time get the same publication."""
    together = Barrier(2)
    done: list[Publication] = []

    def publish() -> None:
        with Catalog.open(url) as mine:
            together.wait()
            done.append(mine.publish([entry("a")], Draft(gate_id="gate", plan_id="plan", delivery=MONDAY, at=NOON)))

    _at_once(publish, publish)
    assert len(done) == 2
    assert done[0] == done[1]
    assert catalog.counts().publications == 1


def test_deliveries_that_share_articles_can_be_published_concurrently(url: str, catalog: Catalog) -> None:
    """Two deliveries with the same articles in opposite order neither deadlock nor lose rows."""
    together = Barrier(2)
    names = [f"{number:04d}" for number in range(2_000)]

    def publish(delivery_id: str, order: int) -> None:
        delivery = type(MONDAY)(date=MONDAY.date, delivery_id=delivery_id)
        with Catalog.open(url) as mine:
            together.wait()
            entries = [entry(name, delivery) for name in names[::order]]
            mine.publish(entries, Draft(gate_id=delivery_id, plan_id="plan", delivery=delivery, at=NOON))

    _at_once(lambda: publish("forth", 1), lambda: publish("back", -1))
    counts = catalog.counts()
    assert (counts.products, counts.images, counts.publications) == (2_000, 4_000, 2)


def _at_once(*calls: object) -> None:
    threads = [Thread(target=call) for call in calls]  # type: ignore[arg-type] # any callable
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_ctrl_c_while_a_connection_is_closed_leaves_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    """The library reports the traceback of whatever happens there; only that of Ctrl-C means nothing."""
    engine = open_engine(f"sqlite:///{tmp_path}/catalog.sqlite")

    def interrupted(_: object) -> None:
        raise error

    monkeypatch.setattr(engine.dialect, "do_close", interrupted)
    with suppress(error), engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    assert bool(caplog.records) is (error is RuntimeError)
