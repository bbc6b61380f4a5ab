"""gc removes only what nothing refers to and what is older than the grace period, and never while something runs."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.api.forgetting import forget
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, StorageError, TransientError
from cutouts.core.publications import Order, Selection
from cutouts.core.table_paths import THUMBNAILS, thumbnail_file
from cutouts.review.pictures import Picture, picture
from cutouts.review.sheets import open_sheet
from cutouts.steps.clearing import Cleared, clear
from cutouts.steps.lease import site_lease
from cutouts.steps.verify import verify
from tests.photographs import blank, product
from tests.steps.conftest import Refresh

ORDER = Order(by="Ada", because="wrong light", at=datetime(2026, 11, 27, tzinfo=UTC))


@pytest.fixture
def shoot(tmp_path: Path) -> Path:
    """A folder of two photographs."""
    for seed in range(2):
        product(tmp_path / "shoot" / f"{seed}.jpg", seed=seed)
    return tmp_path / "shoot"


def _objects(site: Site) -> set[str]:
    return set(open_store(site.objects_url).names("", ".png"))


def _later(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def test_nothing_is_removed_if_the_tables_are_missing(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """A folder that is not mounted looks empty: the cutouts of a delivery that waits for a person would be removed."""
    for seed in range(5):
        blank(tmp_path / "held" / f"{seed}.jpg", seed=seed)
    refresh(site, tmp_path / "held")
    kept = _objects(site)
    Path(site.tables_url).rename(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="1 decision of the catalogue still waits for a person"):
        clear(site, now=_later(2))
    assert _objects(site) == kept != set()


def test_the_site_is_cleared_after_its_only_decision_was_forgotten(
    site: Site, refresh: Refresh, tmp_path: Path
) -> None:
    """Its tables have no decision then, but a receipt. It was taken for a folder that is not mounted."""
    for seed in range(5):
        blank(tmp_path / "held" / f"{seed}.jpg", seed=seed)
    decision, _ = refresh(site, tmp_path / "held")
    forget(site, Selection(delivery_id=decision.delivery.delivery_id), ORDER)
    clear(site, now=_later(2))
    assert _objects(site) == set()


def test_only_old_orphans_are_removed(site: Site, refresh: Refresh, shoot: Path) -> None:
    """Files of a killed run are removed once they are old; live images and their history are not."""
    refresh(site, shoot)
    product(shoot / "0.jpg", seed=7)
    refresh(site, shoot)
    kept = _objects(site)
    store = open_store(site.objects_url)
    store.put_object(b"of a killed run", ".png")
    (Path(site.objects_url) / "ab").mkdir(exist_ok=True)
    (Path(site.objects_url) / "ab" / ".abc.png.1-0a1b2c3d.part").write_bytes(b"half")
    table = Path(site.tables_url) / "plans" / ".plan.json.1-0a1b2c3d.part"
    table.write_bytes(b"half")
    assert clear(site) == Cleared()
    said = clear(site, dry_run=True, now=_later(2))
    assert (said.objects, said.unfinished, said.bytes) == (1, 2, 23)
    assert len(_objects(site)) == len(kept) + 1
    assert clear(site, now=_later(2)) == said
    assert _objects(site) == kept
    assert len([path for path in Path(site.objects_url).rglob("*") if path.is_file()]) == len(kept)
    assert not table.exists()
    assert clear(site, now=_later(2)) == Cleared()
    assert verify(site, whole=True).findings == ()


def test_small_pictures_are_removed_with_their_cutout(site: Site, refresh: Refresh, shoot: Path) -> None:
    """Those of a cutout that something refers to are kept, and so are those that are younger than the grace period."""
    decision, _ = refresh(site, shoot)
    sheet = open_sheet(site, decision.gate_id)
    tables = open_store(site.tables_url)
    for number in range(2):
        assert picture(site, sheet.image(number), Picture.THUMBNAIL)
    kept = set(tables.names(THUMBNAILS, ".webp"))
    orphan = thumbnail_file("a" * 64, f"ff/{'f' * 64}.png", "thumbnail")
    tables.write(orphan, b"of a cutout that is gone")
    assert clear(site) == Cleared()
    assert clear(site, now=_later(2)).bytes == 24
    assert set(tables.names(THUMBNAILS, ".webp")) == kept
    assert len(kept) == 2


def test_nothing_is_removed_while_something_runs(site: Site, refresh: Refresh, shoot: Path) -> None:
    """A step holds a lease while it works."""
    refresh(site, shoot)
    with site_lease(site), pytest.raises(TransientError, match="something runs on this site"):
        clear(site, now=_later(2))


def test_history_is_kept_as_long_as_the_setting_says(site: Site, refresh: Refresh, shoot: Path) -> None:
    """Its objects and tables are removed; live images stay complete and are known to the next run."""
    refresh(site, shoot)
    old = _objects(site)
    product(shoot / "0.jpg", seed=7)
    refresh(site, shoot)
    product(shoot / "0.jpg", seed=8)
    refresh(site, shoot)
    brief = site.model_copy(update={"history_days": 30})
    assert clear(brief, now=_later(29)) == Cleared()
    said = clear(brief, dry_run=True, now=_later(31))
    before = _objects(site)
    done = clear(brief, now=_later(31))
    assert said == done
    assert (done.history, done.ledger > 0, done.tables > 0) == (2, True, True)
    assert len(before) - len(_objects(site)) == done.objects == 4
    assert _objects(site) & old != old
    with Catalog.open(site.catalog_url) as catalog:
        assert catalog.counts().images == 2
        with pytest.raises(CutoutsError, match="no longer kept: the history begins with 3"):
            catalog.history.undo(3, ORDER)
    assert verify(site, whole=True).findings == ()
    decision, chunks = refresh(site, shoot)
    assert (decision.skipped, chunks) == (2, [])
    assert clear(brief, now=_later(31)).objects == 0


def test_held_deliveries_are_kept(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """A held delivery can be released however long it waited."""
    from cutouts.steps import approve
    from tests.photographs import blank

    for seed in range(5):
        blank(tmp_path / "held" / f"empty-{seed}.jpg", seed=seed)
        product(tmp_path / "held" / f"{seed}.jpg", seed=seed)
    decision, _ = refresh(site, tmp_path / "held")
    brief = site.model_copy(update={"history_days": 1})
    clear(brief, now=_later(400))
    assert approve(site, decision.gate_id, by="Ada", why="meant so").published == 5
    assert verify(site, whole=True).findings == ()


def test_a_file_that_is_not_an_object_is_left_alone(site: Site, refresh: Refresh, shoot: Path) -> None:
    """Only PNGs and files that our own writers left are considered."""
    refresh(site, shoot)
    note = Path(site.objects_url) / "read-me.txt"
    note.write_text("mine")
    os.utime(note, (0, 0))
    clear(site, now=_later(2))
    assert note.read_text() == "mine"


def test_files_of_other_programs_among_the_tables_are_left_alone(site: Site, refresh: Refresh, shoot: Path) -> None:
    """A file browser leaves them in each folder that it shows. With one beside the tables' folders, nothing was cleared
    any more."""
    refresh(site, shoot)
    foreign = [Path(site.tables_url) / folder / ".DS_Store" for folder in ("", "plans", "ledger")]
    for file in foreign:
        file.touch()
    clear(site.model_copy(update={"history_days": 30}), now=_later(31))
    assert [file for file in foreign if not file.exists()] == []
