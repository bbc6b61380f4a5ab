"""Tiny deliveries as a supplier would upload them: photographs with and without a product."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cutouts.core.pixels import Bytes
from cutouts.intake import folder_manifest


def product(number: int) -> Bytes:
    """A red ball on a light grey sweep, uint8 240×320×3 BGR; no two numbers give the same picture."""
    backdrop = np.full((240, 320, 3), 232, np.uint8)
    cv2.circle(backdrop, (150 + 4 * number, 120), 70 + number, (40, 30, 170), -1, cv2.LINE_AA)
    return backdrop


def nothing(number: int) -> Bytes:
    """An empty sweep of one grey, uint8 240×320×3 BGR."""
    return np.full((240, 320, 3), 200 + number, np.uint8)


def photograph(folder: Path, *pictures: Bytes) -> Path:
    """Write the pictures as `folder/00.png` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{index:02}.png"), picture)
    return folder


def manifest_of(studio: Path) -> pa.Table:
    """One row per photograph below `studio`, whose folders are the deliveries."""
    return folder_manifest(studio)[0]


def land(manifests: Path, name: str, day: date, table: pa.Table) -> Path:
    """Write the manifest of one day as a dataset, with `_SUCCESS` last."""
    folder = manifests / name / f"date={day.isoformat()}"
    folder.mkdir(parents=True)
    pq.write_table(table, folder / "part-0.parquet")
    (folder / "_SUCCESS").touch()
    return folder
