"""Makes a manifest of a folder of images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from pipeline.adapters.images import SUFFIXES, read_size
from pipeline.adapters.storage.sources import image_files
from pipeline.adapters.storage.tables import table_of
from pipeline.core.errors import ManifestError
from pipeline.core.records import ImageRecord
from schemas.tables import MANIFEST

_THREADS = 4
"""Files that are read at once; reading and hashing release the GIL."""


def folder_manifest(
    folder: Path, *, without: Path | None = None, on_image: Callable[[], None] = lambda: None
) -> tuple[pa.Table, date]:
    """A manifest of every image below `folder` (not below `without`), and its day: when the newest file was written.

    `image_id` is the relative path, `product_id` the same without its suffix, `delivery_id` the first folder level,
    else the folder's name. Each file is read once for its sha256; what cannot be read is listed all the same, so that
    its rejection is recorded. Raises ManifestError where there is no image.
    """
    root = folder.resolve()
    files = list(image_files(root, SUFFIXES, without=without and without.resolve()))
    if not files:
        raise ManifestError(f"there are no images in {folder}", [f"looked for {', '.join(sorted(SUFFIXES))}"])
    with ThreadPoolExecutor(_THREADS) as pool:
        records = [_told(record, on_image) for record in pool.map(lambda file: _record(file, root), files)]
    return table_of(records, MANIFEST), _newest(files)


def _told(record: ImageRecord, on_image: Callable[[], None]) -> ImageRecord:
    on_image()
    return record


def _record(file: Path, root: Path) -> ImageRecord:
    relative = file.relative_to(root)
    data = _bytes(file)
    size = read_size(data) if data else None
    return ImageRecord(
        image_id=relative.as_posix(),
        product_id=relative.with_suffix("").as_posix(),
        delivery_id=relative.parts[0] if len(relative.parts) > 1 else root.name,
        uri=str(file),
        sha256=None if data is None else hashlib.sha256(data).hexdigest(),
        bytes=None if data is None else len(data),
        width_px=size and size[0],
        height_px=size and size[1],
    )


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None  # prepare will reject it, with its reason


def _newest(files: Sequence[Path]) -> date:
    written = max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
    return datetime.fromtimestamp(written, UTC).date()
