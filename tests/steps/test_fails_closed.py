"""A delivery whose results are not complete is never judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import read_record, write_record
from cutouts.adapters.storage.stored_tables import read_table, write_table
from cutouts.core.config import Site
from cutouts.core.errors import BooksError, GateError
from cutouts.core.records import Plan, Receipt
from cutouts.core.table_paths import shard_file
from cutouts.intake import folder_manifest, inspect
from cutouts.runner import open_runner
from cutouts.steps import gate, plan, segment
from tests.kept import Kept
from tests.photographs import product
from tests.steps.conftest import site_in


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, quick_suite: str) -> tuple[Kept, Plan]:
    """A site, and its plan of two images whose only shard is cut, but not judged."""
    folder = tmp_path_factory.mktemp("cut")
    for seed in range(2):
        product(folder / "shop" / f"{seed}.jpg", seed=seed)
    table, day = folder_manifest(folder / "shop")
    write_table(open_store(str(folder)), f"manifest/date={day}/part.parquet", table)
    (delivery,) = inspect(str(folder / "manifest")).accepted
    site = site_in(folder, quick_suite)
    planned = plan(site, str(folder / "manifest"), delivery)
    with open_runner(site) as runner:
        segment(site, planned.shard_keys()[0], runner, lambda _: None)
    return Kept(folder).keep(), planned


@pytest.fixture
def tmp_path(kept: tuple[Kept, Plan]) -> Path:
    """The folder of that site and its photographs."""
    return kept[0].restored()


@pytest.fixture
def cut(kept: tuple[Kept, Plan]) -> Plan:
    """The plan."""
    return kept[1]


def rows(tables: Store, planned: Plan, name: str, places: list[int]) -> None:
    """Replace a table of the plan's shard by these of its rows."""
    file = shard_file(planned.shard_keys()[0], f"{name}.parquet")
    write_table(tables, file, read_table(tables, file).take(pa.array(places, pa.int64())))


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("expect_column_values_to_be_between", "expect_between", "expect_between: unknown or not allowed"),
        ('"column": "image_id"', '"column": "imageid"', "the frame images has no column imageid"),
        ("bad_at_most", "bad_at_mots", "the frame counts has no column bad_at_mots"),
        ("distance_at_least", "distance_at_lest", "the frame drift has no column distance_at_lest"),
        ('"name": "measurement"', '"name": "measurment"', "the frame drift has no column measurment"),
    ],
)
def test_a_suite_that_cannot_judge_is_refused_before_anything_is_cut(
    site: Site, cut: Plan, quick_suite: str, tmp_path: Path, right: str, wrong: str, words: str
) -> None:
    """Nobody waits for hours of cutting to learn that a rule of the gate is misspelt, whatever it judges."""
    suite = Path(site.root) / "mine.json"
    suite.write_text(Path(quick_suite).read_text().replace(right, wrong))
    with pytest.raises(GateError, match=words):
        plan(site.model_copy(update={"mask_quality": str(suite)}), str(tmp_path / "manifest"), cut.delivery)
    suite.write_text(Path(quick_suite).read_text())
    assert plan(site.model_copy(update={"mask_quality": str(suite)}), str(tmp_path / "manifest"), cut.delivery) == cut


@pytest.mark.parametrize("places", [[0], [0, 0], [0, 1, 1], []], ids=["one", "one twice", "one too many", "none"])
@pytest.mark.parametrize("name", ["masks", "metrics"])
def test_rows_that_differ_from_the_plan_are_an_error(site: Site, cut: Plan, name: str, places: list[int]) -> None:
    """Fewer rows than the plan, and a row twice, are found by the books, whatever the suite asks for."""
    rows(open_store(site.tables_url), cut, name, places)
    with pytest.raises(BooksError, match=r"results of other images|measurements, or of other images"):
        gate(site, cut.plan_id)
    assert open_store(site.tables_url).names("gates", ".json") == []


def test_a_missing_receipt_is_an_error(site: Site, cut: Plan) -> None:
    """The shard's tables are there, but nothing vouches for them."""
    (Path(site.tables_url) / shard_file(cut.shard_keys()[0], "receipt.json")).unlink()
    with pytest.raises(BooksError, match="has no receipt"):
        gate(site, cut.plan_id)


def test_measurements_of_another_photograph_are_an_error(site: Site, cut: Plan) -> None:
    """Even if they are entered under the image's own id: what was measured on one mask says nothing about another."""
    tables, file = open_store(site.tables_url), shard_file(cut.shard_keys()[0], "metrics.parquet")
    measured = read_table(tables, file)
    copied = pa.concat_tables([measured.slice(0, 1)] * 2).set_column(0, measured.schema.field(0), measured.column(0))
    write_table(tables, file, copied)
    with pytest.raises(BooksError, match="2 masks, but 2 measurements, or of other images"):
        gate(site, cut.plan_id)


@pytest.mark.parametrize(("name", "value"), [("thin", float("inf")), ("thin", 5.0), ("saliency_peak", 1e9)])
def test_a_measurement_that_no_mask_can_have_is_an_error(site: Site, cut: Plan, name: str, value: float) -> None:
    """It would make any mask look good."""
    tables, file = open_store(site.tables_url), shard_file(cut.shard_keys()[0], "metrics.parquet")
    measured = read_table(tables, file)
    place = measured.schema.get_field_index(name)
    column = pa.array([value] * measured.num_rows, measured.schema.field(place).type)
    write_table(tables, file, measured.set_column(place, measured.schema.field(place), column))
    with pytest.raises(GateError, match=f"{name} of 2 masks is not from 0 to 1"):
        gate(site, cut.plan_id)


def test_the_receipt_of_another_shard_is_an_error(site: Site, cut: Plan) -> None:
    """It counts other images, whose number may be the same by chance."""
    tables, file = open_store(site.tables_url), shard_file(cut.shard_keys()[0], "receipt.json")
    write_record(tables, file, replace(read_record(tables, file, Receipt), plan_id="0" * 32))
    with pytest.raises(BooksError, match="has the receipt of another shard"):
        gate(site, cut.plan_id)
