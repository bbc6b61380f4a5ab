"""Tables of other versions: an older one is read in the current columns, and a newer one is refused unchanged."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_tables import check_table, read_row_group, read_table, read_tables, write_table
from cutouts.core.errors import DamagedError, StorageError
from cutouts.schemas.tables import MASKS, TABLES, version_of

ROW: dict[str, object] = dict.fromkeys(
    ("image_id", "uri", "sha256", "matte_digest", "render_digest", "mask", "cutout"), "x"
)

FROZEN = Path(__file__).parent / "frozen"
_VALUES = {
    "string": "x",
    "int32": 7,
    "int64": 7,
    "float": 0.5,
    "double": 0.5,
    "bool": True,
    "date32[day]": date(2026, 1, 5),
    "timestamp[us, tz=UTC]": datetime(2026, 1, 5, tzinfo=UTC),
    "list<item: string>": ["x"],
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store on this disk."""
    return Store(str(tmp_path))


def masks(version: int, **columns: pa.DataType) -> pa.Table:
    """A row of masks in another version, with these columns in place of the last two and the former `bytes`."""
    fields = [*(MASKS.field(name) for name in ROW), *(pa.field(name, kind) for name, kind in columns.items())]
    schema = pa.schema(fields, metadata={"table": "masks", "version": str(version)})
    return pa.Table.from_pylist([ROW | dict.fromkeys(columns, 7)], schema=schema)


def test_an_older_table_is_read_in_the_current_columns(store: Store) -> None:
    """Missing columns are null or empty lists, types are converted, and removed columns are left out."""
    write_table(store, "m.parquet", masks(0, width_px=pa.int64(), height_px=pa.int8(), gone=pa.int64()))
    today: dict[str, object] = ROW | {"etag": None, "bytes": None, "width_px": 7, "height_px": 7, "notes": []}
    for found in (read_table(store, "m.parquet"), read_row_group(store, "m.parquet", 0)):
        assert found.schema.equals(MASKS)
        assert found.to_pylist() == [today]
    assert read_tables(store, ["m.parquet"], MASKS, ["notes", "width_px"]).to_pylist() == [{"notes": [], "width_px": 7}]


def test_a_table_that_lacks_a_column_of_every_version_is_damaged(store: Store) -> None:
    """Nothing is made up for a column that may not be empty."""
    write_table(store, "m.parquet", masks(0))
    with pytest.raises(DamagedError, match="the column width_px is missing"):
        read_table(store, "m.parquet")


def test_a_newer_table_is_refused_with_what_to_do(store: Store, tmp_path: Path) -> None:
    """The error names the file, both versions and the upgrade; it is not damage, so no repair moves the file."""
    write_table(store, "m.parquet", masks(version_of(MASKS) + 1))
    for read in (read_table, lambda *where: check_table(*where, whole=False)):
        with pytest.raises(StorageError) as caught:
            read(store, "m.parquet")
        assert not isinstance(caught.value, DamagedError)
        known = version_of(MASKS)
        assert str(caught.value) == (
            f"{tmp_path}/m.parquet: the table masks has version {known + 1}, and this program reads it up to version "
            f"{known}. Upgrade cutouts to use this site"
        )


def test_every_table_has_a_name_and_a_version() -> None:
    """The files carry that name."""
    assert all(schema.metadata[b"table"].decode() == name for name, schema in TABLES.items())
    assert min(version_of(schema) for schema in TABLES.values()) >= 1


def sample(schema: pa.Schema) -> pa.Table:
    """Two rows of a table: one with a value in each column, and one with as little as possible."""
    full = {field.name: _VALUES[str(field.type)] for field in schema}
    least = {field.name: None if field.nullable else full[field.name] for field in schema}
    return pa.Table.from_pylist([full, least], schema=schema)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_current_columns_match_the_frozen_file(name: str) -> None:
    """A change of columns needs a new version of the table and a frozen file of it beside the older ones.

    `write_table(Store("tests/adapters/frozen"), f"{name}-{version}.parquet", sample(TABLES[name]))` writes it.
    """
    written = pq.read_schema(FROZEN / f"{name}-{version_of(TABLES[name])}.parquet")
    assert [(one.name, one.type, one.nullable) for one in written] == [
        (one.name, one.type, one.nullable) for one in TABLES[name]
    ]


@pytest.mark.parametrize("file", sorted(FROZEN.glob("*.parquet")), ids=lambda file: str(file.stem))
def test_tables_of_every_version_are_read(file: Path) -> None:
    """They are read in the current columns."""
    name = file.stem.rpartition("-")[0]
    found = read_table(Store(str(FROZEN)), file.name)
    assert found.schema.equals(TABLES[name])
    assert found == sample(TABLES[name]) or version_of(pq.read_schema(file)) < version_of(TABLES[name])
