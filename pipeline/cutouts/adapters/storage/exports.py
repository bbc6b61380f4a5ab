"""Exports tables for other programs as Parquet, CSV or JSON lines, to a file or to standard output."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pa_csv

from cutouts.adapters.storage.ownership import require_free, writing_ours
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import write_row_groups
from cutouts.core.errors import OutputError

_Stream = BinaryIO | io.RawIOBase

FORMATS = ("parquet", "csv", "jsonl")
"""The names of the formats, which are also the suffixes of their files."""


def export_table(out: Path, kind: str | None, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> int:
    """Write batches to a file, whole or not at all, and return the number of rows.

    The format is `kind`, or else the file's suffix. Raises OutputError if the format is unknown, or if the file exists
    and is not an unchanged export.
    """
    kind = kind or out.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise OutputError(f"{out}: unknown format: name a file that ends in .{', .'.join(FORMATS)}, or give --format")
    require_free([out], table=(schema.metadata or {}).get(b"table", b"").decode())
    rows = 0

    def counted() -> Iterable[pa.RecordBatch]:
        nonlocal rows
        for batch in batches:
            rows += batch.num_rows
            yield batch

    if kind == "parquet":
        store = open_store(str(out.resolve().parent))
        write_row_groups(store, out.name, (pa.Table.from_batches([one]) for one in counted()), schema)
    else:
        with writing_ours(out) as stream:
            _WRITERS[kind](stream, counted(), schema)
    return rows


def table_bytes(kind: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> bytes:
    """Batches as text. Raises OutputError for Parquet, which is not text."""
    stream = io.BytesIO()
    _require_text(kind)
    _WRITERS[kind](stream, batches, schema)
    return stream.getvalue()


def print_table(kind: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
    """Write batches to standard output as text. Raises OutputError for Parquet, which is not text."""
    _require_text(kind)
    sys.stdout.flush()
    _WRITERS[kind](sys.stdout.buffer, batches, schema)
    sys.stdout.buffer.flush()


def print_lines(rows: Iterable[Mapping[str, object]]) -> None:
    """Write each row to standard output as a line of JSON."""
    sys.stdout.flush()
    for row in rows:
        sys.stdout.buffer.write(_line(row))
    sys.stdout.buffer.flush()


def _require_text(kind: str) -> None:
    if kind not in _WRITERS:
        raise OutputError(f"{kind} cannot be written to standard output: name a file with -o")


def _write_csv(stream: _Stream, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
    options = pa_csv.WriteOptions(quoting_style="needed")
    with pa_csv.CSVWriter(stream, schema, write_options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_lines(stream: _Stream, batches: Iterable[pa.RecordBatch], _: pa.Schema) -> None:
    for batch in batches:
        for row in batch.to_pylist():
            stream.write(_line(row))


def _line(row: Mapping[str, object]) -> bytes:
    return json.dumps(row, default=_plain).encode() + b"\n"


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


_WRITERS: dict[str, Callable[[_Stream, Iterable[pa.RecordBatch], pa.Schema], None]] = {
    "csv": _write_csv,
    "jsonl": _write_lines,
}
