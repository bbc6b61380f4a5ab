"""Which publications still have to be announced."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.catalog.engine import open_engine, writing
from cutouts.adapters.catalog.migrate import _FOLDER, VERSION_TABLE
from cutouts.core.publications import Draft
from tests.adapters.catalog.made import MONDAY, NOON, TUESDAY, entry


def test_a_publication_that_changes_nothing_is_not_announced(catalog: Catalog) -> None:
    """The first publication makes an image live, and the second one changes nothing."""
    first = catalog.publish([entry("a")], Draft(gate_id="first", plan_id="plan", delivery=MONDAY, at=NOON))
    catalog.publish([entry("a")], Draft(gate_id="second", plan_id="plan", delivery=MONDAY, at=NOON))
    assert catalog.unannounced() == (first,)


def test_an_announced_publication_is_not_announced_again(catalog: Catalog) -> None:
    """The first time is kept, however often it is recorded."""
    first = catalog.publish([entry("a")], Draft(gate_id="first", plan_id="plan", delivery=MONDAY, at=NOON))
    second = catalog.publish([entry("b")], Draft(gate_id="second", plan_id="plan", delivery=MONDAY, at=NOON))
    catalog.mark_announced([first.publication_id], NOON)
    catalog.mark_announced([first.publication_id], NOON + timedelta(days=1))
    assert catalog.unannounced() == (second,)
    with catalog._engine.connect() as connection:
        moments = connection.scalars(sa.text("SELECT announced_at FROM publications ORDER BY publication_id")).all()
    assert [str(moment)[:10] for moment in moments] == ["2026-11-17", "None"]


def test_unannounced_publications_are_found_by_delivery_and_age(catalog: Catalog) -> None:
    """A process that has just published gets some time to announce it itself."""
    old = catalog.publish([entry("a")], Draft(gate_id="old", plan_id="plan", delivery=MONDAY, at=NOON))
    late = NOON + timedelta(minutes=1)
    new = catalog.publish(
        [entry("a", TUESDAY, content="new")], Draft(gate_id="new", plan_id="p", delivery=TUESDAY, at=late)
    )
    assert catalog.unannounced(before=late) == (old,)
    assert catalog.unannounced(delivery=TUESDAY) == (new,)
    assert catalog.unannounced() == (old, new)


def test_publications_of_an_earlier_release_count_as_announced(url: str) -> None:
    """An upgrade does not trigger work downstream."""
    engine = open_engine(url)
    with engine.connect() as connection, writing(connection, "test"):
        config = Config(attributes={"connection": connection, "version_table": VERSION_TABLE})
        config.set_main_option("script_location", str(_FOLDER))
        command.upgrade(config, "0002")
        values = "'g', 'p', 'acme', '2026-11-16', '2026-11-16 12:00:00+00:00', 3, 0, 0"
        names = "gate_id, plan_id, delivery_id, delivery_date, at, published, confirmed, superseded"
        connection.execute(sa.text(f"INSERT INTO publications ({names}) VALUES ({values})"))
    engine.dispose()
    with Catalog.open(url) as catalog:
        assert catalog.counts().publications == 1
        assert catalog.unannounced() == ()
