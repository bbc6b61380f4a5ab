"""Content that is in a plan twice is cut once, and each image gets the result."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_records import read_record
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.records import Receipt
from cutouts.schemas.tables import MANIFEST
from tests.photographs import broken, product
from tests.steps.conftest import refresh_manifest


def run(site: Site, folder: Path, *names: str, **stated: object) -> tuple[GateDecision, list[Receipt]]:
    """A delivery of these files with what a manifest states of each: a value, or True for its sha256."""
    rows = []
    for number, name in enumerate(names):
        about = {"image_id": f"{number:02}", "product_id": "p", "delivery_id": "d", "uri": str(folder / name)}
        digest = hashlib.sha256((folder / names[-1 if number == 0 else number]).read_bytes()).hexdigest()
        rows.append(about | {key: digest if value is True else value for key, value in stated.items()})
    manifest = folder / "manifest.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=MANIFEST), manifest)
    decision, _ = refresh_manifest(site.allowing(str(folder)), str(manifest))
    tables = open_store(site.tables_url)
    receipts = [read_record(tables, name, Receipt) for name in tables.names("shards", "receipt.json")]
    return decision, receipts


def live(site: Site) -> list[tuple[str, str, str]]:
    """Id, content and cutout of each live image."""
    with Catalog.open(site.catalog_url) as catalog:
        rows = sorted(catalog.live().to_pylist(), key=lambda row: str(row["image_id"]))
    return [(row["image_id"], row["sha256"], row["cutout"]) for row in rows]


def test_the_same_digest_twice_is_cut_once(site: Site, tmp_path: Path) -> None:
    """Both are put into one shard and published with the same cutout."""
    one = product(tmp_path / "one.jpg", seed=1)
    product(tmp_path / "two.jpg", seed=2)
    (tmp_path / "again.jpg").write_bytes(one.read_bytes())
    alone = site.model_copy(update={"shard_images": 1})
    decision, receipts = run(alone, tmp_path, "one.jpg", "two.jpg", "again.jpg", sha256=True)
    assert (decision.published, decision.images) == (3, 3)
    assert sorted((one.images, one.cut, one.reused, one.model_batches) for one in receipts) == [
        (1, 1, 0, 1),
        (2, 1, 1, 1),
    ]
    first, second, third = live(site)
    assert first[1:] == third[1:] != second[1:]
    assert [one[0] for one in (first, second, third)] == ["00", "01", "02"]


def test_another_copy_is_cut_if_the_first_cannot_be_read(site: Site, tmp_path: Path) -> None:
    """A missing file says nothing about its content: that image is rejected and the other copies are published."""
    product(tmp_path / "here.jpg")
    decision, (receipt,) = run(site, tmp_path, "gone.jpg", "here.jpg", "here.jpg", sha256=True)
    assert (decision.rejected, decision.published) == (1, 2)
    assert (receipt.cut, receipt.reused, receipt.rejected) == (1, 1, 1)
    assert [one[0] for one in live(site)] == ["01", "02"]


def test_the_same_damage_twice_is_found_once(site: Site, tmp_path: Path) -> None:
    """All images with that content are rejected."""
    broken(tmp_path / "a.jpg")
    product(tmp_path / "good.jpg")
    decision, (receipt,) = run(site, tmp_path, "a.jpg", "a.jpg", "good.jpg", "a.jpg", bytes=None)
    assert (decision.rejected, decision.published) == (3, 1)
    assert (receipt.cut, receipt.reused, receipt.rejected) == (1, 2, 1)


def test_the_same_location_twice_without_a_digest_is_cut_once(site: Site, tmp_path: Path) -> None:
    """It is read to find that out; when planned again, both are still the same."""
    product(tmp_path / "a.jpg")
    decision, (receipt,) = run(site, tmp_path, "a.jpg", "a.jpg")
    assert (decision.published, receipt.cut, receipt.reused) == (2, 1, 1)
    assert run(site, tmp_path, "a.jpg", "a.jpg")[0].skipped == 2
