"""Whether a manifest can be worked with: its structure, and its content delivery by delivery."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from pipeline.core.errors import ManifestError
from pipeline.core.manifest import CONTENT_COLUMNS, check_content, check_structure, conform
from schemas.tables import MANIFEST

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NARROW = tuple(name for name in MANIFEST.names if not MANIFEST.field(name).nullable)


def row(image_id: str | None = "a.jpg", delivery_id: str | None = "north", **stated: object) -> dict[str, object]:
    """One row of a manifest, sound unless told otherwise."""
    usual = {"image_id": image_id, "product_id": "shoe", "delivery_id": delivery_id, "uri": f"s3://shop/{image_id}"}
    return dict.fromkeys(MANIFEST.names) | usual | stated


def manifest(*rows: dict[str, object]) -> pa.Table:
    """A manifest of these rows."""
    return pa.Table.from_pylist(list(rows), schema=MANIFEST)


def with_type(name: str, kind: pa.DataType) -> pa.Schema:
    """The manifest's schema with one column of another type."""
    return MANIFEST.set(MANIFEST.get_field_index(name), pa.field(name, kind))


def test_the_schema_itself_is_sound() -> None:
    """What the project writes, it reads."""
    assert check_structure(MANIFEST) == ()


def test_every_problem_of_the_structure_is_told_at_once() -> None:
    """Missing columns and wrong types stand in one list, each with what was expected and found."""
    fields = [field for field in with_type("bytes", pa.string()) if field.name not in ("uri", "product_id")]
    assert check_structure(pa.schema(fields)) == (
        "product_id: missing; expected string",
        "uri: missing; expected string",
        "bytes: expected int64, found string",
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("image_id", pa.binary()),
        ("image_id", pa.null()),
        ("uri", pa.int64()),
        ("category", pa.dictionary(pa.int32(), pa.int64())),
        ("width_px", pa.float64()),
        ("taken_at", pa.date32()),
        ("taken_at", pa.string()),
    ],
)
def test_a_wrong_type_is_told(name: str, kind: pa.DataType) -> None:
    """A type that could lose values is refused, not guessed at."""
    expected = MANIFEST.field(name).type
    assert check_structure(with_type(name, kind)) == (f"{name}: expected {expected}, found {kind}",)


def test_times_without_a_zone_are_refused_in_words() -> None:
    """Nobody knows which noon is meant."""
    (problem,) = check_structure(with_type("taken_at", pa.timestamp("us")))
    assert "no time zone" in problem


def test_a_column_that_stands_twice_is_told() -> None:
    """Either could be meant."""
    assert check_structure(MANIFEST.append(pa.field("uri", pa.string()))) == ("uri: 2 columns have this name",)


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("uri", pa.large_string(), "s3://shop/a"),
        ("delivery_id", pa.dictionary(pa.int8(), pa.string()), "north"),
        ("category", pa.null(), None),
        ("bytes", pa.int32(), 7),
        ("bytes", pa.uint64(), 7),
        ("width_px", pa.int64(), 7),
        ("taken_at", pa.timestamp("s", "UTC"), NOON),
        ("taken_at", pa.timestamp("ns", "Europe/Berlin"), NOON),
    ],
)
def test_a_harmless_variant_is_conformed(name: str, kind: pa.DataType, value: object) -> None:
    """Other writers' types that hold the same values are read, and come out as ours."""
    schema = with_type(name, kind)
    table = pa.table({field.name: pa.array([row()[field.name]], field.type) for field in MANIFEST})
    table = table.set_column(MANIFEST.get_field_index(name), schema.field(name), pa.array([value], kind))
    assert check_structure(table.schema) == ()
    conformed = conform(table)
    assert conformed.schema.equals(MANIFEST, check_metadata=True)
    assert conformed.column(name).to_pylist() == [value]


def test_columns_that_may_be_null_may_be_missing_and_further_ones_are_ignored() -> None:
    """A manifest says what it knows."""
    table = manifest(row(), row("b.jpg")).select(NARROW).append_column("colour", pa.array(["red", "blue"]))
    assert check_structure(table.schema) == ()
    conformed = conform(table)
    assert conformed.column_names == MANIFEST.names
    assert conformed.column("sha256").null_count == 2


def test_values_that_do_not_fit_are_told_by_column() -> None:
    """Nothing is cut to size in silence."""
    table = manifest(row()).set_column(7, "width_px", pa.array([2**40], pa.int64()))
    table = table.set_column(6, "bytes", pa.array([2**63], pa.uint64()))
    with pytest.raises(ManifestError, match=r"bytes: .*\n.*width_px: "):
        conform(table)


def test_a_sound_manifest_has_no_problems() -> None:
    """The same image_id may stand in two deliveries, and unknown or empty files are no fault."""
    assert check_content(manifest(row(bytes=0), row(delivery_id="south"), row("b.jpg", bytes=9))) == ()
    assert check_content(manifest()) == ()


def problems(*rows: dict[str, object]) -> list[tuple[Any, ...]]:
    """Delivery, problem, count and rows of each problem."""
    return [(found.delivery_id, found.problem, found.count, found.rows) for found in check_content(manifest(*rows))]


@pytest.mark.parametrize("column", ["image_id", "product_id", "uri"])
@pytest.mark.parametrize("value", [None, "", " \t"])
def test_missing_ids_and_uris_are_found(column: str, value: str | None) -> None:
    """Null, empty and blank are all missing, and only the delivery in which they stand has the problem."""
    found = problems(row(), row("x") | {column: value}, row(delivery_id="south"))
    assert found == [("north", f"{column} is missing", 1, (2,))]


def test_repeated_images_are_found_by_delivery() -> None:
    """All rows of a repeated image are named, in the delivery where it is repeated."""
    rows = [row("a"), row("b"), row("a", "south"), row("a"), row("c", "south"), row("b", "south"), row("c", "south")]
    words = "image_id stands more than once in its delivery"
    assert problems(*rows) == [("north", words, 2, (1, 4)), ("south", words, 2, (5, 7))]


@pytest.mark.parametrize("delivery_id", [None, "", "  "])
def test_rows_without_a_delivery_are_a_group_of_their_own(delivery_id: str | None) -> None:
    """They are refused; the deliveries that are named go on, and the same image twice is not counted against them."""
    found = problems(row(), row("b.jpg", delivery_id), row("b.jpg", delivery_id))
    assert found == [(None, "delivery_id is missing", 2, (2, 3))]


def test_negative_sizes_are_found() -> None:
    """A file cannot be smaller than empty."""
    assert problems(row(bytes=-1)) == [("north", "bytes is negative", 1, (1,))]


@pytest.mark.parametrize(
    "delivery_id", ["x" * 240, "й" * 60, "..", "."], ids=["long", "long when quoted", "up", "here"]
)
def test_a_delivery_whose_id_cannot_be_a_key_is_found(delivery_id: str) -> None:
    """Keys name runs and folders; what does not fit is refused before it is used."""
    (found,) = problems(row(), row("b", delivery_id), row("c", "x" * 239))
    assert found[0] == delivery_id
    assert "cannot be a key" in found[1]


def test_the_first_ten_rows_are_named_and_all_are_counted() -> None:
    """Who wrote the manifest finds the rows, however many there are."""
    (found,) = check_content(manifest(*(row(f"{number}.jpg", uri="") for number in range(25))))
    assert (found.count, found.rows) == (25, tuple(range(1, 11)))
    assert found.image_ids == tuple(f"{number}.jpg" for number in range(10))
    assert str(found).startswith("delivery 'north': uri is missing: 25 rows: 1 (0.jpg), 2 (1.jpg)")


def test_content_is_found_across_the_pieces_of_a_table() -> None:
    """A dataset is read in pieces, each with a dictionary of its own."""
    pieces = [manifest(row("a", delivery)) for delivery in ("north", "south", "east", "north")]
    table = pa.concat_tables([pieces[0], manifest(), *pieces[1:]]).select(CONTENT_COLUMNS)
    (found,) = check_content(table)
    assert (found.delivery_id, found.rows) == ("north", (1, 4))
