"""After a rollback, running the same delivery again neither undoes it nor stops the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Verdict
from cutouts.core.errors import OvertakenError
from cutouts.core.publications import Order, Selection
from cutouts.core.table_paths import gate_file
from cutouts.review.decisions import take_back
from cutouts.steps import publish
from tests.photographs import product
from tests.steps.conftest import Refresh
from tests.steps.test_returning import decided, live

ORDER = Order(by="Ada", because="wrong light", at=datetime(2026, 11, 27, tzinfo=UTC))


@pytest.fixture
def shoot(tmp_path: Path) -> Path:
    """A folder of two photographs."""
    for seed in range(2):
        product(tmp_path / "shoot" / f"{seed}.jpg", seed=seed)
    return tmp_path / "shoot"


def test_a_delivery_that_was_rolled_back_does_not_return_by_itself(site: Site, refresh: Refresh, shoot: Path) -> None:
    """The version is quarantined with the reason, and what was live before stays live."""
    first, _ = refresh(site, shoot)
    good = live(site, "shoot")
    product(shoot / "0.jpg", seed=7)
    second, _ = refresh(site, shoot)
    _undo(site)
    assert live(site, "shoot") == good
    again, chunks = refresh(site, shoot)
    assert (again.verdict, chunks) == (Verdict.PUBLISH_ALL_BUT_QUARANTINED, [])
    assert live(site, "shoot") == good
    assert _reasons(site, again)["0.jpg"] == ["rolled back by Ada (publication 3): wrong light"]
    assert again.reasons == ("1 image: rolled back by Ada (publication 3): wrong light",)
    assert publish(site, second.gate_id).publication_id == 2
    assert live(site, "shoot") == good
    assert first.published == 2


def test_another_photograph_is_published_over_a_rollback(site: Site, refresh: Refresh, shoot: Path) -> None:
    """Only the version that was rolled back is kept out, so a corrected photograph goes live."""
    refresh(site, shoot)
    product(shoot / "0.jpg", seed=7)
    refresh(site, shoot)
    _undo(site)
    product(shoot / "0.jpg", seed=8)
    corrected, _ = refresh(site, shoot)
    assert corrected.published == 1
    assert live(site, "shoot") == decided(site, corrected)


def test_another_network_is_published_over_a_rollback(site: Site, refresh: Refresh, shoot: Path) -> None:
    """A rollback applies to the result of one network, and a withdrawal to the photograph with any network."""
    refresh(site, shoot)
    _undo(site)
    assert live(site, "shoot") == {}
    assert refresh(site, shoot)[0].quarantined == 2
    assert refresh(site.model_copy(update={"model": "default-int8"}), shoot)[0].published == 2
    with Catalog.open(site.catalog_url) as catalog:
        catalog.history.withdraw(Selection(image_id="0.jpg"), ORDER)
    assert [*live(site, "shoot")] == ["1.jpg"]
    back, _ = refresh(site, shoot)
    assert _reasons(site, back)["0.jpg"] == ["withdrawn by Ada (publication 5): wrong light"]


def test_an_undone_rollback_lets_the_delivery_through(site: Site, refresh: Refresh, shoot: Path) -> None:
    """What a person made live again is skipped as published."""
    refresh(site, shoot)
    _undo(site)
    _undo(site)
    assert refresh(site, shoot)[0].skipped == 2


def test_undoing_on_a_page_that_is_out_of_date_changes_nothing(site: Site, refresh: Refresh, shoot: Path) -> None:
    """Somebody undid the same publication before: the page says so in words for a browser, without options."""
    first, _ = refresh(site, shoot)
    take_back(site, first.gate_id, by="Ada")
    with pytest.raises(OvertakenError, match="it was taken back before, or something newer") as told:
        take_back(site, first.gate_id, by="Eve")
    assert "--" not in str(told.value)
    with Catalog.open(site.catalog_url) as catalog:
        assert catalog.version("shoot") == 2


def _undo(site: Site) -> None:
    """Roll back the last publication."""
    with Catalog.open(site.catalog_url) as catalog:
        assert catalog.history.undo(catalog.version("shoot"), ORDER)


def _reasons(site: Site, decision: GateDecision) -> dict[str, list[str]]:
    table = read_table(open_store(site.tables_url), gate_file(decision.gate_id, "outcomes.parquet"))
    return dict(zip(table.column("image_id").to_pylist(), table.column("reasons").to_pylist(), strict=True))
