"""Reads structures of Thrift's compact protocol, which Parquet uses for its footer and the header of each page.

PyArrow gives no access to pages, and to the columns of a footer only if the footer is consistent. Otherwise it ends the
process, and a file from a stranger must not be able to do that.
"""

from __future__ import annotations

from typing import TypeAlias

from cutouts.core.errors import CutoutsError

Fields: TypeAlias = "dict[int, Value]"
"""A structure: its values by field number."""
Value: TypeAlias = "int | bytes | list[Value] | Fields | None"

_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)
_DEEPEST = 8
"""Most levels of nested structures; a footer has five."""
_MOST = 2_000_000
"""Most elements of all lists together."""


class ParquetError(CutoutsError):
    """The file is not Parquet, is damaged, or is beyond the limits; the message says which."""


class Incomplete(ParquetError):
    """The structure continues beyond the available bytes."""

    def __init__(self) -> None:
        super().__init__("damaged: it ends in the middle of a structure")


def read_struct(data: bytes) -> tuple[Fields, int]:
    """The structure at the beginning of `data`, and its size in bytes.

    Raises Incomplete if more bytes are needed, ParquetError if it is not a structure or is unreasonably large.
    """
    reader = _Reader(data)
    return reader.struct(0), reader.at


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._elements = 0
        self.at = 0

    def struct(self, depth: int) -> Fields:
        if depth > _DEEPEST:
            raise ParquetError("damaged: structures are nested too deeply")
        fields: Fields = {}
        number = 0
        while (head := self._byte()) != _STOP:
            number = number + (head >> 4) if head >> 4 else self._integer()
            kind = head & 15
            fields[number] = int(kind == _TRUE) if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Value:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind == _DOUBLE:
            return self._bytes(8)
        raise ParquetError(f"damaged: unknown type {kind}")

    def _list(self, depth: int) -> list[Value]:
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._varint()
        self._elements += size
        if self._elements > _MOST:
            raise ParquetError(f"damaged: more than {_MOST:,} elements in its lists")
        return [self._value(head & 15, depth) for _ in range(size)]

    def _integer(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _varint(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
        raise ParquetError("damaged: a number has too many bytes")

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, size: int) -> bytes:
        begin, self.at = self.at, self.at + size
        if self.at > len(self._data):
            raise Incomplete
        return self._data[begin : self.at]


def number_of(fields: Value, field: int) -> int:
    """A number from 0 to 2⁶³ - 1; -1 if the field is missing or anything else."""
    found = fields.get(field) if isinstance(fields, dict) else None
    return found if isinstance(found, int) and 0 <= found < 2**63 else -1


def list_of(fields: Value, field: int) -> list[Value]:
    """A list; empty if the field is missing or not a list."""
    found = fields.get(field) if isinstance(fields, dict) else None
    return found if isinstance(found, list) else []


def struct_of(fields: Value, field: int) -> Fields:
    """A structure; empty if the field is missing or not a structure."""
    found = fields.get(field) if isinstance(fields, dict) else None
    return found if isinstance(found, dict) else {}


def text_of(fields: Value, field: int) -> str:
    """A text; empty if the field is missing or not a text."""
    found = fields.get(field) if isinstance(fields, dict) else None
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""
