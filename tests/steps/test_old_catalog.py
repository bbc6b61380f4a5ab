"""After an old copy of the database was put back, nothing changes it before it is rebuilt from the journal."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cutouts.adapters.catalog import CatalogJournal
from cutouts.adapters.storage.store import Store
from cutouts.api.forgetting import forget
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Order, Selection
from cutouts.steps import approve, gate, keep_back, publish, reject
from cutouts.steps.announce import mark_announced
from cutouts.steps.clearing import clear
from cutouts.steps.journal import rebuild
from tests.command import cutouts
from tests.deliveries import nothing, photograph, product
from tests.steps.conftest import Refresh
from tests.steps.histories import rows

ORDER = Order(by="Ada", because="wrong", at=datetime.now(UTC))
BY = ("--by", "Ada", "--because", "wrong")


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _put_back(site: Site, backup: Path) -> None:
    for one in Path(site.root).glob("catalog.sqlite*"):
        one.unlink()
    shutil.copy(backup, Path(site.root) / "catalog.sqlite")


@pytest.fixture
def quarantined(site: Site, refresh: Refresh, tmp_path: Path) -> GateDecision:
    """A decision with a published delivery and a quarantined image, on a site whose catalogue lacks the publication
    after it: a backup was put back."""
    decision, _ = refresh(site, photograph(tmp_path / "shoot", *map(product, range(4)), nothing(0)))
    _copy(Path(site.root) / "catalog.sqlite", tmp_path / "backup.sqlite")
    refresh(site, photograph(tmp_path / "shoot", product(4)))
    _put_back(site, tmp_path / "backup.sqlite")
    return decision


@pytest.mark.parametrize(
    "change",
    [
        lambda site, one: publish(site, gate(site, one.plan_id).gate_id),
        lambda site, one: publish(site, one.gate_id),
        lambda site, one: approve(site, one.gate_id, by="Ada", why="good", also=["04.png"]),
        lambda site, one: keep_back(site, one.gate_id, {"04.png": "bad"}, by="Ada", why="bad"),
        lambda site, _: forget(site, Selection(product_id="shoot/00"), ORDER),
        lambda site, _: clear(site),
        lambda site, _: mark_announced(site, [1]),
    ],
    ids=["gate", "publish", "approve", "keep back", "forget", "gc", "announce"],
)
def test_steps_change_nothing(
    site: Site, quarantined: GateDecision, change: Callable[[Site, GateDecision], object]
) -> None:
    """The error comes before the change, and says what to do."""
    _unchanged(site, lambda: change(site, quarantined))


@pytest.mark.parametrize(
    "command",
    [
        ("withdraw", "--image", "00.png", *BY),
        ("catalog", "rollback", "1", *BY),
        ("catalog", "rollback", "--to", "0", *BY),
    ],
    ids=["withdraw", "rollback", "rollback to"],
)
def test_orders_change_nothing(site: Site, quarantined: GateDecision, command: tuple[str, ...]) -> None:
    """By the real commands: exit status 1, and afterwards a rebuild brings back what was published last."""

    def order() -> None:
        done = cutouts(*command, "--out", site.root)
        if done.returncode == 1:
            raise CutoutsError(done.stderr)

    _unchanged(site, order)
    for one in Path(site.root).glob("catalog.sqlite*"):
        one.unlink()
    assert rebuild(site).newest == 2


@pytest.mark.parametrize("lost", [False, True], ids=["an old copy", "an empty file"])
def test_nothing_is_shown_of_an_old_catalogue(site: Site, quarantined: GateDecision, lost: bool) -> None:
    """Otherwise it would look as if nothing had been published since, or never."""
    if lost:
        _put_back(site, Path("/dev/null"))
    for command in (
        ("status",),
        ("holds",),
        ("publish", "--approve", str(quarantined.delivery), "--by", "Ada", "--why", "good"),
        ("explain", "00.png"),
        ("export", "--channel", "google", "--public-url", "https://shop.example", "-o", f"{site.root}/feed.tsv"),
        ("catalog", "history"),
        ("catalog", "export", "-o", f"{site.root}/live.csv"),
    ):
        done = cutouts(*command, "--out", site.root)
        assert (done.returncode, done.stdout) == (1, ""), command
        assert "older than its journal. Rebuild it from the journal (`cutouts catalog rebuild`)" in done.stderr


def _unchanged(site: Site, change: Callable[[], object]) -> None:
    tables, objects = Store(site.tables_url), Store(site.objects_url)

    def state() -> object:
        journal = {name: tables.read(name) for name in tables.names("journal", "")}
        return rows(site.catalog_url), journal, objects.names("", "")

    before = state()
    with pytest.raises(CutoutsError, match=r"older than its journal.*`cutouts catalog rebuild`.*Nothing was changed"):
        change()
    assert state() == before


@pytest.mark.parametrize("word", [approve, reject], ids=["approve", "reject"])
def test_a_hold_that_was_settled_after_the_backup_is_not_settled_again(
    site: Site, refresh: Refresh, tmp_path: Path, word: Callable[..., object]
) -> None:
    """A rejection is not a publication: only the record of the hold knows of it."""
    held, _ = refresh(site, photograph(tmp_path / "shoot", product(0), *map(nothing, range(5))))
    _copy(Path(site.root) / "catalog.sqlite", tmp_path / "backup.sqlite")
    reject(site, held.gate_id, by="Bob", why="all are dark")
    _put_back(site, tmp_path / "backup.sqlite")
    _unchanged(site, lambda: word(site, held.gate_id, by="Ada", why="looked at"))


def test_a_catalogue_in_use_is_not_taken_for_an_old_one(
    site: Site, refresh: Refresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may publish and write its record just after the newest publication was read."""
    decision, _ = refresh(site, photograph(tmp_path / "shoot", product(0)))
    read, first = CatalogJournal.newest, ["first"]

    def newest(journal: CatalogJournal) -> int:
        found = read(journal)
        if first:
            first.clear()
            refresh(site, photograph(tmp_path / "other", product(7)))
        return found

    monkeypatch.setattr(CatalogJournal, "newest", newest)
    assert publish(site, decision.gate_id).gate_id == decision.gate_id
    assert not first
