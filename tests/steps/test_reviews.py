"""A person releases all images of a delivery but some, releases single quarantined images, and is remembered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Verdict
from cutouts.core.errors import CutoutsError, OvertakenError
from cutouts.core.publications import Order
from cutouts.core.table_paths import gate_file
from cutouts.steps import approve, gate, keep_back, publish, read_decision, reviewed_images
from cutouts.steps.reviews import reviews_of
from tests.deliveries import nothing, photograph, product
from tests.steps.conftest import Refresh
from tests.steps.test_returning import live
from tests.waiting import PATIENCE

WHO: dict[str, Any] = {"by": "Ada", "why": "looked at"}


@pytest.fixture
def held(site: Site, refresh: Refresh, tmp_path: Path) -> GateDecision:
    """A held delivery: six photographs of products, and five of nothing."""
    decision, _ = refresh(site, photograph(tmp_path / "shoot", *map(product, range(6)), *map(nothing, range(5))))
    assert decision.verdict is Verdict.HOLD
    return decision


@pytest.fixture
def partly(site: Site, refresh: Refresh, tmp_path: Path) -> GateDecision:
    """A delivery of four products that are published, and one photograph of nothing that is quarantined."""
    decision, _ = refresh(site, photograph(tmp_path / "shoot", *map(product, range(4)), nothing(0)))
    assert (decision.verdict, decision.quarantined) == (Verdict.PUBLISH_ALL_BUT_QUARANTINED, 1)
    return decision


def _outcomes(site: Site, gate_id: str) -> dict[str, tuple[str, list[str]]]:
    table = read_table(open_store(site.tables_url), gate_file(gate_id, "outcomes.parquet"))
    return {row["image_id"]: (row["outcome"], row["reasons"]) for row in table.to_pylist()}


def test_all_but_the_marked_images_are_published(site: Site, held: GateDecision) -> None:
    """The marked ones are quarantined with the person's reason, and of the individually bad ones, only those that the
    person released are published. The counts add up, and what was said is read with the measurements."""
    done = approve(site, held.gate_id, **WHO, but={"01.png": "blurred", "02.png": ""}, also=["06.png"])
    assert (done.published, done.by, done.because) == (5, "Ada", "looked at")
    assert [*live(site, "shoot")] == ["00.png", "03.png", "04.png", "05.png", "06.png"]
    after = read_decision(site, done.gate_id)
    assert (after.published, after.quarantined, after.balances) == (5, 6, True)
    assert "1 image: released by a person one by one" in after.reasons
    outcomes = _outcomes(site, done.gate_id)
    assert outcomes["01.png"] == ("quarantined", ["rejected by Ada: blurred"])
    assert outcomes["02.png"] == ("quarantined", ["rejected by Ada: looked at"])
    rows = reviewed_images(site).to_pylist()
    assert [(row["image_id"], row["bad"], row["why"]) for row in rows] == [
        ("01.png", True, "blurred"),
        ("02.png", True, "looked at"),
        ("06.png", False, "looked at"),
    ]
    assert all(0 <= row["saliency_peak"] <= 1 and row["by"] == "Ada" for row in rows)


def test_a_quarantined_image_of_a_published_delivery_is_released_later(site: Site, partly: GateDecision) -> None:
    """The publication names the person and the reason, although no delivery was held. A live image does not wait."""
    with pytest.raises(CutoutsError, match=r"is called 00\.png"):
        approve(site, partly.gate_id, **WHO, also=["00.png"])
    done = approve(site, partly.gate_id, **WHO, also=["04.png"])
    assert (done.published, done.confirmed, done.by, done.because, done.approval) == (1, 4, "Ada", "looked at", None)
    assert len(live(site, "shoot")) == 5


def test_a_word_in_the_middle_of_a_release_waits_for_its_end(site: Site, partly: GateDecision) -> None:
    """Otherwise both people were told that their word counts, and the image stayed back, or live, whoever was last."""
    order = Order(by="Bob", because="wanted", at=datetime.now(UTC))
    with ThreadPoolExecutor(1) as pool, Catalog.open(site.catalog_url) as catalog:
        with catalog.holds.turn(partly.delivery):
            catalog.review(partly.delivery, reviews_of(site, partly, good=["04.png"], bad={}, order=order))
            word = pool.submit(keep_back, site, partly.gate_id, {"04.png": "empty"}, **WHO)
            with pytest.raises(TimeoutError):
                word.result(timeout=0.5)
            publish(site, gate(site, partly.plan_id).gate_id)
        with pytest.raises(CutoutsError, match=r"is called 04\.png"):
            word.result(timeout=PATIENCE)
    assert "04.png" in live(site, "shoot")


def test_the_same_delivery_again_obeys_what_was_said(site: Site, refresh: Refresh, held: GateDecision) -> None:
    """A rejected image stays in quarantine when its delivery comes again, and another photograph of it does not."""
    approve(site, held.gate_id, **WHO, but={"01.png": "blurred"})
    again = gate(site, held.plan_id)
    assert _outcomes(site, again.gate_id)["01.png"] == ("quarantined", ["rejected by Ada: blurred"])
    folder = Path(site.root).parent / "shoot"
    photograph(folder, product(0), product(9))
    other, _ = refresh(site, folder)
    assert _outcomes(site, other.gate_id)["01.png"][0] == "held"


def test_a_version_that_was_rolled_back_returns_only_if_it_is_released_again(site: Site, partly: GateDecision) -> None:
    """An image that was rejected, released and rolled back is quarantined; the newest word about it counts."""
    keep_back(site, partly.gate_id, {"04.png": "empty"}, **WHO)
    done = approve(site, partly.gate_id, by="Bob", why="wanted", also=["04.png"])
    assert "04.png" in live(site, "shoot")
    with Catalog.open(site.catalog_url) as catalog:
        catalog.history.undo(done.publication_id, Order(by="Cy", because="no", at=datetime.now(UTC)))
    undone = gate(site, partly.plan_id)
    assert _outcomes(site, undone.gate_id)["04.png"][1][0] == "rolled back by Cy (publication 3): no"
    approve(site, undone.gate_id, **WHO, also=["04.png"])
    assert "04.png" in live(site, "shoot")


def test_a_release_over_a_rollback_can_be_taken_back(site: Site, partly: GateDecision) -> None:
    """What was rolled back, released by a person and taken back again does not return by itself."""
    for number, because in ((1, "wrong light"), (3, "released by mistake")):
        order = Order(by="Eve", because=because, at=datetime.now(UTC))
        with Catalog.open(site.catalog_url) as catalog:
            catalog.history.undo(number, order)
        after = gate(site, partly.plan_id)
        assert (after.published, after.quarantined) == (0, 5)
        if number == 1:
            assert approve(site, after.gate_id, **WHO, also=[f"0{one}.png" for one in range(4)]).publication_id == 3
            assert len(live(site, "shoot")) == 4
    assert live(site, "shoot") == {}
    assert _outcomes(site, after.gate_id)["00.png"][1] == ["rolled back by Eve (publication 4): released by mistake"]


def test_wrong_names_are_refused_and_nothing_is_recorded(site: Site, held: GateDecision) -> None:
    """Unknown images, and images that are both released and rejected, change nothing: the delivery still waits."""
    with pytest.raises(CutoutsError, match=r"no held or quarantined image of delivery .* is called nobody\.png"):
        approve(site, held.gate_id, **WHO, but={"nobody.png": ""})
    with pytest.raises(CutoutsError, match=r"both released and rejected: 00\.png"):
        approve(site, held.gate_id, **WHO, but={"00.png": ""}, also=["00.png"])
    with Catalog.open(site.catalog_url) as catalog:
        assert catalog.reviews() == ()
        assert [hold.gate_id for hold in catalog.holds.all_waiting()] == [held.gate_id]


def test_a_release_on_an_old_page_does_not_bring_an_old_version_back(
    site: Site, refresh: Refresh, partly: GateDecision, tmp_path: Path
) -> None:
    """If another version of the delivery was published meanwhile, a release from the older decision is refused, and
    nothing is recorded. On the new decision it works."""
    photograph(tmp_path / "shoot", product(7))
    newer, _ = refresh(site, tmp_path / "shoot")
    now = live(site, "shoot")
    with pytest.raises(OvertakenError, match="another version of delivery"):
        approve(site, partly.gate_id, **WHO, also=["04.png"])
    assert live(site, "shoot") == now
    with Catalog.open(site.catalog_url) as catalog:
        assert catalog.reviews() == ()
    approve(site, newer.gate_id, **WHO, also=["04.png"])
    assert live(site, "shoot").items() >= now.items()
