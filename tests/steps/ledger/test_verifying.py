"""A damaged joined part is found and rebuilt, and what a killed joining left is not damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import read_record
from cutouts.core.config import Site
from cutouts.steps.ledger import Joined, join_parts, joining
from cutouts.steps.verify import verify
from tests.kept import Kept
from tests.photographs import broken, product
from tests.steps.conftest import Refresh, refresh_in, site_in
from tests.steps.test_verify import cut_off, flipped, live


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, quick_suite: str) -> Kept:
    """A site with the results of two deliveries, in which one photograph is broken, in one joined part."""
    folder = tmp_path_factory.mktemp("joined")
    site, refresh = site_in(folder, quick_suite), refresh_in(folder)
    with pytest.MonkeyPatch.context() as few:
        few.setattr(joining, "MANY", 2)
        for number, shoot in enumerate(("one", "two")):
            product(folder / shoot / "0.jpg", seed=number)
            broken(folder / shoot / "1.jpg", seed=number + 2)
            refresh(site, folder / shoot)
        recipe = refresh(site, folder / "two")[0].recipe
        assert join_parts(Store(site.tables_url), recipe) == 0
    return Kept(folder).keep()


@pytest.fixture
def tmp_path(kept: Kept) -> Path:
    """The folder of that site and its photographs."""
    return kept.restored()


@pytest.fixture
def joined(site: Site, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the joined part."""
    monkeypatch.setattr(joining, "MANY", 2)
    (record,) = Path(site.tables_url).rglob("joined.json")
    return record.parent


@pytest.mark.usefixtures("joined")
def test_a_site_whose_ledger_was_joined_is_whole(site: Site) -> None:
    """Nothing is found, and both images are live."""
    found = verify(site, whole=True)
    assert (found.findings, found.live, found.objects) == ((), 2, 4)


@pytest.mark.parametrize("name", ["masks.parquet", "metrics.parquet", "rejections.parquet", "joined.json"])
@pytest.mark.parametrize("harm", [cut_off, flipped])
def test_a_damaged_joined_part_is_rebuilt(
    site: Site, joined: Path, refresh: Refresh, tmp_path: Path, name: str, harm: object
) -> None:
    """It comes from the shards of its plans, or its record from its tables; no image is cut again."""
    before = live(site)
    assert callable(harm)
    harm(joined / name)
    assert verify(site, whole=True).findings[0].place == str(joined / name)
    assert verify(site, whole=True, repair=True).left == 0
    assert verify(site, whole=True).findings == ()
    for shoot in ("one", "two"):
        assert refresh(site, tmp_path / shoot)[1] == []
    assert live(site) == before


def test_what_a_killed_joining_left_is_not_damage(site: Site, joined: Path) -> None:
    """Files of single parts that are in the joined one are no longer read."""
    store = Store(site.tables_url)
    part = read_record(store, f"{joined.relative_to(site.tables_url)}/joined.json", Joined).parts[0]
    recipe = joined.parent.name
    store.write(f"ledger/metrics/{recipe}/{part}.parquet", b"half removed")
    assert verify(site, whole=True).findings == ()
