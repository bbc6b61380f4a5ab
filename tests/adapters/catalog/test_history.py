"""The history of the catalogue: every state can be rebuilt, compared and restored exactly."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.catalog.engine import open_engine, writing
from cutouts.adapters.catalog.migrate import _FOLDER, VERSION_TABLE
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Draft, Order, Publication, PublicationKind, Selection
from cutouts.core.records import DeliveryKey
from cutouts.core.reviews import ImageReview
from tests.adapters.catalog.made import MONDAY, NOON, RECIPE, TUESDAY, entry
from tests.adapters.catalog.reader import contents, view

ROOT = Path(__file__).parents[3]
ORDER = Order(by="Ada", because="wrong network", at=NOON + timedelta(hours=1))
OTHER = DeliveryKey(date=MONDAY.date, delivery_id="other")


def _publish(catalog: Catalog, names: str, content: str, delivery: DeliveryKey = MONDAY, **how: Any) -> Publication:
    return catalog.publish(
        [entry(name, delivery, content=content) for name in names],
        Draft(
            gate_id=f"{delivery} {names} {content} {len(catalog.history.publications())}",
            plan_id="plan",
            delivery=delivery,
            at=NOON,
            **how,
        ),
    )


def _then(catalog: Catalog, moment: int | None = None) -> list[dict[str, Any]]:
    with catalog.history.as_of(moment) as batches:
        rows = [row for batch in batches for row in batch.to_pylist()]
    return sorted(rows, key=lambda row: (row["image_id"], row["delivery_id"]))


def _live(catalog: Catalog, url: str) -> list[dict[str, Any]]:
    """The consumers' view, with the types of `as_of`."""
    now = _then(catalog)
    assert [row["image_id"] for row in now] == [row["image_id"] for row in view(url)]
    return now


def test_the_state_after_every_publication_can_be_rebuilt(catalog: Catalog, url: str) -> None:
    """Images are added, replaced, confirmed, moved to another day and withdrawn."""
    steps: Sequence[tuple[str, str, DeliveryKey, dict[str, Any]]] = [
        ("ab", "first", MONDAY, {}),
        ("xy", "first", OTHER, {}),
        ("bc", "second", TUESDAY, {}),
        ("ab", "first", MONDAY, {}),
        ("a", "first", TUESDAY, {"withdraw": ["b.jpg"]}),
        ("x", "third", OTHER, {}),
    ]
    seen = {0: _then(catalog)}
    for names, content, delivery, how in steps:
        done = _publish(catalog, names, content, delivery, **how)
        seen[done.publication_id] = _live(catalog, url)
    assert len(seen) == 7
    assert {one: _then(catalog, one) for one in seen} == seen


def test_a_point_in_time_selects_what_was_live_then(catalog: Catalog) -> None:
    """The newest publication made up to that time counts."""
    for hours, content in enumerate(("first", "second")):
        at = NOON + timedelta(hours=hours)
        catalog.publish([entry("a", content=content)], Draft(gate_id=content, plan_id="p", delivery=MONDAY, at=at))
    for minutes, sha256 in ((-1, None), (0, "first-a"), (59, "first-a"), (60, "second-a")):
        with catalog.history.as_of(NOON + timedelta(minutes=minutes)) as batches:
            rows = [row for batch in batches for row in batch.to_pylist()]
        assert [row["sha256"] for row in rows] == ([sha256] if sha256 else [])


def test_a_difference_names_every_image_that_changed(catalog: Catalog) -> None:
    """Images that were added, replaced or withdrawn are listed, but not those that came and went between."""
    _publish(catalog, "abc", "first")
    _publish(catalog, "bde", "second", withdraw=("c.jpg",))
    _publish(catalog, "f", "second")
    _publish(catalog, "bd", "second", TUESDAY, withdraw=("f.jpg",))
    changes = {one.image_id: one for one in catalog.history.changes(1, 4)}
    assert {name: one.what for name, one in changes.items()} == {
        "b.jpg": "replaced",
        "c.jpg": "withdrawn",
        "d.jpg": "added",
        "e.jpg": "added",
    }
    replaced = changes["b.jpg"]
    assert replaced.before
    assert replaced.after
    assert (replaced.before["sha256"], replaced.after["sha256"]) == ("first-b", "second-b")
    back = {one.image_id: one.what for one in catalog.history.changes(4, 1)}
    assert back == {"b.jpg": "replaced", "c.jpg": "added", "d.jpg": "withdrawn", "e.jpg": "withdrawn"}
    assert catalog.history.changes(4) == ()


def test_a_rollback_is_exact_and_is_itself_a_publication(catalog: Catalog, url: str) -> None:
    """The view is restored row for row, and the history records who rolled back, why and to where."""
    _publish(catalog, "ab", "first")
    _publish(catalog, "xy", "first", OTHER)
    before = view(url)
    _publish(catalog, "bc", "second", TUESDAY)
    done = catalog.history.undo(3, ORDER)
    assert view(url) == before
    assert done
    assert (done.kind, done.by, done.because) == (PublicationKind.ROLLBACK, "Ada", "wrong network")
    assert (done.back_to, done.published, done.withdrawn, done.delivery) == (2, 1, 1, TUESDAY)
    newest, undone, *_ = catalog.history.publications()
    assert (newest, undone.undone_by) == (done, done.publication_id)
    assert catalog.version("acme") == done.publication_id


def test_a_rollback_can_be_undone(catalog: Catalog, url: str) -> None:
    """Rolling back and forth is exact each time."""
    _publish(catalog, "ab", "first")
    first = view(url)
    _publish(catalog, "bc", "second")
    second = view(url)
    for _ in range(2):
        catalog.history.undo(catalog.version("acme"), ORDER)
        assert view(url) == first
        catalog.history.undo(catalog.version("acme"), ORDER)
        assert view(url) == second
    assert _then(catalog, 1) == _then(catalog, 3)
    assert catalog.taken_back("acme") != ()
    assert catalog.history.undo(catalog.version("acme"), ORDER)


def test_a_publication_under_newer_ones_is_not_rolled_back_alone(catalog: Catalog, url: str) -> None:
    """The error names the newer ones of the same delivery, and they are rolled back too if that is requested."""
    _publish(catalog, "a", "first")
    _publish(catalog, "x", "first", OTHER)
    _publish(catalog, "a", "second")
    _publish(catalog, "a", "third")
    with pytest.raises(CutoutsError, match=r"changed delivery acme after 3: 4\."):
        catalog.history.undo(3, ORDER)
    assert contents(url)["a.jpg"] == "third-a"
    catalog.history.undo(3, ORDER, with_newer=True)
    assert contents(url) == {"a.jpg": "first-a", "x.jpg": "first-x"}
    with pytest.raises(CutoutsError, match="there is no publication 77"):
        catalog.history.undo(77, ORDER)


def test_a_rollback_affects_several_deliveries_only_if_that_is_requested(catalog: Catalog, url: str) -> None:
    """One delivery is named by its id, and rolling back all of them must be requested."""
    _publish(catalog, "a", "first")
    _publish(catalog, "x", "first", OTHER)
    before = view(url)
    _publish(catalog, "a", "second")
    _publish(catalog, "xy", "second", OTHER)
    with pytest.raises(CutoutsError, match=r"2 deliveries changed after publication 2: acme, other"):
        catalog.history.go_back(2, ORDER)
    (one,) = catalog.history.go_back(2, ORDER, delivery_id="acme")
    assert (one.delivery.delivery_id, contents(url)["x.jpg"]) == ("acme", "second-x")
    made = catalog.history.go_back(2, ORDER, everything=True)
    assert [done.delivery.delivery_id for done in made] == ["other"]
    assert view(url) == before
    assert catalog.history.go_back(2, ORDER, everything=True) == ()


def test_a_first_publication_can_be_rolled_back(catalog: Catalog, url: str) -> None:
    """Nothing was live before it, so nothing is live afterwards."""
    _publish(catalog, "ab", "first")
    done = catalog.history.undo(1, ORDER)
    assert done
    assert (done.withdrawn, done.back_to, view(url)) == (2, 0, [])


def test_a_rolled_back_version_is_remembered_until_it_is_restored(catalog: Catalog) -> None:
    """Each version that a person removed is kept with the reason until a person restores it."""
    _publish(catalog, "a", "first")
    _publish(catalog, "a", "second")
    catalog.history.undo(2, ORDER)
    (known,) = catalog.taken_back("acme")
    assert (known.image_id, known.sha256, known.words) == (
        "a.jpg",
        "second-a",
        "rolled back by Ada (publication 3): wrong network",
    )
    assert known.covers("second-a", RECIPE, MONDAY.date)
    assert not known.covers("second-a", replace(RECIPE, matte_digest="better"), MONDAY.date)
    assert not known.covers("third-a", RECIPE, MONDAY.date)
    catalog.history.undo(3, ORDER)
    assert [one.sha256 for one in catalog.taken_back("acme")] == ["first-a"]


def test_the_order_of_reviews_and_rollbacks_does_not_depend_on_clocks(catalog: Catalog) -> None:
    """A machine whose clock is a day behind takes back what another released, and releases what another took back."""
    review = ImageReview(
        delivery_id="acme",
        image_id="a.jpg",
        sha256="second-a",
        recipe=RECIPE,
        good=True,
        gate_id="gate",
        by="Eve",
        why="it is fine",
        at=ORDER.at + timedelta(days=1),
    )
    _publish(catalog, "a", "first")
    _publish(catalog, "a", "second")
    catalog.review(MONDAY, [review])
    catalog.history.undo(2, ORDER)
    (taken,), (released,) = catalog.taken_back("acme"), catalog.reviews("acme")
    assert (released.at, taken.at > released.at) == (review.at, True)
    catalog.review(MONDAY, [replace(review, at=NOON)])
    (again,) = catalog.reviews("acme")
    assert again.at > taken.at


def test_a_withdrawal_removes_images_and_can_be_undone(catalog: Catalog, url: str) -> None:
    """A product is withdrawn from every delivery, with one publication each, whatever the recipe."""
    _publish(catalog, "ab", "first")
    _publish(catalog, "a", "other", OTHER)
    before = view(url)
    made = catalog.history.withdraw(Selection(product_id="a"), ORDER)
    assert [(one.delivery.delivery_id, one.withdrawn, one.kind) for one in made] == [
        ("acme", 1, PublicationKind.WITHDRAW),
        ("other", 1, PublicationKind.WITHDRAW),
    ]
    assert contents(url) == {"b.jpg": "first-b"}
    (known,) = catalog.taken_back("other")
    assert known.covers("other-a", replace(RECIPE, matte_digest="better"), MONDAY.date)
    assert not known.covers("new-a", RECIPE, MONDAY.date)
    with pytest.raises(CutoutsError, match="no image of product a is live"):
        catalog.history.withdraw(Selection(product_id="a"), ORDER)
    for one in made:
        catalog.history.undo(one.publication_id, ORDER)
    assert view(url) == before
    assert catalog.taken_back("other") == ()


def test_an_image_id_in_several_deliveries_is_withdrawn_from_the_named_one(catalog: Catalog) -> None:
    """Image ids are only unique within a delivery."""
    _publish(catalog, "a", "first")
    _publish(catalog, "a", "first", OTHER)
    with pytest.raises(CutoutsError, match=r"image a\.jpg is live in acme, other"):
        catalog.history.withdraw(Selection(image_id="a.jpg"), ORDER)
    (one,) = catalog.history.withdraw(Selection(image_id="a.jpg", delivery_id="other"), ORDER)
    assert one.delivery == OTHER


def test_a_withdrawal_covers_older_photographs_whatever_was_published_last(catalog: Catalog) -> None:
    """The day of a withdrawal is the newest day of its delivery id, although Monday's delivery was published late."""
    _publish(catalog, "a", "second", TUESDAY)
    _publish(catalog, "b", "first", MONDAY)
    catalog.history.withdraw(Selection(image_id="a.jpg"), ORDER)
    (one,) = catalog.taken_back("acme")
    assert one.covers("first-a", RECIPE, MONDAY.date)


def test_withdrawals_are_announced(catalog: Catalog) -> None:
    """A publication that only withdraws images is announced like any other."""
    _publish(catalog, "a", "first")
    catalog.mark_announced([1], NOON)
    catalog.history.withdraw(Selection(delivery_id="acme"), ORDER)
    assert [(one.publication_id, one.withdrawn) for one in catalog.unannounced()] == [(2, 1)]


def test_a_full_delivery_supersedes_earlier_days(catalog: Catalog, url: str) -> None:
    """Images that are missing from it are withdrawn, and an older day published later does not bring them back."""
    _publish(catalog, "ab", "first")
    full = _publish(catalog, "b", "second", TUESDAY, withdraw=("a.jpg",))
    assert (full.published, full.withdrawn) == (1, 1)
    late = _publish(catalog, "ac", "late")
    assert (late.published, late.superseded) == (0, 2)
    assert contents(url) == {"b.jpg": "second-b"}
    assert catalog.full_since("acme") == TUESDAY.date
    catalog.history.undo(2, ORDER, with_newer=True)
    assert catalog.full_since("acme") is None
    assert _publish(catalog, "ac", "late").published == 2


def test_a_full_delivery_that_a_later_one_supersedes_withdraws_nothing(catalog: Catalog, url: str) -> None:
    """Tuesday's full delivery kept the older version of an image, because the new one was quarantined."""
    _publish(catalog, "ab", "first")
    _publish(catalog, "b", "second", TUESDAY, withdraw=())
    late = _publish(catalog, "b", "third", MONDAY, withdraw=("a.jpg",))
    assert (late.published, late.superseded, late.withdrawn) == (0, 1, 0)
    assert contents(url) == {"a.jpg": "first-a", "b.jpg": "second-b"}


def test_a_full_delivery_does_not_withdraw_what_a_later_day_delivered(catalog: Catalog, url: str) -> None:
    """Monday's full delivery is published after Tuesday's."""
    _publish(catalog, "a", "second", TUESDAY)
    full = _publish(catalog, "b", "first", MONDAY, withdraw=("a.jpg",))
    assert (full.published, full.withdrawn) == (1, 0)
    assert contents(url) == {"a.jpg": "second-a", "b.jpg": "first-b"}


@pytest.mark.parametrize("moment", ["INSERT INTO past_cutouts", "INSERT INTO cutouts", "UPDATE publications"])
def test_a_kill_during_a_rollback_leaves_all_or_nothing(url: str, moment: str) -> None:
    """If it is killed with half of it written, the view and history are unchanged and the next attempt is exact."""
    with Catalog.open(url) as catalog:
        _publish(catalog, "ab", "first")
        first = view(url)
        _publish(catalog, "bc", "second")
        second = view(url)
    program = [sys.executable, "-m", "tests.adapters.catalog.killed_rollback", url, moment]
    killed = subprocess.run(program, cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    with Catalog.open(url) as catalog:
        assert (view(url), len(catalog.history.publications())) == (second, 2)
        assert catalog.taken_back("acme") == ()
        catalog.history.undo(2, ORDER)
    assert view(url) == first


def test_history_begins_with_the_upgrade(url: str) -> None:
    """After an upgrade the newest state can be restored, and an earlier one is refused with a message."""
    engine = open_engine(url)
    with engine.connect() as connection, writing(connection, "migration"):
        config = Config(attributes={"connection": connection, "version_table": VERSION_TABLE})
        config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
        command.upgrade(config, "0004")
        _fill(connection)
    engine.dispose()
    before = view(url)
    with Catalog.open(url) as catalog:
        assert (view(url), len(_then(catalog, 2))) == (before, 1)
        with pytest.raises(CutoutsError, match="after publication 1 is no longer kept: the history begins with 2"):
            _then(catalog, 1)
        _publish(catalog, "ab", "third")
        catalog.history.undo(3, ORDER)
        assert view(url) == before
        with pytest.raises(CutoutsError, match="no longer kept"):
            catalog.history.go_back(0, ORDER)


def _fill(connection: sa.Connection) -> None:
    """Two publications of one image, as version 0004 stored them."""
    connection.execute(sa.text("INSERT INTO products VALUES ('a', '2026-11-16', '2026-11-16')"))
    for number in (1, 2):
        connection.execute(
            sa.text(
                "INSERT INTO publications (gate_id, plan_id, delivery_id, delivery_date, at, published, confirmed,"
                " superseded) VALUES (:gate, 'plan', 'acme', '2026-11-16', '2026-11-16 12:00:00.000000', 1, 0, 0)"
            ),
            {"gate": f"gate {number}"},
        )
    connection.execute(
        sa.text(
            "INSERT INTO cutouts (delivery_id, image_id, product_id, delivery_date, sha256, matte_digest,"
            " render_digest, mask, cutout, width_px, height_px, publication_id) VALUES"
            " ('acme', 'a.jpg', 'a', '2026-11-16', 'c', 'm', 'r', 'mask', 'cutout', 1, 1, 2)"
        )
    )
