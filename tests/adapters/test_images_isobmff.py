"""AVIF and HEIC: limits apply to the coded size, crops are applied, and tiles are assembled."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pillow_heif
import pytest

from cutouts.adapters.images import decode, decode_bytes, isobmff, read_size
from cutouts.adapters.images.isobmff import av1_damage, coded_sizes, hevc_damage
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Photograph
from cutouts.core.rejection_reasons import RejectionReason
from tests.adapters.pictures import scene, written

FORMS: dict[str, dict[str, Any]] = {
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    "HEIF": {"quality": 100, "chroma": 444},
}


def read(data: bytes, max_pixels: int = 1_000_000) -> Photograph:
    """`data` decoded with ample memory."""
    return decode(data, max_pixels=max_pixels)


def refusal(data: bytes, max_pixels: int = 1_000_000) -> ImageRejected:
    """The rejection of `data`."""
    with pytest.raises(ImageRejected) as caught:
        read(data, max_pixels)
    return caught.value


def box(name: bytes, body: bytes) -> bytes:
    """A box."""
    return struct.pack(">I", 8 + len(body)) + name + body


def with_property(data: bytes, name: bytes, body: bytes) -> bytes:
    """`data` with one additional property, which belongs to the main picture."""
    added = box(name, body)
    ipco, ipma = data.index(b"ipco"), data.index(b"ipma")
    number = _count(data, ipco) + 1
    entry = ipma + 4 + 4 + 4 + 2
    changed = bytearray(data)
    changed[entry] += 1
    changed[entry + 1 + data[entry] : entry + 1 + data[entry]] = bytes((number | 0x80,))
    end = ipco - 4 + int.from_bytes(data[ipco - 4 : ipco], "big")
    changed[end:end] = added
    grown = {b"ipma": 1, b"ipco": len(added), b"iprp": len(added) + 1, b"meta": len(added) + 1}
    for parent, more in grown.items():
        place = bytes(changed).index(parent) - 4
        changed[place : place + 4] = struct.pack(">I", int.from_bytes(changed[place : place + 4], "big") + more)
    return _moved(bytes(changed), len(added) + 1)


def _count(data: bytes, ipco: int) -> int:
    place, end, count = ipco + 4, ipco - 4 + int.from_bytes(data[ipco - 4 : ipco], "big"), 0
    while place < end:
        place, count = place + int.from_bytes(data[place : place + 4], "big"), count + 1
    return count


def _moved(data: bytes, more: int) -> bytes:
    """The offsets of all items moved by so many bytes (offsets of 4 B, as both writers have them)."""
    start = data.index(b"mdat") + 4
    changed = bytearray(data)
    place = data.index(b"iloc") + 4
    end = place - 8 + int.from_bytes(data[place - 8 : place - 4], "big")
    for at in range(place, end - 3):
        value = int.from_bytes(data[at : at + 4], "big")
        if start - more <= value < len(data) - more and value == start - more:
            changed[at : at + 4] = struct.pack(">I", value + more)
    return bytes(changed)


@pytest.mark.parametrize("form", FORMS)
def test_the_coded_size_is_read_from_the_codec_header(form: str) -> None:
    """Boxes may state another size, and blocks are padded."""
    sizes = list(coded_sizes.sizes(isobmff.parse(written(scene(120, 88), form, **FORMS[form]))))
    assert sizes
    assert all(120 <= width < 120 + 64 and 88 <= height < 88 + 64 for width, height in sizes)


@pytest.mark.parametrize("form", FORMS)
def test_a_large_picture_with_a_small_crop_is_refused(form: str) -> None:
    """The visible part is 16×16 px, but 600×400 px have to be decoded."""
    data = written(scene(600, 400), form, quality=60)
    cropped = with_property(data, b"clap", struct.pack(">IIIIiIiI", 16, 1, 16, 1, 0, 1, 0, 1))
    assert read_size(cropped) == (16, 16)
    assert refusal(cropped, max_pixels=100_000).reason is RejectionReason.TOO_LARGE
    assert decode_bytes(cropped) >= decode_bytes(data)


@pytest.mark.parametrize("form", FORMS)
def test_boxes_that_state_a_smaller_size_do_not_help(form: str) -> None:
    """The codec's own header counts as well."""
    data = written(scene(600, 400), form, quality=60)
    size, small = struct.pack(">II", 600, 400), struct.pack(">II", 40, 30)
    assert refusal(data.replace(size, small), max_pixels=100_000).reason is RejectionReason.TOO_LARGE


@pytest.mark.parametrize("form", FORMS)
def test_crops_are_applied(form: str) -> None:
    """The clean aperture is 40×30 px, 4 px right of and 2 px above the middle."""
    data = written(scene(96, 64), form, **FORMS[form])
    crop = struct.pack(">IIIIiIiI", 40, 1, 30, 1, 4, 1, -2, 1)
    photograph = read(with_property(data, b"clap", crop))
    assert photograph.size == (40, 30)
    assert np.abs(photograph.rgb.astype(int) - scene(96, 64)[15:45, 32:72]).mean() < 3


def test_a_tiled_picture_is_assembled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Phones store tiles, and each tile is checked for damage."""
    monkeypatch.setattr(pillow_heif.options, "GRID_TILE_SIZE", 64)
    data = written(scene(200, 150), "HEIF", quality=95)
    assert np.abs(read(data).rgb.astype(int) - scene(200, 150)).mean() < 3
    assert len(isobmff.parse(data).coded()) == 12
    place = len(data) * 2 // 3
    assert refusal(data[:place] + bytes(range(1, 25)) + data[place + 24 :]).reason in (
        RejectionReason.DAMAGED,
        RejectionReason.TRUNCATED,
    )


def test_the_decoders_that_detect_damage_are_installed() -> None:
    """Without them a note says that nothing was checked; our own environments have them."""
    assert hevc_damage.damage(isobmff.parse(written(scene(), "HEIF"))) == ()
    assert av1_damage.damage(written(scene(), "AVIF")) == ()
