"""A catalogue to which everything happened that can happen, on both kinds of places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.catalog.engine import open_engine
from cutouts.adapters.catalog.sql_tables import metadata
from cutouts.core.config import Site
from cutouts.core.publications import Draft, Order, Selection
from cutouts.core.records import DeliveryKey
from cutouts.core.reviews import ImageReview
from cutouts.steps.announce import mark_announced
from cutouts.steps.journal import keep_journal
from tests.adapters.catalog.made import MONDAY, NOON, RECIPE, TUESDAY, approval, entry, held, rejection

ORDER = Order(by="Ada", because="wrong network", at=NOON + timedelta(hours=1))
OTHER = DeliveryKey(date=MONDAY.date, delivery_id="other")
WEDNESDAY = DeliveryKey(date=TUESDAY.date + timedelta(days=1), delivery_id="acme")
_MARKS = ("changed", "journalled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A site, and the settings of the same site with a new empty database."""

    site: Site
    anew: Site


def url_of(site: Site) -> str:
    """The URL of the site's catalogue."""
    return site.catalog_url


@pytest.fixture(params=["files and SQLite", "S3 and PostgreSQL"])
def place(request: pytest.FixtureRequest, site: Site) -> Place:
    """A site without publications."""
    if request.param == "files and SQLite":
        return Place(site=site, anew=site.model_copy(update={"catalog": f"sqlite:///{site.root}/anew.sqlite"}))
    bucket = request.getfixturevalue("bucket")
    there = {"tables": f"{bucket}/tables", "objects": f"{bucket}/objects"}
    first: str = request.getfixturevalue("postgres_schema")
    second = _another_schema(first)
    return Place(
        site=site.model_copy(update=there | {"catalog": first}),
        anew=site.model_copy(update=there | {"catalog": second}),
    )


def _another_schema(url: str) -> str:
    name = url.rpartition("%3D")[2] + "_anew"
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(name))
    return f"{url.rpartition('%3D')[0]}%3D{name}"


def rows(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, without what the journal itself keeps there."""
    engine = open_engine(url)
    with engine.connect() as connection:
        return {
            table.name: sorted(
                (
                    {name: value for name, value in row.items() if name not in _MARKS}
                    for row in connection.execute(sa.select(table)).mappings()
                ),
                key=str,
            )
            for table in metadata.sorted_tables
        }


def publish_some(catalog: Catalog, names: str, content: str, delivery: DeliveryKey = MONDAY, **how: Any) -> int:
    """Publish images with these one-letter names and return the publication's number."""
    number = len(catalog.history.publications())
    done = catalog.publish(
        [entry(name, delivery, content=content) for name in names],
        Draft(
            gate_id=f"{number:032x}",
            plan_id="plan",
            delivery=delivery,
            at=NOON + timedelta(minutes=number),
            **how,
        ),
    )
    return done.publication_id


def _reviews(catalog: Catalog) -> None:
    for name, good in (("a", True), ("b", False), ("a", False)):
        one = entry(name)
        word = ImageReview(
            delivery_id="acme",
            image_id=one.image_id,
            sha256=one.sha256,
            recipe=RECIPE,
            good=good,
            gate_id="f" * 32,
            by="Ada",
            why="looked closely",
            at=NOON,
        )
        catalog.review(MONDAY, [word])


def happenings(site: Site) -> Iterator[Callable[[Catalog], object]]:
    """All that can happen to a catalogue, one after the other."""
    yield lambda catalog: publish_some(catalog, "abcq", "first")
    yield lambda catalog: publish_some(catalog, "xy", "first", OTHER)
    yield lambda catalog: publish_some(catalog, "bcd", "second", TUESDAY)
    yield lambda catalog: publish_some(catalog, "ab", "first", TUESDAY)  # a moves to Tuesday
    yield lambda catalog: catalog.holds.record(held("a" * 32), NOON)
    yield lambda catalog: catalog.holds.record(held("b" * 32, TUESDAY, judged="judged-2"), NOON)
    yield lambda catalog: catalog.holds.reject(rejection("b" * 32, TUESDAY, judged="judged-2"))
    yield lambda catalog: publish_some(catalog, "e", "held", approval=approval("a" * 32))
    yield lambda catalog: catalog.history.undo(catalog.version("acme"), ORDER)
    yield lambda _: mark_announced(site, [1, 2])
    yield lambda catalog: publish_some(catalog, "ab", "third", TUESDAY, withdraw=("c.jpg",))
    yield lambda catalog: catalog.history.withdraw(Selection(product_id="x"), ORDER)
    yield lambda catalog: publish_some(catalog, "abd", "third", WEDNESDAY)  # a and b move, d is replaced
    yield _reviews
    yield lambda catalog: catalog.history.go_back(8, ORDER, delivery_id="acme")
    yield lambda catalog: catalog.history.undo(catalog.version("acme"), ORDER)
    yield lambda catalog: catalog.history.withdraw(Selection(product_id="q"), ORDER)
    yield lambda catalog: catalog.history.undo(catalog.version("acme"), ORDER)  # q is Monday's, acme is Wednesday's


def live(site: Site) -> None:
    """Let everything happen; the journal is written after some of it, as if steps had been killed after the others."""
    with Catalog.open(url_of(site)) as catalog:
        for number, happening in enumerate(happenings(site)):
            happening(catalog)
            if number % 3 == 2:
                keep_journal(site)
