"""Full deliveries withdraw the images that they no longer have, in the same publication."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.manifests.opening import open_manifest
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import write_table
from cutouts.api.runs import run
from cutouts.core.config import Site
from cutouts.core.decisions import Verdict
from cutouts.core.errors import ManifestError
from cutouts.core.publications import Order, Selection
from cutouts.core.records import DeliveryKey
from cutouts.intake import folder_manifest
from cutouts.review.decisions import take_back
from cutouts.steps import approve, gate, plan, publish
from tests.photographs import product
from tests.steps.conftest import refresh_manifest
from tests.steps.test_returning import live


@pytest.fixture
def shoot(tmp_path: Path) -> Path:
    """A folder of three photographs."""
    for seed in range(3):
        product(tmp_path / "shoot" / f"{seed}.jpg", seed=seed)
    return tmp_path / "shoot"


def _manifest(tmp_path: Path, shoot: Path, scope: pa.Array | str | None) -> str:
    """The folder as a manifest whose rows have that scope."""
    table, day = folder_manifest(shoot)
    if scope is not None:
        values = pa.repeat(pa.scalar(scope), table.num_rows) if isinstance(scope, str) else scope
        table = table.append_column("scope", values)
    write_table(open_store(str(tmp_path)), f"manifest/date={day}/part.parquet", table)
    return str(tmp_path / "manifest")


def test_images_missing_from_a_full_delivery_are_withdrawn(site: Site, shoot: Path, tmp_path: Path) -> None:
    """A deleted photograph stays live after a delta and is removed by a full delivery."""
    site = site.allowing(str(shoot))
    refresh_manifest(site, _manifest(tmp_path, shoot, None))
    (shoot / "2.jpg").unlink()
    refresh_manifest(site, _manifest(tmp_path, shoot, "delta"))
    assert [*live(site, "shoot")] == ["0.jpg", "1.jpg", "2.jpg"]
    product(shoot / "3.jpg", seed=3)
    decision, _ = refresh_manifest(site, _manifest(tmp_path, shoot, "full"))
    assert (decision.full, decision.withdrawn, decision.published) == (True, 1, 1)
    assert sorted(live(site, "shoot")) == ["0.jpg", "1.jpg", "3.jpg"]
    with Catalog.open(site.catalog_url) as catalog:
        newest = catalog.history.publications()[0]
    assert (newest.published, newest.withdrawn) == (1, 1)
    again, chunks = refresh_manifest(site, _manifest(tmp_path, shoot, "full"))
    assert (again.withdrawn, again.skipped, chunks) == (0, 3, [])


def test_a_renamed_image_is_not_live_twice(site: Site, shoot: Path, tmp_path: Path) -> None:
    """The same photograph under a new id replaces the old id in one publication, without calling the network."""
    site = site.allowing(str(shoot))
    refresh_manifest(site, _manifest(tmp_path, shoot, "full"))
    (shoot / "0.jpg").rename(shoot / "zero.jpg")
    decision, chunks = refresh_manifest(site, _manifest(tmp_path, shoot, "full"))
    assert (decision.published, decision.withdrawn, chunks) == (1, 1, [])
    assert sorted(live(site, "shoot")) == ["1.jpg", "2.jpg", "zero.jpg"]


def test_a_full_delivery_that_would_withdraw_many_images_is_held(site: Site, shoot: Path, tmp_path: Path) -> None:
    """A truncated manifest removes nothing by itself, but a person may release it."""
    site = site.allowing(str(shoot))
    for seed in range(3, 8):
        product(shoot / f"{seed}.jpg", seed=seed)
    refresh_manifest(site, _manifest(tmp_path, shoot, "full"))
    for seed in range(2, 8):
        (shoot / f"{seed}.jpg").unlink()
    decision, _ = refresh_manifest(site, _manifest(tmp_path, shoot, "full"))
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons == ("it would withdraw 6 of the 8 live images of its delivery id",)
    assert len(live(site, "shoot")) == 8
    released = approve(site, decision.gate_id, by="Ada", why="the shop sells two of them")
    assert (released.withdrawn, sorted(live(site, "shoot"))) == (6, ["0.jpg", "1.jpg"])


def test_an_older_day_does_not_bring_back_what_a_full_delivery_withdrew(
    site: Site, shoot: Path, tmp_path: Path
) -> None:
    """Tuesday's full delivery replaces a late Monday, even for images that Tuesday does not have."""
    site = site.allowing(str(shoot))
    table, day = folder_manifest(shoot)
    store, full = open_store(str(tmp_path)), pa.repeat(pa.scalar("full"), 2)
    tuesday = day + timedelta(days=1)
    write_table(store, f"monday/date={day}/part.parquet", table)
    write_table(store, f"tuesday/date={tuesday}/part.parquet", table.slice(1).append_column("scope", full))
    refresh_manifest(site, str(tmp_path / "tuesday"))
    decision, _ = refresh_manifest(site, str(tmp_path / "monday"))
    assert (decision.published, decision.skipped) == (0, 3)
    assert sorted(live(site, "shoot")) == ["1.jpg", "2.jpg"]


@pytest.mark.parametrize("scope", [["full", "delta", "full"], ["full", None, "full"], ["all", "all", "all"]])
def test_an_ambiguous_scope_is_refused(site: Site, shoot: Path, tmp_path: Path, scope: list[str | None]) -> None:
    """Rows that contradict each other, or have another value, withdraw nothing."""
    source = _manifest(tmp_path, shoot, pa.array(scope, pa.string()))
    _, day = folder_manifest(shoot)
    with pytest.raises(ManifestError, match="scope: the rows of delivery"):
        plan(site.allowing(str(shoot)), source, DeliveryKey(date=day, delivery_id="shoot"))


def test_each_delivery_of_a_manifest_has_its_own_scope(shoot: Path, tmp_path: Path) -> None:
    """Any text type works and blank means delta; in files with a column `date` each day is checked."""
    table, day = folder_manifest(shoot)
    table = table.set_column(2, "delivery_id", pa.array(["a", "b", "c"]))
    scope = pa.array(["full", "", "full"]).dictionary_encode()
    days = pa.array([day, day, day + timedelta(days=1)])
    write_table(open_store(str(tmp_path)), "m.parquet", table.append_column("scope", scope).append_column("date", days))
    manifest = open_manifest(str(tmp_path / "m.parquet"))
    assert [manifest.is_full(day, one) for one in "abc"] == [True, False, False]
    assert manifest.is_full(day + timedelta(days=1), "c")


def test_a_run_of_a_folder_may_be_full(site: Site, shoot: Path, tmp_path: Path) -> None:
    """The age of the remaining files does not matter, and the summary counts the withdrawn images."""
    out = tmp_path / "out"
    assert run(shoot, out, site=site).published == 3
    (shoot / "2.jpg").unlink()
    assert run(shoot, out, site=site).withdrawn == 0
    summary = run(shoot, out, site=site, full=True)
    assert (summary.withdrawn, summary.skipped, summary.images) == (1, 2, 2)
    assert "1 image was withdrawn" in (out / "report.html").read_text(encoding="utf-8")
    assert summary.decisions[0].delivery.date >= datetime.now(UTC).date() - timedelta(days=1)


def test_an_outdated_decision_withdraws_what_is_missing_now(site: Site, shoot: Path, tmp_path: Path) -> None:
    """If a person withdrew another image since, the delivery is judged again over the current state."""
    site = site.allowing(str(shoot))
    refresh_manifest(site, _manifest(tmp_path, shoot, "full"))
    (shoot / "2.jpg").unlink()
    source = _manifest(tmp_path, shoot, "full")
    _, day = folder_manifest(shoot)
    delivery = DeliveryKey(date=day, delivery_id="shoot")
    late = gate(site, plan(site, source, delivery).plan_id)
    order = Order(by="Ada", because="blurred", at=datetime.now(UTC))
    with Catalog.open(site.catalog_url) as catalog:
        catalog.history.withdraw(Selection(image_id="1.jpg"), order)
    done = publish(site, late.gate_id)
    assert (done.gate_id != late.gate_id, done.withdrawn, [*live(site, "shoot")]) == (True, 1, ["0.jpg"])


@pytest.mark.parametrize("how", ["command", "page"])
def test_a_withdrawal_that_was_rolled_back_is_not_repeated(site: Site, shoot: Path, tmp_path: Path, how: str) -> None:
    """What a person brought back stays live if the same full delivery comes again, and is withdrawn by a later day.

    The page that takes a publication back judges the delivery again at once.
    """
    site = site.allowing(str(shoot))
    refresh_manifest(site, _manifest(tmp_path, shoot, None))
    before = live(site, "shoot")
    (shoot / "2.jpg").unlink()
    manifest = _manifest(tmp_path, shoot, "full")
    decision, _ = refresh_manifest(site, manifest)
    assert [*live(site, "shoot")] == ["0.jpg", "1.jpg"]
    order = Order(by="Eve", because="the file was cut off", at=datetime.now(UTC))
    if how == "page":
        take_back(site, decision.gate_id, by="Eve")
    else:
        with Catalog.open(site.catalog_url) as catalog:
            catalog.history.undo(catalog.version("shoot"), order)
    assert live(site, "shoot") == before
    again, _ = refresh_manifest(site, manifest)
    assert (again.withdrawn, live(site, "shoot")) == (0, before)
    assert again.warnings[-1].startswith("1 image stays live, because a person brought it back")
    later = decision.delivery.date + timedelta(days=1)
    table, _ = folder_manifest(shoot)
    table = table.append_column("scope", pa.repeat(pa.scalar("full"), table.num_rows))
    write_table(open_store(str(tmp_path)), f"later/date={later}/part.parquet", table)
    next_day, _ = refresh_manifest(site, str(tmp_path / "later"))
    assert (next_day.withdrawn, [*live(site, "shoot")]) == (1, ["0.jpg", "1.jpg"])
