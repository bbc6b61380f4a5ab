"""A lost database is rebuilt from the journal, equal in every column, wherever the site is and whatever was killed."""

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
from cutouts.adapters.storage.store import Store, open_store
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, DamagedError, TransientError
from cutouts.core.publications import Order, Selection
from cutouts.core.records import DeliveryKey
from cutouts.core.reviews import ImageReview
from cutouts.steps.announce import mark_announced
from cutouts.steps.clearing import clear
from cutouts.steps.journal import keep_journal, rebuild
from cutouts.steps.lease import site_lease
from cutouts.steps.verify import verify
from tests.adapters.catalog.conftest import postgres_schema
from tests.adapters.catalog.made import MONDAY, NOON, RECIPE, TUESDAY, approval, entry, held, rejection
from tests.adapters.catalog.reader import view

__all__ = ["postgres_schema"]

ORDER = Order(by="Ada", because="wrong network", at=NOON + timedelta(hours=1))
OTHER = DeliveryKey(date=MONDAY.date, delivery_id="other")
WEDNESDAY = DeliveryKey(date=TUESDAY.date + timedelta(days=1), delivery_id="acme")
_MARKS = ("changed", "journalled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A site, and the settings of the same site with a new empty database."""

    site: Site
    anew: Site


def _url(site: Site) -> str:
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


def _rows(url: str) -> dict[str, list[dict[str, Any]]]:
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


def _publish(catalog: Catalog, names: str, content: str, delivery: DeliveryKey = MONDAY, **how: Any) -> int:
    number = len(catalog.history.publications())
    done = catalog.publish(
        [entry(name, delivery, content=content) for name in names],
        gate_id=f"{number:032x}",
        plan_id="plan",
        delivery=delivery,
        at=NOON + timedelta(minutes=number),
        **how,
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


def _happenings(site: Site) -> Iterator[Callable[[Catalog], object]]:
    """All that can happen to a catalogue, one after the other."""
    yield lambda catalog: _publish(catalog, "abc", "first")
    yield lambda catalog: _publish(catalog, "xy", "first", OTHER)
    yield lambda catalog: _publish(catalog, "bcd", "second", TUESDAY)
    yield lambda catalog: _publish(catalog, "ab", "first", TUESDAY)  # a moves to Tuesday
    yield lambda catalog: catalog.record_hold(held("a" * 32), NOON)
    yield lambda catalog: catalog.record_hold(held("b" * 32, TUESDAY, judged="judged-2"), NOON)
    yield lambda catalog: catalog.reject(rejection("b" * 32, TUESDAY, judged="judged-2"))
    yield lambda catalog: _publish(catalog, "e", "held", approval=approval("a" * 32))
    yield lambda catalog: catalog.history.undo(catalog.version("acme"), ORDER)
    yield lambda _: mark_announced(site, [1, 2])
    yield lambda catalog: _publish(catalog, "ab", "third", TUESDAY, withdraw=["c.jpg"])
    yield lambda catalog: catalog.history.withdraw(Selection(product_id="x"), ORDER)
    yield lambda catalog: _publish(catalog, "abd", "third", WEDNESDAY)  # a and b move, d is replaced
    yield _reviews
    yield lambda catalog: catalog.history.go_back(8, ORDER, delivery_id="acme")
    yield lambda catalog: catalog.history.undo(catalog.version("acme"), ORDER)


def _live(site: Site) -> None:
    """Let everything happen; the journal is written after some of it, as if steps had been killed after the others."""
    with Catalog.open(_url(site)) as catalog:
        for number, happening in enumerate(_happenings(site)):
            happening(catalog)
            if number % 3 == 2:
                keep_journal(site)


def test_a_rebuilt_catalogue_is_equal_in_every_column(place: Place) -> None:
    """The view, the history with its numbers, and what people decided; the next publication gets the next number."""
    _live(place.site)
    keep_journal(place.site)
    done = rebuild(place.anew)
    assert (done.publications, done.holds, done.newest) == (11, 2, 11)
    assert _rows(_url(place.anew)) == _rows(_url(place.site))
    assert view(_url(place.anew)) == view(_url(place.site))
    states = _states(place.site)
    assert len({str(state) for state in states}) == 9  # rollbacks return to earlier ones
    assert _states(place.anew) == states
    with Catalog.open(_url(place.anew)) as catalog:
        assert _publish(catalog, "z", "new") == 12
    assert keep_journal(place.anew) == 1


def _states(site: Site) -> list[list[dict[str, Any]]]:
    """What was live after each publication."""
    with Catalog.open(_url(site)) as catalog:
        found = []
        for moment in range(12):
            with catalog.history.as_of(moment) as batches:
                found.append([row for batch in batches for row in batch.to_pylist()])
        return found


def test_the_journal_does_not_depend_on_when_it_is_written(site: Site) -> None:
    """Written after each change, after some, or once at the end: the same catalogue is rebuilt."""
    for how in ("each", "end"):
        one = site.model_copy(update={"root": f"{site.root}-{how}"})
        with Catalog.open(_url(one)) as catalog:
            for happening in _happenings(one):
                happening(catalog)
                if how == "each":
                    keep_journal(one)
        keep_journal(one)
        anew = one.model_copy(update={"catalog": f"sqlite:///{one.root}/anew.sqlite"})
        rebuild(anew)
        assert _rows(_url(anew)) == _rows(_url(one))


def test_what_is_lost_with_the_database_is_only_the_end(site: Site) -> None:
    """If the database was lost before the last records were written, the catalogue is as it was before them."""
    with Catalog.open(_url(site)) as catalog:
        _publish(catalog, "ab", "first")
        keep_journal(site)
        before = view(_url(site))
        _publish(catalog, "bc", "second")
    anew = site.model_copy(update={"catalog": f"sqlite:///{site.root}/anew.sqlite"})
    rebuild(anew)
    assert view(_url(anew)) == before


def test_expired_history_is_not_rebuilt(site: Site) -> None:
    """What gc removed from the history does not come back, and is refused with the same words."""
    _live(site)
    brief = site.model_copy(update={"history_days": 1})
    assert clear(brief, now=NOON + timedelta(days=2)).history > 0
    anew = site.model_copy(update={"catalog": f"sqlite:///{site.root}/anew.sqlite"})
    rebuild(anew)
    kept, rebuilt = _rows(_url(site)), _rows(_url(anew))
    for rows in (kept, rebuilt):
        rows.pop("products")  # their days are those of the versions that are left
    assert rebuilt == kept


def test_a_rebuild_is_refused_if_it_would_lose_or_invent_something(site: Site) -> None:
    """The database is in use or not empty, there is no journal, or a record in the middle is missing or damaged."""
    with pytest.raises(CutoutsError, match="there is no journal at"):
        rebuild(site)
    _live(site)
    keep_journal(site)
    with pytest.raises(CutoutsError, match=r"is not empty: move it away, or name a new one \(`catalog`\)"):
        rebuild(site)
    anew = site.model_copy(update={"catalog": f"sqlite:///{site.root}/anew.sqlite"})
    with site_lease(anew), pytest.raises(TransientError, match="something runs"):
        rebuild(anew)
    tables = open_store(site.tables_url)
    name = "journal/publications/0000000003/publication.json"
    data = tables.read(name)
    tables.write(name, data.replace(b"acme", b"acmE"))
    with pytest.raises(DamagedError, match="0000000003"):
        rebuild(anew)
    tables.remove(name)
    with pytest.raises(DamagedError, match=r"0000000003/publication\.json is damaged: it is not there"):
        rebuild(anew)
    with Catalog.open(_url(anew)) as catalog:
        assert catalog.counts().publications == 0


def test_lost_and_damaged_records_are_written_again_from_the_catalogue(site: Site) -> None:
    """`verify` finds them, and a repair makes the journal whole."""
    _live(site)
    keep_journal(site)
    tables = Store(site.tables_url)
    before = {name: tables.read(name) for name in tables.names("journal", ".json")}
    kinds = ("publications/0000000002/", "publications/0000000004/", "holds/", "reviews/")
    names = [next(name for name in before if name.startswith(f"journal/{kind}")) for kind in kinds]
    tables.remove(names[0])
    tables.write(names[1], before[names[1]][:-9])
    tables.remove(names[2])
    tables.remove(names[3])
    wrong = [f"{tables.url}/{name}" for name in names]

    found = [_journal_places(site, repair=repair) for repair in (False, True, False)]
    assert found == [sorted(wrong), sorted(wrong), []]
    assert {name: tables.read(name) for name in tables.names("journal", ".json")} == before
    anew = site.model_copy(update={"catalog": f"sqlite:///{site.root}/anew.sqlite"})
    rebuild(anew)
    assert view(_url(anew)) == view(_url(site))


def _journal_places(site: Site, *, repair: bool) -> list[str]:
    found = verify(site, repair=repair)
    return sorted(one.place for one in found.findings if "/journal/" in one.place)


def test_a_catalogue_that_is_older_than_its_journal_is_refused(site: Site) -> None:
    """After an old backup was put back, a publication would take the number of another one: its record is kept."""
    with Catalog.open(_url(site)) as catalog:
        _publish(catalog, "ab", "first")
    keep_journal(site)
    old = site.model_copy(update={"catalog": f"sqlite:///{site.root}/old.sqlite"})
    with Catalog.open(_url(old)) as catalog:
        catalog.publish([entry("z", OTHER)], gate_id="e" * 32, plan_id="plan", delivery=OTHER, at=NOON)
    with pytest.raises(CutoutsError, match=r"the catalogue is older than its journal.*`cutouts catalog rebuild`"):
        keep_journal(old)
