"""The same work gives the same records wherever it runs and wherever its stores are."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.config import Site
from cutouts.core.table_paths import ledger_folder
from cutouts.steps.ledger import SCHEMAS
from tests.photographs import blank, broken, product
from tests.steps.conftest import Refresh


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delivery with every kind of outcome."""
    folder = tmp_path_factory.mktemp("places") / "shoot"
    for seed in range(6):
        product(folder / f"{seed}.jpg", seed=seed)
    blank(folder / "empty.jpg")
    broken(folder / "broken.jpg")
    return folder


def made(site: Site) -> dict[str, pa.Table]:
    """The ledger, ordered by image id."""
    tables = open_store(site.tables_url)
    names = {name: tables.names(f"ledger/{name}", ".parquet") for name in SCHEMAS}
    return {
        name: pa.concat_tables(read_table(tables, part) for part in names[name]).sort_by("image_id") for name in names
    }


def test_every_cluster_makes_equal_records(
    site: Site, refresh: Refresh, shoot: Path, tmp_path: Path, standing_scheduler: str
) -> None:
    """Objects are content-addressed, so equal records mean equal pixels."""
    records = []
    for number, cluster in enumerate(["serial", "local", standing_scheduler]):
        here = site.model_copy(update={"root": str(tmp_path / str(number)), "cluster": cluster, "chunk": 2})
        refresh(here, shoot)
        records.append(made(here))
    assert records[0]["masks"].num_rows == 7
    assert records[0] == records[1] == records[2]


@pytest.mark.parametrize("batch", [1, 3])
def test_the_batch_size_changes_nothing(site: Site, refresh: Refresh, shoot: Path, tmp_path: Path, batch: int) -> None:
    """Batches of one and of several images give the same pixels, in fewer calls."""
    one = site.model_copy(update={"root": str(tmp_path / "one"), "batch": 1, "shard_images": 8})
    several = site.model_copy(update={"root": str(tmp_path / "several"), "batch": batch, "shard_images": 8, "chunk": 8})
    _, chunks = refresh(one, shoot)
    assert sum(chunk.model_batches for chunk in chunks) == 7
    refresh(several, shoot)
    assert made(one)["masks"] == made(several)["masks"]


def test_everything_may_be_on_s3_and_in_postgresql(
    refresh: Refresh, shoot: Path, bucket: str, postgres_url: str
) -> None:
    """The steps work with remote stores and catalogue, and a second run calls no model."""
    site = Site(root=f"{bucket}/site", catalog=postgres_url, cluster="serial")
    decision, _ = refresh(site, shoot)
    assert (decision.published, decision.quarantined, decision.rejected) == (6, 1, 1)
    with Catalog.open(postgres_url) as catalog:
        assert catalog.published("shoot").num_rows == 6
    assert len(open_store(site.objects_url).names("", ".png")) == 14
    again, chunks = refresh(site, shoot)
    assert (again.skipped, chunks) == (6, [])
    assert ledger_folder("masks", decision.recipe) in open_store(site.tables_url).names("ledger", ".parquet")[0]
