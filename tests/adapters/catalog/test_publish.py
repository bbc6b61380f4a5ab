"""What a publication changes and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from cutouts.adapters.catalog import ENTRIES, PUBLISHED, Catalog
from cutouts.core.errors import OvertakenError, StorageError
from cutouts.core.publications import CatalogEntry, Draft, Publication
from cutouts.core.records import DeliveryKey, RecipeDigests
from tests.adapters.catalog.made import MONDAY, NOON, RECIPE, TUESDAY, entry, publication
from tests.adapters.catalog.reader import contents, view


def _publish(
    catalog: Catalog, entries: list[CatalogEntry], delivery: DeliveryKey = MONDAY, gate_id: str = "gate"
) -> Publication:
    return catalog.publish(entries, Draft(gate_id=gate_id, plan_id="plan", delivery=delivery, at=NOON))


def _batch(entries: list[CatalogEntry]) -> pa.RecordBatch:
    rows = [asdict(one) | asdict(one.recipe) for one in entries]
    return pa.RecordBatch.from_pylist([{name: row[name] for name in ENTRIES.names} for row in rows], ENTRIES)


def test_the_view_has_the_documented_columns(catalog: Catalog, url: str) -> None:
    """Each published image has a row that says what it is, where its objects are, and how and when they were made."""
    _publish(catalog, [entry("a")])
    (row,) = view(url)
    moment = row.pop("published_at")
    assert str(moment).startswith("2026-11-17 12:00:00.123456")
    assert row == {
        "image_id": "a.jpg",
        "product_id": "a",
        "delivery_id": "acme",
        "cutout": "cutout-first-a.png",
        "mask": "mask-first-a.png",
        "sha256": "first-a",
        "matte_digest": "matte-1",
        "render_digest": "render-1",
        "publication_id": 1,
    }


def test_a_publication_is_recorded_with_its_counts(catalog: Catalog) -> None:
    """What publish returns is what publication_of finds later, from another catalogue object too."""
    done = _publish(catalog, [entry("a"), entry("b")])
    assert done == publication(published=2)
    assert catalog.publication_of("gate") == done
    assert catalog.publication_of("another") is None


def test_live_images_are_read_as_they_were_published(catalog: Catalog) -> None:
    """Whatever their ids look like, and from exactly the delivery id that is asked for."""
    odd = replace(MONDAY, delivery_id="50 % of 'acme', %s")
    names = [
        "",
        " ",
        "NULL",
        "null",
        "\\N",
        "\\.",
        'a,"b"',
        "'",
        "a\nb",
        "ä€😀",
        "%s %(a)s",
        "1.0",
        "2026-01-01",
        "true",
    ]
    _publish(catalog, [replace(entry("a", odd), image_id=name) for name in names], odd)
    _publish(catalog, [entry("other")], gate_id="other")
    found = catalog.published(odd.delivery_id)
    assert found.schema == PUBLISHED
    assert sorted(found.column("image_id").to_pylist()) == sorted(names)
    assert set(found.column("delivery_date").to_pylist()) == {MONDAY.date}
    assert catalog.live().num_rows == len(names) + 1
    assert catalog.published("nobody") == PUBLISHED.empty_table()


def test_publishing_the_same_gate_again_changes_nothing(catalog: Catalog, url: str) -> None:
    """A retry gets the recorded publication, whatever entries it passes."""
    first = _publish(catalog, [entry("a")])
    assert _publish(catalog, [entry("a", content="second"), entry("b")]) == first
    assert contents(url) == {"a.jpg": "first-a"}


def test_an_empty_publication_is_recorded(catalog: Catalog, url: str) -> None:
    """A delivery whose images were all skipped is recorded too."""
    assert _publish(catalog, []) == publication()
    assert view(url) == []


def test_an_older_delivery_never_replaces_a_newer_one(catalog: Catalog, url: str) -> None:
    """A backfill of Monday adds what Tuesday did not deliver and leaves what it did."""
    _publish(catalog, [entry("a", TUESDAY, content="second")], TUESDAY, "tonight")
    backfill = _publish(catalog, [entry("a"), entry("b")], MONDAY, "backfill")
    assert (backfill.published, backfill.superseded) == (1, 1)
    assert contents(url) == {"a.jpg": "second-a", "b.jpg": "first-b"}


def test_a_day_delivered_again_replaces_its_own_images(catalog: Catalog, url: str) -> None:
    """A corrected upload of the same day, or a new recipe, goes live."""
    _publish(catalog, [entry("a"), entry("b")])
    recipe = RecipeDigests(matte_digest=RECIPE.matte_digest, render_digest="render-2")
    again = _publish(catalog, [entry("a", content="second"), entry("b", recipe=recipe)], gate_id="again")
    assert again.published == 2
    assert contents(url) == {"a.jpg": "second-a", "b.jpg": "first-b"}
    assert {row["render_digest"] for row in view(url)} == {"render-1", "render-2"}


def test_live_content_is_confirmed_and_protected_from_older_deliveries(catalog: Catalog, url: str) -> None:
    """Wednesday delivers Monday's content again, so Tuesday's other content is not published."""
    wednesday = replace(MONDAY, date=date(2026, 11, 18))
    _publish(catalog, [entry("a")])
    same = _publish(catalog, [entry("a", wednesday), entry("b", wednesday)], wednesday, "wednesday")
    late = _publish(catalog, [entry("a", TUESDAY, content="other")], TUESDAY, "late")
    assert (same.published, same.confirmed, late.superseded) == (1, 1, 1)
    assert [(row["sha256"], row["publication_id"]) for row in view(url)] == [("first-a", 1), ("first-b", 2)]


def test_deliveries_of_another_supplier_are_left_alone(catalog: Catalog) -> None:
    """The same image id under two delivery ids is two images."""
    other = DeliveryKey(date=MONDAY.date, delivery_id="other")
    _publish(catalog, [entry("a")])
    _publish(catalog, [entry("a", other, content="second")], other, "other")
    assert catalog.published("acme")["sha256"].to_pylist() == ["first-a"]
    assert catalog.published("other")["sha256"].to_pylist() == ["second-a"]


def test_live_images_are_returned_as_columns(catalog: Catalog) -> None:
    """The gate compares content and both digests; an unknown delivery has no rows but all columns."""
    _publish(catalog, [entry("a")])
    live = catalog.published("acme")
    assert live.schema == PUBLISHED == catalog.published("nobody").schema
    assert live.to_pylist() == [
        {
            "image_id": "a.jpg",
            "sha256": "first-a",
            "matte_digest": "matte-1",
            "render_digest": "render-1",
            "delivery_date": MONDAY.date,
        }
    ]
    assert catalog.published("nobody").num_rows == 0


def test_ids_in_any_script_are_kept(catalog: Catalog, url: str) -> None:
    """An id may be any text."""
    names = ["Käffchen/ß", "商品-一", "🫖", "it's; DROP TABLE cutouts --", "50 %", "{a,b}", 'say "hi" \\N']
    for name in names:
        delivery = DeliveryKey(date=MONDAY.date, delivery_id=name)
        _publish(catalog, [entry(name, delivery)], delivery, gate_id=name)
        assert catalog.published(name)["image_id"].to_pylist() == [f"{name}.jpg"]
    seen = {(row["image_id"], row["product_id"], row["delivery_id"]) for row in view(url)}
    assert seen == {(f"{name}.jpg", name, name) for name in names}


def test_times_with_a_zone_are_kept(catalog: Catalog) -> None:
    """A time given in another zone comes back as the same time in UTC."""
    at = datetime(2026, 11, 17, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    catalog.publish([], Draft(gate_id="gate", plan_id="plan", delivery=MONDAY, at=at))
    found = catalog.publication_of("gate")
    assert found is not None
    assert (found.at, found.at.tzinfo) == (at, UTC)


def test_record_batches_of_twenty_thousand_images_are_published(catalog: Catalog) -> None:
    """Columns are passed batch by batch as they come from Parquet, and four images share an article."""
    entries = [replace(entry(f"{number:05d}"), product_id=f"{number // 4}") for number in range(20_000)]
    batches: Iterator[pa.RecordBatch] = (_batch(entries[at : at + 3_000]) for at in range(0, 20_000, 3_000))
    done = catalog.publish(batches, Draft(gate_id="gate", plan_id="plan", delivery=MONDAY, at=NOON))
    counts = catalog.counts()
    assert (done.published, counts.images, counts.products) == (20_000, 20_000, 5_000)
    assert sorted(catalog.published("acme")["image_id"].to_pylist()) == [one.image_id for one in entries]


def test_a_duplicate_image_is_refused(catalog: Catalog) -> None:
    """Two entries for one image leave the catalogue unchanged."""
    with pytest.raises(StorageError, match=r"(?i)unique"):
        _publish(catalog, [entry("a"), entry("a", content="second")])
    assert catalog.counts().publications == 0


def test_an_entry_of_another_delivery_is_refused(catalog: Catalog) -> None:
    """An entry that states another delivery is not published."""
    with pytest.raises(ValueError, match="2026-11-17/acme"):
        _publish(catalog, [entry("a", TUESDAY)], MONDAY)
    assert catalog.counts().images == 0


def test_a_decision_is_published_only_over_the_state_it_was_made_against(catalog: Catalog, url: str) -> None:
    """Of two decisions over the same state, the second is refused under the lock and changes nothing."""
    before = catalog.version("acme")
    _publish(catalog, [entry("a")])
    with pytest.raises(OvertakenError, match="publication 1"):
        catalog.publish(
            [entry("a", content="late")], Draft(gate_id="late", plan_id="p", delivery=MONDAY, at=NOON, against=before)
        )
    assert (contents(url), catalog.counts().publications) == ({"a.jpg": "first-a"}, 1)


def test_the_version_counts_what_changed(catalog: Catalog) -> None:
    """New content and a later day are changes; a delivery that was already live and other deliveries are not."""
    other = DeliveryKey(date=MONDAY.date, delivery_id="other")
    versions = [catalog.version("acme")]
    for delivery, gate_id in ((MONDAY, "1"), (MONDAY, "2"), (TUESDAY, "3"), (MONDAY, "4"), (other, "5")):
        _publish(catalog, [entry("a", delivery)], delivery, gate_id)
        versions.append(catalog.version("acme"))
    assert versions == [0, 1, 1, 3, 3, 3]
