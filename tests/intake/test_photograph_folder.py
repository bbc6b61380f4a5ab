"""A manifest is made from a folder."""

from __future__ import annotations

import struct
from pathlib import Path

from cutouts.intake import folder_manifest


def test_an_image_with_too_many_pixels_is_listed_without_a_size(tmp_path: Path) -> None:
    """It is rejected when it is read and must not stop the others of its folder."""
    header = struct.pack(">IIBBBBB", 0xFFFFFFFF, 0xFFFFFFFF, 8, 0, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + bytes(64))
    table, _ = folder_manifest(tmp_path)
    (row,) = table.to_pylist()
    assert (row["image_id"], row["width_px"], row["height_px"]) == ("a.png", None, None)
