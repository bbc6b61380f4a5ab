"""Whether the columns of a file can become those of a manifest, and what happens to values that cannot."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from cutouts.core.manifests.conversion import FAULTS, MAX_TEXT, conform, days_of
from cutouts.core.manifests.structure import check_structure
from cutouts.schemas.tables import MANIFEST

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NARROW = tuple(name for name in MANIFEST.names if not MANIFEST.field(name).nullable)
ROW = dict.fromkeys(MANIFEST.names) | {"image_id": "a", "product_id": "shoe", "delivery_id": "north", "uri": "s3://b/a"}


def manifest(*rows: dict[str, object]) -> pa.Table:
    """A manifest of these rows, sound unless changed."""
    return pa.Table.from_pylist([ROW | row for row in rows], schema=MANIFEST)


def with_type(name: str, kind: pa.DataType) -> pa.Schema:
    """The manifest's schema with one column of another type."""
    return MANIFEST.set(MANIFEST.get_field_index(name), pa.field(name, kind))


def with_column(name: str, column: pa.Array) -> pa.Table:
    """A manifest of sound rows except for one column."""
    ids: list[dict[str, object]] = [{"image_id": f"{number}"} for number in range(len(column))]
    rows = manifest(*ids)
    return rows.set_column(MANIFEST.get_field_index(name), name, column)


def faults(table: pa.Table) -> list[list[str]]:
    """The faults of each row as messages."""
    return [[words for bit, words in enumerate(FAULTS) if bits & 1 << bit] for bits in conform(table)[1].tolist()]


def raw_text(*values: bytes) -> pa.Array:
    """Text with unchecked bytes, as a reader of Parquet returns it."""
    checked = pa.array(values, pa.binary())
    return pa.StringArray.from_buffers(len(checked), checked.buffers()[1], checked.buffers()[2], checked.buffers()[0])


def test_the_schema_itself_is_sound() -> None:
    """The project can read what it writes."""
    assert check_structure(MANIFEST) == ()


def test_every_problem_of_the_structure_is_reported_at_once() -> None:
    """Missing columns and wrong types are in one list, with what was expected and found."""
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
        ("image_id", pa.list_(pa.string())),
        ("uri", pa.int64()),
        ("uri", pa.struct([("path", pa.string())])),
        ("category", pa.dictionary(pa.int32(), pa.int64())),
        ("sha256", pa.binary(32)),
        ("bytes", pa.bool_()),
        ("width_px", pa.float64()),
        ("taken_at", pa.date32()),
        ("taken_at", pa.string()),
    ],
)
def test_a_wrong_type_is_reported(name: str, kind: pa.DataType) -> None:
    """A type that could lose values is refused."""
    expected = MANIFEST.field(name).type
    assert check_structure(with_type(name, kind)) == (f"{name}: expected {expected}, found {kind}",)


def test_times_without_a_zone_are_refused() -> None:
    """Their meaning is ambiguous."""
    (problem,) = check_structure(with_type("taken_at", pa.timestamp("us")))
    assert "no time zone" in problem


def test_a_duplicate_column_is_reported() -> None:
    """Either could be meant; other columns may be duplicated."""
    assert check_structure(MANIFEST.append(pa.field("uri", pa.string()))) == ("uri: 2 columns have this name",)
    dates = MANIFEST.append(pa.field("date", pa.date32())).append(pa.field("date", pa.date32()))
    assert check_structure(dates) == ("date: 2 columns have this name",)
    assert check_structure(MANIFEST.append(pa.field("x", pa.int8())).append(pa.field("x", pa.int8()))) == ()


@pytest.mark.parametrize("name", ["SHA256", "Image_ID", " uri", "Date"])
def test_a_column_with_a_similar_name_is_reported(name: str) -> None:
    """Otherwise its values would be lost silently."""
    (problem,) = check_structure(MANIFEST.append(pa.field(name, pa.string())))
    assert problem.startswith(f"{name!r}: did you mean {name.strip().lower()!r}?")


@pytest.mark.parametrize(
    ("kind", "fine"),
    [(pa.date32(), True), (pa.timestamp("ns"), True), (pa.string(), True), (pa.int32(), False), (pa.float64(), False)],
)
def test_a_column_date_is_a_date(kind: pa.DataType, fine: bool) -> None:
    """Its type may also be one whose values can be dates."""
    problems = check_structure(MANIFEST.append(pa.field("date", kind)))
    assert problems == (() if fine else (f"date: expected a date, found {kind}",))


def test_a_file_without_rows_may_have_untyped_columns() -> None:
    """Writers cannot know the type of a column without values."""
    assert check_structure(with_type("image_id", pa.null()), rows=0) == ()


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("uri", pa.large_string(), "s3://shop/ä"),
        ("uri", pa.string_view(), "s3://shop/a-name-that-is-longer-than-twelve-bytes"),
        ("delivery_id", pa.dictionary(pa.int8(), pa.string()), "north"),
        ("delivery_id", pa.dictionary(pa.int64(), pa.large_string()), "north"),
        ("category", pa.null(), None),
        ("bytes", pa.int32(), 7),
        ("bytes", pa.uint64(), 7),
        ("bytes", pa.decimal128(38, 0), Decimal(7)),
        ("bytes", pa.decimal128(10, 2), Decimal("7.00")),
        ("bytes", pa.decimal32(5, 0), Decimal(7)),
        ("bytes", pa.decimal256(76, 0), Decimal(7)),
        ("bytes", pa.dictionary(pa.int8(), pa.int64()), 7),
        ("width_px", pa.int64(), 7),
        ("taken_at", pa.timestamp("s", "UTC"), NOON),
        ("taken_at", pa.timestamp("ns", "Europe/Berlin"), NOON),
    ],
)
def test_a_harmless_variant_is_converted(name: str, kind: pa.DataType, value: object) -> None:
    """Types of other writers that hold the same values are read and converted to ours."""
    values = [value, None, value]
    column = pa.array(values, kind.value_type if pa.types.is_dictionary(kind) else kind)
    if pa.types.is_dictionary(kind):
        column = column.dictionary_encode().cast(kind)
    table = with_column(name, column)
    assert check_structure(table.schema) == ()
    conformed, bits = conform(table)
    assert conformed.schema.equals(MANIFEST, check_metadata=True)
    assert conformed.column(name).to_pylist() == values
    assert not bits.any()


def test_nullable_columns_may_be_missing_and_other_columns_are_ignored() -> None:
    """A manifest says what it knows."""
    table = manifest({}, {"image_id": "b"}).select(NARROW).append_column("colour", pa.array(["red", "blue"]))
    assert check_structure(table.schema) == ()
    conformed, _ = conform(table)
    assert conformed.column_names == MANIFEST.names
    assert conformed.column("sha256").null_count == 2


def test_blank_text_counts_as_null() -> None:
    """An empty ETag shared by every file would make all files the same."""
    conformed, _ = conform(manifest({"etag": "", "sha256": " ", "category": "\t", "product_id": " "}))
    (row,) = conformed.to_pylist()
    assert (row["etag"], row["sha256"], row["category"], row["product_id"]) == (None, None, None, " ")


@pytest.mark.parametrize(
    ("name", "column", "kept"),
    [
        ("width_px", pa.array([2**40, 7, None], pa.int64()), [None, 7, None]),
        ("bytes", pa.array([2**63, 7, None], pa.uint64()), [None, 7, None]),
        ("bytes", pa.array([Decimal("7.5"), Decimal(7), None], pa.decimal128(9, 1)), [None, 7, None]),
        ("bytes", pa.array([Decimal(10) ** 60, Decimal(7), None], pa.decimal256(76, 0)), [None, 7, None]),
        (
            "taken_at",
            pa.array([2**61, 0, None], pa.timestamp("s", "UTC")),
            [None, datetime(1970, 1, 1, tzinfo=UTC), None],
        ),
    ],
)
def test_a_number_that_does_not_fit_is_a_fault_of_its_row(name: str, column: pa.Array, kept: list[Any]) -> None:
    """Nothing is truncated silently, and the rows beside it are unchanged."""
    table = with_column(name, column)
    problem = "does not fit" if name == "taken_at" else "is not a whole number that fits"
    assert faults(table) == [[f"{name} {problem} {MANIFEST.field(name).type}"], [], []]
    assert conform(table)[0].column(name).to_pylist() == kept


@pytest.mark.parametrize(
    ("value", "fault", "kept"),
    [
        (b"caf\xe9", "is not valid UTF-8", r"caf\xe9"),
        (b"\xed\xa0\x80", "is not valid UTF-8", r"\xed\xa0\x80"),
        (b"a\0b", "has control characters", r"a\x00b"),
        (b"\x1b[31mred", "has control characters", r"\x1b[31mred"),
        ("\u009b31m".encode(), "has control characters", r"\x9b31m"),
        ("ä".encode() * 600, "is longer than 1024 bytes", "ä" * 40 + "..."),
    ],
)
def test_unstorable_text_is_a_fault_of_its_row(value: bytes, fault: str, kept: str) -> None:
    """It is named, and its replacement can be stored and shown."""
    table = with_column("image_id", raw_text(b"good", value, "größe 42 中文".encode()))
    assert faults(table) == [[], [f"image_id {fault}"], []]
    assert conform(table)[0].column("image_id").to_pylist() == ["good", kept, "größe 42 中文"]


def test_every_fault_of_a_row_is_reported() -> None:
    """The author can fix all of them at once."""
    table = with_column("image_id", raw_text(b"\xff" * 20))
    table = table.set_column(MANIFEST.get_field_index("uri"), "uri", pa.array(["x" * (MAX_TEXT["uri"] + 1)]))
    table = table.set_column(MANIFEST.get_field_index("bytes"), "bytes", pa.array([2**63], pa.uint64()))
    assert faults(table) == [
        ["image_id is not valid UTF-8", "uri is longer than 16384 bytes", "bytes is not a whole number that fits int64"]
    ]


def test_a_signed_address_is_unchanged() -> None:
    """Its encoding is part of its signature."""
    uri = "https://shop.example/a%2Fb%20c.jpg?X-Amz-Signature=%2B%2f&q=a+b%25#x"
    assert conform(manifest({"uri": uri}))[0].column("uri").to_pylist() == [uri]


@pytest.mark.parametrize(
    ("column", "days", "bad"),
    [
        (
            pa.array(["2026-01-05", None, " ", "2026-1-5", "20260105", "2026-02-30", "x"]),
            [5, None, None, *[None] * 4],
            4,
        ),
        (pa.array(["2026-01-05"]).dictionary_encode(), [5], 0),
        (pa.array([date(2026, 1, 5), None], pa.date32()), [5, None], 0),
        (pa.array([date(2026, 1, 5), None], pa.date64()), [5, None], 0),
        (pa.array([datetime(2026, 1, 5), datetime(2026, 1, 5, 1)], pa.timestamp("ns")), [5, None], 1),
        (pa.array([datetime(2026, 1, 5, tzinfo=UTC)], pa.timestamp("s", "UTC")), [5], 0),
        (pa.array([10_000_000, -10_000_000], pa.int32()).cast(pa.date32()), [None, None], 2),
        (pa.nulls(2), [None, None], 0),
        (raw_text(b"\xff\xfe"), [None], 1),
    ],
)
def test_a_day_is_read_from_dates_text_and_midnights(column: pa.Array, days: list[int | None], bad: int) -> None:
    """Other values are not a day, and no stated value becomes null."""
    found, flags = days_of(pa.chunked_array([column]))
    assert found.to_pylist() == [day and date(2026, 1, day) for day in days]
    assert flags.sum() == bad
    assert days_of(pa.chunked_array([], column.type))[0].to_pylist() == []
