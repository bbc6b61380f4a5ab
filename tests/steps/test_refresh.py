"""A delivery through all steps, with real files, the real network, a real catalogue and Great Expectations."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Verdict
from cutouts.core.errors import BooksError, CutoutsError, HeldError
from cutouts.core.table_paths import gate_file
from cutouts.intake import inspect
from cutouts.schemas.tables import MANIFEST
from cutouts.stages import ChunkResult
from cutouts.steps import approve, gate, plan, publish
from tests.photographs import blank, broken, product
from tests.steps.conftest import Refresh, refresh_manifest
from tests.steps.test_returning import decided, live


def calls(chunks: list[ChunkResult]) -> int:
    """The number of model calls."""
    return sum(chunk.model_batches for chunk in chunks)


def reasons(site: Site, decision: GateDecision) -> dict[str, tuple[str, list[str]]]:
    """Outcome and reasons by image."""
    table = read_table(open_store(site.tables_url), gate_file(decision.gate_id, "outcomes.parquet"))
    return {row["image_id"]: (row["outcome"], row["reasons"]) for row in table.to_pylist()}


@pytest.fixture
def shoot(tmp_path: Path) -> Path:
    """A delivery of six products, one scene without a product, and one broken file."""
    folder = tmp_path / "shoot"
    for seed in range(6):
        product(folder / f"{seed}.jpg", seed=seed)
    blank(folder / "empty.jpg")
    broken(folder / "broken.jpg")
    return folder


def test_every_image_is_accounted_for_with_its_reason(site: Site, refresh: Refresh, shoot: Path) -> None:
    """Products are published, the empty scene waits for a person, and the broken file is one recorded rejection."""
    decision, _ = refresh(site, shoot)
    assert (decision.images, decision.published, decision.quarantined, decision.rejected) == (8, 6, 1, 1)
    assert decision.verdict is Verdict.PUBLISH_ALL_BUT_QUARANTINED
    why = reasons(site, decision)
    assert why["empty.jpg"][0] == "quarantined"
    assert any("no product" in reason for reason in why["empty.jpg"][1])
    assert "truncated" in why["broken.jpg"][1][0]


def test_decided_images_need_no_model_call(site: Site, refresh: Refresh, shoot: Path) -> None:
    """A second run skips what is published, keeps other outcomes and their reasons, and reads no image."""
    before = reasons(site, refresh(site, shoot)[0])
    decision, chunks = refresh(site, shoot)
    assert chunks == []
    assert (decision.skipped, decision.quarantined, decision.rejected) == (6, 1, 1)
    after = reasons(site, decision)
    assert after["empty.jpg"] == before["empty.jpg"]
    assert after["broken.jpg"] == before["broken.jpg"]


def test_a_changed_image_is_the_only_one_cut_again(site: Site, refresh: Refresh, shoot: Path) -> None:
    """New bytes under an old name are new work, and a rejected file that was repaired is published."""
    refresh(site, shoot)
    product(shoot / "0.jpg", seed=50)
    product(shoot / "broken.jpg", seed=51)
    decision, chunks = refresh(site, shoot)
    assert calls(chunks) == 2
    assert (decision.published, decision.skipped, decision.rejected) == (2, 5, 0)


def test_the_same_bytes_under_another_name_are_published_without_a_model_call(
    site: Site, refresh: Refresh, shoot: Path
) -> None:
    """Work is keyed by content and not by path."""
    refresh(site, shoot)
    shutil.copy(shoot / "3.jpg", shoot / "again.jpg")
    decision, chunks = refresh(site, shoot)
    assert calls(chunks) == 0
    assert reasons(site, decision)["again.jpg"] == ("published", [])


def test_a_manifest_without_digests_makes_no_second_model_call(site: Site, refresh: Refresh, shoot: Path) -> None:
    """If rows state neither sha256 nor ETag, the bytes are read to identify them, but the network is not called."""
    refresh(site, shoot)
    (manifest,) = shoot.parent.glob("manifest/*/part.parquet")
    table = pq.read_table(manifest, partitioning=None)
    anonymous = table.set_column(table.schema.get_field_index("sha256"), "sha256", pa.nulls(len(table), pa.string()))
    pq.write_table(anonymous.cast(MANIFEST), manifest)
    decision, chunks = refresh_manifest(site, str(shoot.parent / "manifest"))
    assert calls(chunks) == 0
    assert (decision.skipped, decision.quarantined, decision.rejected) == (6, 1, 1)


def test_a_file_that_differs_from_the_manifest_is_rejected(site: Site, tmp_path: Path, shoot: Path) -> None:
    """Bytes that changed after the manifest was written are never published under its digest."""
    folder_of_two = tmp_path / "two"
    for name in ("a.jpg", "b.jpg"):
        product(folder_of_two / name, seed=ord(name[0]))
    from cutouts.intake import folder_manifest

    table, _ = folder_manifest(folder_of_two)
    pq.write_table(table, tmp_path / "two.parquet")
    product(folder_of_two / "a.jpg", seed=7)
    decision, _ = refresh_manifest(site, str(tmp_path / "two.parquet"))
    assert (decision.published, decision.rejected) == (1, 1)
    assert "does not match the manifest" in reasons(site, decision)["a.jpg"][1][0]


def test_a_missing_file_is_tried_again_once_it_is_there(site: Site, tmp_path: Path) -> None:
    """A rejection that a retry can cure is not remembered as decided."""
    from cutouts.intake import folder_manifest

    folder = tmp_path / "late"
    first, second = product(folder / "a.jpg", seed=1), product(folder / "b.jpg", seed=2)
    table, _ = folder_manifest(folder)
    pq.write_table(table, tmp_path / "late.parquet")
    kept = second.read_bytes()
    second.unlink()
    for published in (1, 0, 0):
        decision, _ = refresh_manifest(site, str(tmp_path / "late.parquet"))
        assert (decision.published, decision.rejected) == (published, 1)
    second.write_bytes(kept)
    decision, chunks = refresh_manifest(site, str(tmp_path / "late.parquet"))
    assert calls(chunks) == 1
    assert (decision.skipped, decision.published) == (1, 1)
    assert first.exists()


def test_rejected_images_are_retried_if_the_site_says_so(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """This is needed after a limit was raised, because the bytes are the same."""
    product(tmp_path / "large" / "a.jpg", size=200)
    small = site.model_copy(update={"max_pixels": 10_000})
    assert refresh(small, tmp_path / "large")[0].rejected == 1
    decision, chunks = refresh(site, tmp_path / "large")
    assert (decision.rejected, chunks) == (1, [])
    again, _ = refresh(site.model_copy(update={"retry_rejected": True}), tmp_path / "large")
    assert again.published == 1
    assert refresh(site, tmp_path / "large")[0].skipped == 1


def test_a_bad_delivery_is_held_until_a_person_releases_it(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """Nothing is published before; then all but the bad images are, and a rerun keeps it so."""
    folder = tmp_path / "dark"
    for seed in range(6):
        blank(folder / f"empty-{seed}.jpg", seed=seed)
    for seed in range(4):
        product(folder / f"{seed}.jpg", seed=seed)
    decision, _ = refresh(site, folder)
    assert decision.verdict is Verdict.HOLD
    assert (decision.held, decision.published) == (10, 0)
    with pytest.raises(CutoutsError, match="--approve"):
        publish(site, decision.gate_id)
    with Catalog.open(site.catalog_url) as catalog:
        assert catalog.published("dark").num_rows == 0
        assert len(catalog.holds.waiting("dark")) == 1
    released = approve(site, "dark", by="Ada", why="the light was meant")
    assert released.published == 4
    assert released.approval is not None
    assert (released.approval.by, released.approval.why) == ("Ada", "the light was meant")
    anew = publish(site, decision.gate_id)
    assert (anew.published, anew.confirmed) == (0, 4), "the decision that held it publishes, now that it is released"
    again, chunks = refresh(site, folder)
    assert calls(chunks) == 0
    assert (again.skipped, again.quarantined, again.held) == (4, 6, 0)
    with pytest.raises(CutoutsError, match="is not held"):
        approve(site, "dark", by="Ada", why="again")


def test_a_person_releases_the_version_that_was_reviewed(site: Site, refresh: Refresh, tmp_path: Path) -> None:
    """If two versions of a delivery are held, the id of the decision says which one is meant."""
    folder = tmp_path / "dark"
    held = []
    for version in range(2):
        for seed in range(6):
            blank(folder / f"empty-{seed}.jpg", seed=seed)
        product(folder / "0.jpg", seed=version)
        held.append(refresh(site, folder)[0])
    with pytest.raises(HeldError, match="2 versions of dark are held") as several:
        approve(site, "dark", by="Ada", why="looked at one")
    assert all(decision.gate_id in str(several.value) for decision in held)
    released = approve(site, held[0].gate_id, by="Ada", why="looked at the first")
    assert released.published == 1
    assert live(site, "dark")["0.jpg"] == decided(site, held[0])["0.jpg"]


def test_a_plan_does_not_depend_on_the_order_of_its_rows(site: Site, shoot: Path) -> None:
    """With rows shuffled it has the same shards, so their receipts count."""
    from cutouts.intake import folder_manifest

    table, _ = folder_manifest(shoot)
    paths = [shoot.parent / "one.parquet", shoot.parent / "other.parquet"]
    pq.write_table(table, paths[0])
    pq.write_table(table.take([7, 2, 4, 0, 1, 3, 6, 5]), paths[1])
    ids = [plan(site, str(path), inspect(str(path)).accepted[0]).plan_id for path in paths]
    assert ids[0] == ids[1]


def test_the_gate_refuses_a_plan_with_uncut_shards(site: Site, shoot: Path) -> None:
    """Receipts are compared with the plan first."""
    from cutouts.intake import folder_manifest

    table, _ = folder_manifest(shoot)
    pq.write_table(table, shoot.parent / "m.parquet")
    source = str(shoot.parent / "m.parquet")
    planned = plan(site, source, inspect(source).accepted[0])
    assert (planned.todo, planned.shards) == (8, 2)
    with pytest.raises(BooksError, match="no receipt"):
        gate(site, planned.plan_id)


def test_a_delivery_of_broken_files_only_is_rejected_image_by_image(
    site: Site, refresh: Refresh, tmp_path: Path
) -> None:
    """Having nothing to judge is not an error, and each image has its reason."""
    for seed in range(3):
        broken(tmp_path / "bad" / f"{seed}.jpg", seed=seed)
    decision, _ = refresh(site, tmp_path / "bad")
    assert (decision.images, decision.rejected) == (3, 3)
