"""A lost database is rebuilt from the journal, equal in every column, wherever the site is and whatever was killed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, DamagedError, TransientError
from cutouts.core.publications import Draft
from cutouts.steps.clearing import clear
from cutouts.steps.journal import keep_journal, rebuild
from cutouts.steps.lease import site_lease
from cutouts.steps.verify import verify
from tests.adapters.catalog.conftest import postgres_schema
from tests.adapters.catalog.made import NOON, entry
from tests.adapters.catalog.reader import view
from tests.steps.histories import OTHER, Place, happenings, live, place, publish_some, rows, url_of

__all__ = ["place", "postgres_schema"]


def test_a_rebuilt_catalogue_is_equal_in_every_column(place: Place) -> None:
    """The view, the history with its numbers, and what people decided; the next publication gets the next number."""
    live(place.site)
    keep_journal(place.site)
    done = rebuild(place.anew)
    assert (done.publications, done.holds, done.newest) == (13, 2, 13)
    assert rows(url_of(place.anew)) == rows(url_of(place.site))
    assert view(url_of(place.anew)) == view(url_of(place.site))
    states = _states(place.site)
    assert len({str(state) for state in states}) == 10  # rollbacks return to earlier ones
    assert _states(place.anew) == states
    with Catalog.open(url_of(place.anew)) as catalog:
        assert publish_some(catalog, "z", "new") == 14
    assert keep_journal(place.anew) == 1


def _states(site: Site) -> list[list[dict[str, Any]]]:
    """What was live after each publication."""
    with Catalog.open(url_of(site)) as catalog:
        found = []
        for moment in range(14):
            with catalog.history.as_of(moment) as batches:
                found.append([row for batch in batches for row in batch.to_pylist()])
        return found


def test_the_journal_does_not_depend_on_when_it_is_written(site: Site) -> None:
    """Written after each change, after some, or once at the end: the same catalogue is rebuilt."""
    for how in ("each", "end"):
        one = site.model_copy(update={"root": f"{site.root}-{how}"})
        with Catalog.open(url_of(one)) as catalog:
            for happening in happenings(one):
                happening(catalog)
                if how == "each":
                    keep_journal(one)
        keep_journal(one)
        anew = one.model_copy(update={"catalog": f"sqlite:///{one.root}/anew.sqlite"})
        rebuild(anew)
        assert rows(url_of(anew)) == rows(url_of(one))


def test_what_is_lost_with_the_database_is_only_the_end(site: Site) -> None:
    """If the database was lost before the last records were written, the catalogue is as it was before them."""
    with Catalog.open(url_of(site)) as catalog:
        publish_some(catalog, "ab", "first")
        keep_journal(site)
        before = view(url_of(site))
        publish_some(catalog, "bc", "second")
    anew = site.model_copy(update={"catalog": f"sqlite:///{site.root}/anew.sqlite"})
    rebuild(anew)
    assert view(url_of(anew)) == before


def test_expired_history_is_not_rebuilt(site: Site) -> None:
    """What gc removed from the history does not come back, and is refused with the same words."""
    live(site)
    brief = site.model_copy(update={"history_days": 1})
    assert clear(brief, now=NOON + timedelta(days=2)).history > 0
    anew = site.model_copy(update={"catalog": f"sqlite:///{site.root}/anew.sqlite"})
    rebuild(anew)
    kept, rebuilt = rows(url_of(site)), rows(url_of(anew))
    for one in (kept, rebuilt):
        one.pop("products")  # their days are those of the versions that are left
    assert rebuilt == kept


def test_a_rebuild_is_refused_if_it_would_lose_or_invent_something(site: Site) -> None:
    """The database is in use or not empty, there is no journal, or a record in the middle is missing or damaged."""
    with pytest.raises(CutoutsError, match="there is no journal at"):
        rebuild(site)
    live(site)
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
    with Catalog.open(url_of(anew)) as catalog:
        assert catalog.counts().publications == 0


def test_lost_and_damaged_records_are_written_again_from_the_catalogue(site: Site) -> None:
    """`verify` finds them, and a repair makes the journal whole."""
    live(site)
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
    assert view(url_of(anew)) == view(url_of(site))


def _journal_places(site: Site, *, repair: bool) -> list[str]:
    found = verify(site, repair=repair)
    return sorted(one.place for one in found.findings if "/journal/" in one.place)


def test_a_catalogue_that_is_older_than_its_journal_is_refused(site: Site) -> None:
    """After an old backup was put back, a publication would take the number of another one: its record is kept."""
    with Catalog.open(url_of(site)) as catalog:
        publish_some(catalog, "ab", "first")
    keep_journal(site)
    old = site.model_copy(update={"catalog": f"sqlite:///{site.root}/old.sqlite"})
    with Catalog.open(url_of(old)) as catalog:
        catalog.publish([entry("z", OTHER)], Draft(gate_id="e" * 32, plan_id="plan", delivery=OTHER, at=NOON))
    with pytest.raises(CutoutsError, match=r"the catalogue is older than its journal.*`cutouts catalog rebuild`"):
        keep_journal(old)
    for repair in (False, True):
        told = [one for one in verify(old, repair=repair).findings if "older than its journal" in one.what]
        assert [(one.place.rpartition("/")[2], one.repaired) for one in told] == [("publication.json", None)]
