"""Whether the rows of a manifest are usable, delivery by delivery."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from cutouts.core.manifests.checks import CONTENT_COLUMNS, check_content
from cutouts.schemas.tables import MANIFEST


def row(image_id: str | None = "a.jpg", delivery_id: str | None = "north", **stated: object) -> dict[str, object]:
    """One row of a manifest, sound unless changed."""
    usual = {"image_id": image_id, "product_id": "shoe", "delivery_id": delivery_id, "uri": f"s3://shop/{image_id}"}
    return dict.fromkeys(MANIFEST.names) | usual | stated


def manifest(*rows: dict[str, object]) -> pa.Table:
    """A manifest of these rows."""
    return pa.Table.from_pylist(list(rows), schema=MANIFEST)


def test_a_sound_manifest_has_no_problems() -> None:
    """Two deliveries may share an image_id, and unknown or empty files are allowed."""
    assert check_content(manifest(row(bytes=0), row(delivery_id="south"), row("b.jpg", bytes=9))) == ()
    assert check_content(manifest()) == ()


def problems(*rows: dict[str, object]) -> list[tuple[Any, ...]]:
    """Delivery, problem, count and rows of each problem."""
    return [(found.delivery_id, found.problem, found.count, found.rows) for found in check_content(manifest(*rows))]


@pytest.mark.parametrize("column", ["image_id", "product_id", "uri"])
@pytest.mark.parametrize("value", [None, "", " \t"])
def test_missing_ids_and_uris_are_found(column: str, value: str | None) -> None:
    """Null, empty and blank are all missing, and only their own delivery has the problem."""
    found = problems(row(), row("x") | {column: value}, row(delivery_id="south"))
    assert found == [("north", f"{column} is missing", 1, (2,))]


def test_repeated_images_are_found_by_delivery() -> None:
    """All rows of a repeated image are listed, in its delivery."""
    rows = [row("a"), row("b"), row("a", "south"), row("a"), row("c", "south"), row("b", "south"), row("c", "south")]
    words = "duplicate image_id in the delivery"
    assert problems(*rows) == [("north", words, 2, (1, 4)), ("south", words, 2, (5, 7))]


@pytest.mark.parametrize("delivery_id", [None, "", "  "])
def test_rows_without_a_delivery_are_a_separate_group(delivery_id: str | None) -> None:
    """They are refused as one group, and their images are not reported as duplicates."""
    found = problems(row(), row("b.jpg", delivery_id), row("b.jpg", delivery_id))
    assert found == [(None, "delivery_id is missing", 2, (2, 3))]


def test_negative_sizes_are_found() -> None:
    """A file cannot have a negative size."""
    assert problems(row(bytes=-1)) == [("north", "bytes is negative", 1, (1,))]


@pytest.mark.parametrize("delivery_id", ["x" * 240, "..", "."], ids=["long", "up", "here"])
def test_a_delivery_whose_id_cannot_be_a_key_is_found(delivery_id: str) -> None:
    """Keys name runs and folders, so an unsuitable id is refused early."""
    (found,) = problems(row(), row("b", delivery_id), row("c", "x" * 239))
    assert found[0] == delivery_id
    assert "cannot be a key" in found[1]


def test_the_first_ten_rows_are_listed_and_all_are_counted() -> None:
    """The author of the manifest can find the rows, however many there are."""
    (found,) = check_content(manifest(*(row(f"{number}.jpg", uri="") for number in range(25))))
    assert (found.count, found.rows) == (25, tuple(range(1, 11)))
    assert found.image_ids == tuple(f"{number}.jpg" for number in range(10))
    assert str(found).startswith("delivery 'north': uri is missing: 25 rows: 1 (0.jpg), 2 (1.jpg)")


def test_content_is_found_across_the_chunks_of_a_table() -> None:
    """A dataset is read in chunks, each with its own dictionary."""
    pieces = [manifest(row("a", delivery)) for delivery in ("north", "south", "east", "north")]
    table = pa.concat_tables([pieces[0], manifest(), *pieces[1:]]).select(CONTENT_COLUMNS)
    (found,) = check_content(table)
    assert (found.delivery_id, found.rows) == ("north", (1, 4))
