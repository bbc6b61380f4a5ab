"""A manifest is made from a folder."""

from __future__ import annotations

import os
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cutouts.intake import folder_manifest


def test_an_image_with_too_many_pixels_is_listed_without_a_size(tmp_path: Path) -> None:
    """It is rejected when it is read and must not stop the others of its folder."""
    header = struct.pack(">IIBBBBB", 0xFFFFFFFF, 0xFFFFFFFF, 8, 0, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + bytes(64))
    table, _ = folder_manifest(tmp_path)
    (row,) = table.to_pylist()
    assert (row["image_id"], row["width_px"], row["height_px"]) == ("a.png", None, None)


@pytest.mark.parametrize("years", [5, 10_000])
def test_a_photograph_of_a_wrong_clock_does_not_date_its_folder_in_the_future(tmp_path: Path, years: int) -> None:
    """A day to come would count as later than every delivery until then, and none of these would be published."""
    (tmp_path / "a.jpg").touch()
    before = datetime.now(UTC).date()
    later = time.time() + years * 365 * 86_400
    os.utime(tmp_path / "a.jpg", (later, later))
    _, day = folder_manifest(tmp_path)
    assert before <= day <= datetime.now(UTC).date()
