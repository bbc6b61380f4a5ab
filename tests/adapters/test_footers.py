"""Parquet files that are damaged, misstate their content or expand beyond memory are refused with a message."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.parquet import encryption

from cutouts.adapters.storage.manifests import footers, row_groups
from cutouts.adapters.storage.manifests.footers import MAX_COLUMNS, check_unpacked, read_footer
from cutouts.adapters.storage.manifests.row_groups import batches
from cutouts.adapters.storage.manifests.thrift import ParquetError

COLUMNS = ["image_id", "uri", "bytes"]
LONG = "u" * 100_000


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits a hundredth as large, so that a bomb for them is harmless to the test machine."""
    for room, name in ((footers, "FREE_BYTES"), (row_groups, "MAX_PAGES"), (row_groups, "TEXT_AT_ONCE")):
        monkeypatch.setattr(room, name, getattr(room, name) // 100)


def table(rows: int = 300) -> pa.Table:
    """Some columns of a manifest."""
    ids = [f"image-{number}" for number in range(rows)]
    return pa.table({"image_id": ids, "uri": [f"s3://b/{one}.jpg" for one in ids], "bytes": np.arange(rows)})


def packed(content: pa.Table, **options: Any) -> bytes:
    """A table as a Parquet file."""
    file = io.BytesIO()
    pq.write_table(content, file, **{"compression": "zstd", "row_group_size": 10**9} | options)
    return file.getvalue()


def repeated(value: str, rows: int) -> pa.DictionaryArray:
    """A text that is in many rows but only once in memory."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value]))


def unpacked(data: bytes) -> Iterator[pa.RecordBatch]:
    """What a reader gets from a file, if anything."""
    stream, size = io.BytesIO(data), 0
    footer = read_footer(stream, len(data))
    check_unpacked(footer, footer.unpacked(COLUMNS))
    for group in range(len(footer.groups)):
        for batch in batches(stream, footer, group, COLUMNS):
            size += batch.nbytes
            check_unpacked(footer, size)
            yield batch


class PlainKeys(encryption.KmsClient):  # type: ignore[misc]  # PyArrow has no types
    """Keeps keys as they are: what a file is encrypted with does not matter here."""

    def wrap_key(self, key_bytes: bytes, _: str) -> str:
        """The key, as text."""
        return key_bytes.hex()

    def unwrap_key(self, wrapped_key: str, _: str) -> bytes:
        """The key again."""
        return bytes.fromhex(wrapped_key)


def varint(number: int) -> bytes:
    """A number in Thrift's compact encoding."""
    number, found = number << 1, bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def lying(data: bytes, true: int, false: int, *, begin: int = 0) -> bytes:
    """The file with one number replaced by another one of equal encoded length."""
    assert len(varint(true)) == len(varint(false))
    at = data.index(varint(true), begin)
    return data[:at] + varint(false) + data[at + len(varint(true)) :]


def footer_begins(data: bytes) -> int:
    """The offset of the footer."""
    return len(data) - 8 - int(struct.unpack("<I", data[-8:-4])[0])


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "none", "use_dictionary": False},
        {"compression": "snappy", "data_page_version": "2.0"},
        {"compression": "gzip", "row_group_size": 7},
        {"compression": "lz4", "data_page_size": 64, "write_page_index": True},
        {
            "use_dictionary": False,
            "column_encoding": {"image_id": "DELTA_BYTE_ARRAY", "uri": "DELTA_LENGTH_BYTE_ARRAY", "bytes": "PLAIN"},
        },
    ],
)
def test_files_are_read_whatever_options_the_writer_chose(options: dict[str, Any]) -> None:
    """Encodings, compressions and sizes of pages and row groups do not change the rows."""
    assert pa.Table.from_batches(unpacked(packed(table(), **options))) == table()


def test_nested_columns_beside_ours_are_ignored() -> None:
    """They are ignored even if one in them has the name of one of our columns."""
    nested = pa.array([[{"uri": "x", "deeper": [1, 2]}]] * 300)
    assert pa.Table.from_batches(unpacked(packed(table().add_column(1, "more", nested)))) == table()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("dictionary", "RLE_DICTIONARY"),
        ("beginnings", "DELTA_BYTE_ARRAY"),
    ],
)
def test_a_small_file_that_expands_too_much_is_refused(content: str, encoding: str) -> None:
    """A text of 100 kB is stored once and repeated over 10 GB of rows, or each row repeats the one before."""
    rows = 100_000 if content == "dictionary" else 400
    uri: Any = repeated(LONG, rows)
    options: dict[str, Any] = {}
    if content == "beginnings":
        uri = pa.array([LONG + str(number) for number in range(rows)])
        plain = dict.fromkeys(["image_id", "bytes"], "PLAIN")
        options = {"use_dictionary": False, "column_encoding": {"uri": encoding, **plain}}
    data = packed(table(rows).set_column(1, "uri", uri), **options)
    assert len(data) < 1_000_000
    with pytest.raises(ParquetError, match=r"bytes unpacked from a file of [\d,]+ bytes; at most [\d,]+ are allowed"):
        sum(batch.num_rows for batch in unpacked(data))


def test_the_size_of_each_batch_is_bounded() -> None:
    """A batch holds few large values, or thousands of small ones."""
    assert next(unpacked(packed(table().set_column(1, "uri", repeated(LONG, 300))))).num_rows < 30
    assert next(unpacked(packed(table(50_000)))).num_rows > 5_000


def test_a_footer_that_states_too_much_data_is_refused_before_reading() -> None:
    """The footer itself states a compression of 10,000 to 1."""
    data = packed(table().set_column(1, "uri", pa.array([LONG] * 300)), use_dictionary=False)
    stream = io.BytesIO(data)
    footer = read_footer(stream, len(data))
    with pytest.raises(ParquetError, match=r"30,\d+,\d+ bytes unpacked"):
        check_unpacked(footer, footer.unpacked(COLUMNS))
    check_unpacked(footer, footers.FREE_BYTES)


def test_pages_larger_than_the_footer_states_are_refused() -> None:
    """The footer may be wrong, so the pages themselves are measured."""
    text = pa.array([LONG] * 300)
    data = packed(table().set_column(1, "uri", text), use_dictionary=False, data_page_size=2**31 - 1)
    (group,) = read_footer(io.BytesIO(data), len(data)).groups
    honest = group.chunks["uri"].unpacked
    lie = lying(data, honest, honest - 28_000_000, begin=footer_begins(data))
    footer = read_footer(io.BytesIO(lie), len(lie))
    assert footer.unpacked(COLUMNS) < footers.FREE_BYTES
    with pytest.raises(ParquetError, match="bytes in the largest pages of a row group"):
        next(batches(io.BytesIO(lie), footer, 0, COLUMNS))


def test_a_dictionary_that_states_more_entries_than_bytes_is_refused() -> None:
    """A reader would allocate all of them first."""
    data = packed(table().set_column(1, "uri", pa.array([f"{number % 100:02}" for number in range(300)])))
    (group,) = read_footer(io.BytesIO(data), len(data)).groups
    lie = lying(data, 100, 8_000, begin=group.chunks["uri"].begin)
    with pytest.raises(ParquetError, match="8,000 values of uri in a dictionary of 600 bytes"):
        next(unpacked(lie))


@pytest.mark.parametrize("false", [299, 301, 8_000])
def test_a_footer_that_contradicts_itself_is_refused(false: int) -> None:
    """Row counts must add up over the row groups, and each column must have as many values."""
    data = packed(table())
    begin = footer_begins(data)
    with pytest.raises(ParquetError, match="damaged"):
        pa.Table.from_batches(unpacked(lying(data, 300, false, begin=begin)))


def test_too_many_columns_are_refused() -> None:
    """Nested ones count too."""
    wide = pa.table({f"c{number}": [1] for number in range(MAX_COLUMNS + 1)})
    data = packed(wide)
    with pytest.raises(ParquetError, match="1,001 columns; at most 1,000"):
        read_footer(io.BytesIO(data), len(data))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"PAR1", "it has 4 bytes"),
        (b"PAR1" + bytes(20), "not written to its end"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "not a Parquet file: name .* a folder of photographs"),
        (b"PAR1" + bytes(20) + b"PARE", "encrypted"),
        (b"PAR1" + bytes(20) + struct.pack("<I", 2**31) + b"PAR1", "the footer is longer than the file"),
        (b"PAR1" + bytes(20) + struct.pack("<I", 8) + b"PAR1", "damaged"),
        (b"PAR1" + b"\x15" * 20 + struct.pack("<I", 20) + b"PAR1", "damaged"),
        (b"PAR1" + b"\x1c" * 200 + struct.pack("<I", 200) + b"PAR1", "nested too deeply"),
        (b"PAR1" + b"\x19\xf8\xff\xff\xff\x7f" + bytes(20) + struct.pack("<I", 26) + b"PAR1", "elements in its lists"),
    ],
)
def test_files_that_are_not_parquet_are_refused_with_a_message(data: bytes, words: str) -> None:
    """Each kind of wrong file has its own message."""
    with pytest.raises(ParquetError, match=words):
        read_footer(io.BytesIO(data), len(data))


def test_a_file_with_an_encrypted_column_says_so() -> None:
    """Its footer can be read, and so can its other columns."""
    settings = encryption.EncryptionConfiguration(footer_key="f", column_keys={"c": ["uri"]}, plaintext_footer=True)
    factory = encryption.CryptoFactory(lambda _: PlainKeys())
    keys = factory.file_encryption_properties(encryption.KmsConnectionConfig(), settings)
    data = packed(table(), encryption_properties=keys)
    footer = read_footer(io.BytesIO(data), len(data))
    with pytest.raises(ParquetError, match="the column uri is encrypted"):
        next(batches(io.BytesIO(data), footer, 0, COLUMNS))
    others = [name for name in COLUMNS if name != "uri"]
    assert next(batches(io.BytesIO(data), footer, 0, others)).num_rows == 300


def test_a_file_with_flipped_bits_never_crashes_the_process() -> None:
    """Bits are flipped in footers and pages of many kinds; the result is rows or an error with a message."""
    chance = random.Random(7)
    kinds: list[dict[str, Any]] = [
        {},
        {"compression": "snappy", "data_page_version": "2.0"},
        {"use_dictionary": False, "compression": "none"},
        {"row_group_size": 40, "write_page_index": True},
    ]
    files = [packed(table(100), **options) for options in kinds]
    refused = 0
    for _ in range(400):
        data = bytearray(chance.choice(files))
        for _ in range(chance.choice([1, 2, 8])):
            at = chance.randrange(footer_begins(bytes(data)) if chance.random() < 0.7 else 4, len(data) - 8)
            data[at] ^= 1 << chance.randrange(8)
        try:
            sum(batch.num_rows for batch in unpacked(bytes(data)))
        except (ParquetError, ValueError, OSError, pa.ArrowException):
            refused += 1
    assert refused > 200
