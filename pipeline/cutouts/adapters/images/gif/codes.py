"""Decodes the codes of a GIF (LZW of variable length), which must give exactly the pixels of the picture."""

from __future__ import annotations

from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

_LARGEST_CODE = 12
_MOST_BYTES = 16 << 20
"""Codes are decoded one by one; more bytes would occupy a worker for many seconds."""


def unpacked(codes: bytes, bits: int, count: int) -> bytes:
    """`count` palette indices, one byte each. `bits` is the minimum code size of the file (bits of an index).

    Raises ImageRejected if the codes are damaged, have too many bytes, or give more or fewer pixels.
    """
    if len(codes) > _MOST_BYTES:
        raise ImageRejected(RejectionReason.TOO_LARGE, f"GIF: a frame of more than {_MOST_BYTES >> 20} MiB")
    pixels, ended = _unpack(codes, bits, count)
    if len(pixels) < count:
        reason = RejectionReason.DAMAGED if ended else RejectionReason.TRUNCATED
        raise ImageRejected(reason, f"GIF: it holds {len(pixels)} of {count} pixels")
    if len(pixels) > count:
        raise ImageRejected(RejectionReason.DAMAGED, "GIF: it holds more pixels than it states")
    return pixels


def _unpack(codes: bytes, bits: int, count: int) -> tuple[bytes, bool]:
    """The indices (a few more than `count` if the codes give too many), and whether the end code was reached."""
    clear, end = 1 << bits, (1 << bits) + 1
    alphabet = [bytes((index & 255,)) for index in range(clear)] + [b"", b""]
    table, size, last = alphabet.copy(), bits + 1, b""
    parts: list[bytes] = []
    given = held = have = 0
    for byte in codes:
        held |= byte << have
        have += 8
        while have >= size:
            code = held & ((1 << size) - 1)
            held >>= size
            have -= size
            if code == clear:
                table, size, last = alphabet.copy(), bits + 1, b""
                continue
            if code == end:
                return b"".join(parts), True
            if code < len(table):
                string = table[code]
            elif code == len(table) and last:
                string = last + last[:1]
            else:
                raise ImageRejected(RejectionReason.DAMAGED, "GIF: its compressed pixels are damaged")
            if last and len(table) < 1 << _LARGEST_CODE:
                table.append(last + string[:1])
                if len(table) == 1 << size and size < _LARGEST_CODE:
                    size += 1
            parts.append(string)
            given += len(string)
            if given > count:
                return b"".join(parts), False
            last = string
    return b"".join(parts), False
