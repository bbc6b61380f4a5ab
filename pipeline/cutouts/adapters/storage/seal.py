"""The seal of a Parquet file: digests of its bytes, stored between pages and footer, which Parquet readers skip.

Parquet's own checksums do not cover headers and the footer. A flipped bit there gives wrong data or ends the process. A
sealed file is an ordinary Parquet file. It is read in blocks, and each is compared with its digest (the idea of
dm-verity), so that a part of a file is verified without reading the rest.

    pages | SHA-256 of each block of the pages | length of the pages, 8 B | SHA-256 of the two fields before and of the
    footer | magic, 8 B | footer
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_BLOCK = 1 << 18
_TAIL = 1 << 18
"""This many bytes at the end are read first and together. This is all of a small file, in one request on S3."""
_MAGIC = b"sealed:1"
_DIGEST = 32
_LENGTH = 8
_FIXED = _LENGTH + _DIGEST + len(_MAGIC)
_END = 8
"""A Parquet file ends with the footer's length (4 bytes, little-endian) and `PAR1`."""


@contextmanager
def sealing(stream: Any) -> Iterator[SealedStream]:
    """The stream for a Parquet writer. `SealedStream.footer_follows` must be called before the writer is closed."""
    sink = SealedStream(stream)
    yield sink
    sink.finish()


class SealedStream(io.RawIOBase):
    """A binary stream for a Parquet writer, which passes on the written bytes and adds the seal."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self._written = 0
        self._digests: list[bytes] = []
        self._block = bytearray()
        self._end: bytearray | None = None

    def writable(self) -> bool:
        """True: this stream is only for writing."""
        return True

    def write(self, data: Any) -> int:
        """Pass the bytes on, or keep them once the footer follows. Returns how many bytes were written."""
        piece = bytes(data)
        self._written += len(piece)
        if self._end is None:
            self._pass_on(piece)
        else:
            self._end += piece
        return len(piece)

    def tell(self) -> int:
        """How many bytes were written, without the seal, which comes after all pages."""
        return self._written

    def footer_follows(self) -> None:
        """Say that the writer is about to close, which writes the footer."""
        self._end = bytearray()

    def finish(self) -> None:
        """Write the seal and the footer. The underlying stream stays open."""
        end = bytes(self._end or b"")
        footer = end[len(end) - _footer_size(end) :]
        self._pass_on(end[: len(end) - len(footer)])
        digests = b"".join([*self._digests, *_digests(self._block)])
        length = (self._written - len(footer)).to_bytes(_LENGTH, "little")
        root = hashlib.sha256(digests + length + footer).digest()
        self._stream.write(digests + length + root + _MAGIC + footer)

    def _pass_on(self, piece: bytes) -> None:
        self._stream.write(piece)
        self._block += piece
        whole = len(self._block) // _BLOCK * _BLOCK
        self._digests += _digests(self._block[:whole])
        del self._block[:whole]


class SealedFile(io.RawIOBase):
    """A sealed Parquet file for a reader. Raises OSError without an errno if bytes do not match the seal.

    It must be read without Arrow's threads (`pre_buffer=False`, `use_threads=False`). They free Python's bytes later,
    and if the interpreter ends just then, the process is aborted.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self._size = stream.seek(0, os.SEEK_END)
        self._place = 0
        self._tail_at = max(0, self._size - _TAIL)
        stream.seek(self._tail_at)
        self._tail = bytes(stream.read(self._size - self._tail_at))
        self._pages, self._digests, self._end = self._opened()
        self._last = (-1, b"")

    def readable(self) -> bool:
        """True: this stream is only for reading."""
        return True

    def seekable(self) -> bool:
        """True, because readers begin at the end."""
        return True

    def size(self) -> int:
        """The size of the file in B."""
        return int(self._size)

    def tell(self) -> int:
        """The position of the next read."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position of the next read, and return it."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, verified: `size` of them, or all that follow if it is None or negative."""
        stop = self._size if size is None or size < 0 else min(self._place + size, self._size)
        pieces = []
        while self._place < stop:
            if self._place >= self._pages:
                piece = self._end[self._place - self._pages : stop - self._pages]
            else:
                number, begin = divmod(self._place, _BLOCK)
                piece = self._verified(number)[begin : begin + stop - self._place]
            pieces.append(piece)
            self._place += len(piece)
        return b"".join(pieces)

    def _opened(self) -> tuple[int, bytes, bytes]:
        """The length of the pages in B, the digests of their blocks, and all bytes after the pages."""
        behind = _footer_size(self._at(max(0, self._size - _END), _END)) + _FIXED
        if behind > self._size:
            raise OSError("its end is missing or damaged")
        fixed = self._at(self._size - behind, behind)
        if fixed[_FIXED - len(_MAGIC) : _FIXED] != _MAGIC:
            raise OSError("its end is damaged, or it was not written by this version of cutouts")
        length, root, footer = fixed[:_LENGTH], fixed[_LENGTH : _LENGTH + _DIGEST], fixed[_FIXED:]
        pages = int.from_bytes(length, "little")
        blocks = -(-pages // _BLOCK)
        if pages + blocks * _DIGEST + behind != self._size:
            raise OSError("its end does not match its size")
        digests = self._at(pages, blocks * _DIGEST)
        if hashlib.sha256(digests + length + footer).digest() != root:
            raise OSError("its end does not match its digest")
        return pages, digests, digests + fixed

    def _at(self, place: int, size: int) -> bytes:
        if place >= self._tail_at:
            return self._tail[place - self._tail_at : place - self._tail_at + size]
        self._stream.seek(place)
        return bytes(self._stream.read(size))

    def _verified(self, number: int) -> bytes:
        """A block of the pages, verified."""
        if self._last[0] != number:
            begin = number * _BLOCK
            block = self._at(begin, min(_BLOCK, self._pages - begin))
            if hashlib.sha256(block).digest() != self._digests[number * _DIGEST : (number + 1) * _DIGEST]:
                raise OSError(f"the {len(block)} B from {begin} on do not match their digest")
            self._last = (number, block)
        return self._last[1]


def _digests(data: bytes | bytearray) -> list[bytes]:
    return [hashlib.sha256(data[begin : begin + _BLOCK]).digest() for begin in range(0, len(data), _BLOCK)]


def _footer_size(end: bytes) -> int:
    """The size of the footer in B, including its length and the final magic, from the last bytes of a Parquet file."""
    return int.from_bytes(end[-_END:-4], "little") + _END
