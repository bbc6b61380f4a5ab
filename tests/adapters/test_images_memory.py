"""The memory that decoding takes is estimated from above before decoding."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from cutouts.adapters.images import decode, decode_bytes
from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason
from tests.adapters.pictures import scene, written

ROOT = Path(__file__).parents[2]


def test_no_kind_takes_more_memory_than_estimated() -> None:
    """Files of 2 MP are measured in a separate process; the estimate is too large only by a bounded factor."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.adapters.memory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    rows = [line.split("\t") for line in run.stdout.splitlines()]
    assert len(rows) == 18
    for name, estimate, measured in rows:
        assert 0 < int(measured) <= int(estimate) <= 8 * int(measured) + (16 << 20), name


def test_a_file_that_is_not_an_image_has_no_estimate() -> None:
    """A header that is cut off has none either."""
    assert decode_bytes(b"no image") == 0
    assert decode_bytes(written(scene(), "PNG")[:20]) == 0


def test_an_image_that_needs_too_much_memory_is_refused_by_its_header() -> None:
    """A few pixels of many deep samples count as much as many pixels."""
    data = bytearray(written(scene(), "TIFF"))
    place = data.index(struct.pack("<HH", 277, 3)) + 8
    data[place : place + 2] = struct.pack("<H", 60_000)
    with pytest.raises(ImageRejected) as caught:
        decode(bytes(data), max_pixels=100_000)
    assert caught.value.reason is RejectionReason.TOO_LARGE
    assert "MiB to decode" in caught.value.detail
