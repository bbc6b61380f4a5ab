"""The right to be forgotten: no trace of an image is left, shared data stays, and a receipt says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.api import forgetting
from cutouts.api.forgetting import forget
from cutouts.api.runs import run
from cutouts.api.site_runs import run_on_site
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, TransientError
from cutouts.core.publications import Order, Selection
from cutouts.core.records import RecipeDigests
from cutouts.core.reviews import ImageReview
from cutouts.steps.journal import journalled
from cutouts.steps.lease import site_lease
from cutouts.steps.verify import verify
from tests.kept import Kept
from tests.photographs import product
from tests.waiting import PATIENCE

ORDER = Order(by="Ada", because="asked by letter", at=datetime(2026, 11, 27, tzinfo=UTC))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, quick_suite: str) -> Kept:
    """A folder that was run, and run again with another photograph of acme.

    Two suppliers have two photographs each; both have the same photograph `twin`.
    """
    folder = tmp_path_factory.mktemp("forgetting")
    photos, quick = folder / "photos", Site(cluster="serial", mask_quality=quick_suite)
    for supplier, seed in (("acme", 0), ("bolt", 1)):
        product(photos / supplier / f"own-{supplier}.jpg", seed=seed)
        product(photos / supplier / f"twin-{supplier}.jpg", seed=9)
    run(photos, folder / "out", site=quick)
    product(photos / "acme" / "own-acme.jpg", seed=5)
    run(photos, folder / "out", site=quick)
    return Kept(folder).keep()


@pytest.fixture
def photos(kept: Kept) -> Path:
    """The photographs."""
    return kept.restored() / "photos"


@pytest.fixture
def site(photos: Path, quick_suite: str) -> Site:
    """The site of the folder that was run."""
    return Site(root=str(photos.parent / "out"), cluster="serial", mask_quality=quick_suite)


def _traces(site: Site, word: str) -> list[str]:
    """The files below the root with the word in their name or content, tables included."""
    found = []
    for path in sorted(Path(site.root).rglob("*")):
        if path.is_dir() or path.suffix == ".lock":
            continue
        text = str(pq.read_table(path).to_pydict()).encode() if path.suffix == ".parquet" else path.read_bytes()
        if word in path.name or (path.suffix != ".png" and word.encode() in text):
            found.append(path.relative_to(site.root).as_posix())
    return found


def _live(site: Site) -> list[str]:
    with Catalog.open(site.catalog_url) as catalog:
        return sorted(catalog.live().column("image_id").to_pylist())


def _review(site: Site, *image_ids: str) -> None:
    """A person's word about images of acme."""
    with Catalog.open(site.catalog_url) as catalog:
        (delivery,) = {entry.delivery for entry, _ in catalog.live_images(image_ids[0], delivery_id="acme")}
        recipe = RecipeDigests(matte_digest="0a1b2c3d4e5f6071", render_digest="1122334455667788")
        word: dict[str, Any] = {
            "sha256": "ab",
            "recipe": recipe,
            "good": False,
            "gate_id": "gate",
            "by": "Ada",
            "why": "torn",
        }
        reviews = [ImageReview(delivery_id="acme", image_id=one, at=ORDER.at, **word) for one in image_ids]
        catalog.review(delivery, reviews)


def test_no_trace_of_a_product_is_left(site: Site, photos: Path) -> None:
    """All its versions leave catalogue, history, objects, tables and report; all other images stay.

    What people said about it is forgotten too.
    """
    _review(site, "acme/own-acme.jpg", "acme/twin-acme.jpg")
    before = set(open_store(site.objects_url).names("", ".png"))
    receipt = forget(site, Selection(product_id="acme/own-acme"), ORDER)
    assert (receipt.kind, receipt.withdrawn, receipt.history) == ("product", 1, 2)
    assert len(before) - len(open_store(site.objects_url).names("", ".png")) == receipt.objects > 0
    left = [name for name in _traces(site, "own-acme") if not name.startswith("catalog.sqlite")]
    assert left == []
    assert _live(site) == ["acme/twin-acme.jpg", "bolt/own-bolt.jpg", "bolt/twin-bolt.jpg"]
    assert verify(site, whole=True).findings == ()
    with Catalog.open(site.catalog_url) as catalog:
        assert [one.image_id for one in catalog.reviews()] == ["acme/twin-acme.jpg"]
        for moment in range(1, catalog.version("acme") + 1):
            with catalog.history.as_of(moment) as batches:
                rows = [row["image_id"] for batch in batches for row in batch.to_pylist()]
            assert "acme/own-acme.jpg" not in rows
    (photos / "acme" / "own-acme.jpg").unlink()
    again = run(photos, site.root, site=Site(cluster="serial"))
    assert (again.skipped, again.model_batches) == (3, 0)


def test_no_trace_of_a_supplier_is_left(site: Site, photos: Path) -> None:
    """The delivery id becomes an alias in the records; a photograph shared with another supplier stays theirs."""
    receipt = forget(site, Selection(delivery_id="acme"), ORDER)
    assert [name for name in _traces(site, "acme") if not name.startswith("catalog.sqlite")] == []
    assert _live(site) == ["bolt/own-bolt.jpg", "bolt/twin-bolt.jpg"]
    assert verify(site, whole=True).findings == ()
    with Catalog.open(site.catalog_url) as catalog:
        names = {one.delivery.delivery_id for one in catalog.history.publications()}
        assert catalog.counts().products == 2
    assert names == {"bolt", f"forgotten-{receipt.receipt_id}"}
    assert "acme" not in open_store(site.tables_url).read(f"forgotten/{receipt.receipt_id}.json").decode()
    shutil.rmtree(photos / "acme")
    assert run(photos, site.root, site=Site(cluster="serial")).skipped == 2


def test_an_interrupted_order_is_completed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stopped before the catalogue's history was removed; the same order again leaves nothing."""
    from cutouts.adapters.catalog import CatalogHistory

    def stop(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CatalogHistory, "purge", stop)
        with pytest.raises(KeyboardInterrupt):
            forget(site, Selection(delivery_id="acme", image_id="acme/own-acme.jpg"), ORDER)
    receipt = forget(site, Selection(delivery_id="acme", image_id="acme/own-acme.jpg"), ORDER)
    assert (receipt.withdrawn, receipt.history) == (0, 2)
    assert verify(site, whole=True).findings == ()
    with Catalog.open(site.catalog_url) as catalog:
        known = catalog.history.versions(Selection(image_id="acme/own-acme.jpg"))
        assert pc.count(known.column("image_id")).as_py() == 0


@pytest.mark.parametrize("step", ["from_ledger", "from_results", "drop_unnamed", "from_plans"])
def test_nothing_is_published_without_its_files_after_an_interruption(
    site: Site, photos: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The photograph comes again before the order is repeated: the run brings the image back, with its files. Then the
    order still removes it."""

    def stop(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(forgetting, step, stop)
        with pytest.raises(KeyboardInterrupt):
            forget(site, Selection(delivery_id="acme", image_id="acme/own-acme.jpg"), ORDER)
    run(photos, site.root, site=site)
    assert "acme/own-acme.jpg" in _live(site)
    assert verify(site, whole=True).findings == ()
    forget(site, Selection(delivery_id="acme", image_id="acme/own-acme.jpg"), ORDER)
    assert "acme/own-acme.jpg" not in _live(site)
    assert verify(site, whole=True).findings == ()


def test_meaningless_and_too_broad_orders_are_refused(site: Site) -> None:
    """It names an unknown id or an image without its delivery, or something is still running."""
    for selection, words in (
        (Selection(product_id="unknown"), "the site has no data of product unknown"),
        (Selection(image_id="acme/own-acme.jpg"), "only unique within its delivery"),
    ):
        with pytest.raises(CutoutsError, match=words):
            forget(site, selection, ORDER)
    with site_lease(site), pytest.raises(TransientError, match="something runs"):
        forget(site, Selection(delivery_id="acme"), ORDER)
    assert len(_live(site)) == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda catalog: catalog.history.undo(catalog.version("acme"), ORDER),
        lambda catalog: catalog.history.withdraw(Selection(delivery_id="acme"), ORDER),
    ],
    ids=["rollback", "withdrawal"],
)
def test_an_order_never_happens_in_the_middle_of_forgetting(site: Site, change: Callable[[Catalog], object]) -> None:
    """A rollback there brought the image back for good, after its files were removed. So the later one waits for the
    other, or is refused."""

    def order() -> None:
        with journalled(site) as catalog:
            change(catalog)

    with ThreadPoolExecutor(1) as pool:
        with site_lease(site, alone=True):
            waiting = pool.submit(order)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
            assert len(_live(site)) == 4
        waiting.result(timeout=PATIENCE)
    with journalled(site), pytest.raises(TransientError, match="something runs"):
        forget(site, Selection(delivery_id="acme"), ORDER)


def test_a_manifest_made_from_a_folder_is_cleared_too(photos: Path, tmp_path: Path) -> None:
    """It is among the site's tables, and a backfill would bring the image back from it."""
    site = Site(root=str(tmp_path / "site"), cluster="serial")
    run_on_site(photos, site=site)
    assert _traces(site, "own-acme")
    forget(site, Selection(product_id="acme/own-acme"), ORDER)
    left = [name for name in _traces(site, "own-acme") if not name.startswith("catalog.sqlite")]
    assert left == []


def test_what_killed_processes_left_is_removed_too(site: Site) -> None:
    """A complete or incomplete file has a picture or rows of some image, but nothing refers to it. Other hidden files
    stay."""
    root, part = Path(site.root), "12345-0a1b2c3d.part"
    left = [
        root / "objects" / "cd" / f"{'cd' * 32}.png",
        root / "objects" / "ab" / f".{'ab' * 32}.png.{part}",
        root / "objects" / ".repair" / "ab" / f"{'ab' * 32}.png",
        root / "tables" / "journal" / "publications" / "0000000001" / f".changes.parquet.{part}",
        root / "tables" / "thumbnails" / ("ab" * 32) / f".thumbnail.webp.{part}",
        root / "manifest" / f".part-0.parquet.{part}",
        root / f".report.html.{part}",
    ]
    foreign = root / "tables" / ".gitignore"
    for file in (*left, foreign):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"of own-acme")
    (link,) = (root / "cutouts").rglob("twin-bolt*")
    half = link.with_name(f".own-acme.png.{part}")
    half.symlink_to(link.readlink())
    forget(site, Selection(product_id="acme/own-acme"), ORDER)
    assert [file for file in (*left, half) if file.is_symlink() or file.exists()] == []
    assert foreign.exists()
    assert link.exists()
