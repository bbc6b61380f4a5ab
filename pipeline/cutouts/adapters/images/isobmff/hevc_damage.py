"""Finds damage in the HEVC data of a HEIC file with libde265, because libheif does not report its warnings.

This uses the copy of libde265 that pillow-heif installs and uses itself.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

from cutouts.adapters.images.isobmff.coded_sizes import parameter_sets
from cutouts.adapters.images.isobmff.items import Container, Item
from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

UNCHECKED = "its pixels could not be checked for damage (libde265 was not found)"


def damage(container: Container) -> tuple[str, ...]:
    """A note if the pixels cannot be checked. Raises ImageRejected if libde265 finds them damaged."""
    library = _library()
    if library is None:
        return (UNCHECKED,)
    for number in dict.fromkeys(container.coded()):
        item = container.items.get(number, Item())
        if item.kind == b"hvc1" and (words := _warning(library, _units(container.data, item))):
            raise ImageRejected(RejectionReason.DAMAGED, f"HEIC: its compressed pixels are damaged ({words})")
    return ()


def _units(data: bytes, item: Item) -> list[bytes]:
    """The parameter sets and the coded slices of one item (ISO/IEC 14496-15, 8.3.3)."""
    if sum(end - start for start, end in item.extents) > len(data):
        raise ImageRejected(RejectionReason.DAMAGED, "HEIC: the pieces of its pixels overlap")
    body = b"".join(data[start:end] for start, end in item.extents)
    place = item.properties.get(b"hvcC")
    units = [] if place is None else list(parameter_sets(data, place))
    size = 4 if place is None else (data[place + 21] & 3) + 1
    offset = 0
    while offset + size <= len(body):
        length = int.from_bytes(body[offset : offset + size], "big")
        units.append(body[offset + size : offset + size + length])
        offset += size + length
    return units


def _warning(library: ctypes.CDLL, units: list[bytes]) -> str:
    """The error, or else the first warning, of libde265 for the picture in `units`; empty if there is none."""
    decoder = library.de265_new_decoder()
    try:
        for unit in units:
            library.de265_push_NAL(decoder, unit, len(unit), 0, None)
        library.de265_flush_data(decoder)
        more, error = ctypes.c_int(1), 0
        while more.value and not error:
            error = library.de265_decode(decoder, ctypes.byref(more))
            while library.de265_get_next_picture(decoder):
                library.de265_release_next_picture(decoder)
        error = error or library.de265_get_warning(decoder)
        return str(library.de265_get_error_text(error).decode()) if error else ""
    finally:
        library.de265_free_decoder(decoder)


@cache
def _library() -> ctypes.CDLL | None:
    import pillow_heif

    base = Path(pillow_heif.__file__).parents[1]
    for folder in (base / "pillow_heif.libs", base / "pillow_heif" / ".dylibs", base):
        for path in sorted(folder.glob("libde265*")):
            return _declared(ctypes.CDLL(str(path)))
    return None


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    handle, number = ctypes.c_void_p, ctypes.c_int
    signatures = {
        "de265_new_decoder": ([], handle),
        "de265_push_NAL": ([handle, ctypes.c_char_p, number, ctypes.c_int64, handle], number),
        "de265_flush_data": ([handle], number),
        "de265_decode": ([handle, ctypes.POINTER(number)], number),
        "de265_get_next_picture": ([handle], handle),
        "de265_release_next_picture": ([handle], None),
        "de265_get_warning": ([handle], number),
        "de265_get_error_text": ([number], ctypes.c_char_p),
        "de265_free_decoder": ([handle], number),
    }
    for name, (takes, gives) in signatures.items():
        function = getattr(library, name)
        function.argtypes, function.restype = takes, gives
    return library
